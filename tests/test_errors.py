import pickle

from signport.errors import GateError, SignportError


def test_what_a_message_quotes_breaks_no_line_and_no_terminal():
    assert str(SignportError("a.npz: array 'x\n\x1b[2J' is é")) == "a.npz: array 'x  [2J' is é"


def test_an_error_comes_whole_out_of_another_process():
    error = pickle.loads(pickle.dumps(GateError("a\tb")))
    assert (type(error), str(error), error.exit_status) == (GateError, "a b", 1)
