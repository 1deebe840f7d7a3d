"""What signport raises when a person, not the code, has to act."""

from collections.abc import Collection


class SignportError(Exception):
    """Bad input or an impossible request.

    The message is one line that names the file, the field and the value, and says what to do. The command line
    prints it without a traceback and exits with `exit_status`. What a message quotes from a file may hold line ends and
    what moves a terminal's cursor; they become spaces.
    """

    exit_status = 2

    def __init__(self, message: object = "") -> None:
        super().__init__("".join(sign if sign.isprintable() else " " for sign in str(message)))


class GateError(SignportError):
    """An exported model differs from its float model by more than its family allows.

    The input was fine, the result is not.
    """

    exit_status = 1


def require(holds: bool, key: str, value: object, what: str) -> None:
    """Refuses a setting.

    Args:
        holds: Whether it is as it must be.
        key: Its place in the recipe, such as `training.epochs`.
        value: What it is.
        what: What it must be.

    Raises:
        SignportError: `holds` is false.
    """
    if not holds:
        raise SignportError(f"{key}: {value}; it must be {what}")


def require_known(what: str, name: str, known: Collection[str]) -> None:
    """Refuses a name that nothing has.

    Args:
        what: What it is to name, such as `family`.
        name: The name.
        known: All there are.

    Raises:
        SignportError: `name` is none of them.
    """
    if name not in known:
        raise SignportError(f"{what} {name!r} is unknown; choose one of: {', '.join(known)}")


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
