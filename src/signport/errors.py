"""What signport raises when a person, not the code, has to act."""


class SignportError(Exception):
    """Bad input or an impossible request.

    The message is one line that names the file, the field and the value, and says what to do. The command line
    prints it without a traceback and exits with `exit_status`.
    """

    exit_status = 2


class GateError(SignportError):
    """An exported model differs from its float model by more than its family allows.

    The input was fine, the result is not.
    """

    exit_status = 1
