import io
import sys

import pytest

from signport.progress import progress_bar, track


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_one_line_at_the_end(capsys):
    with progress_bar("capture hands", 12, unit="images", done=2) as bar:
        bar.advance(4, "found 4")
        bar.advance(6)
        assert capsys.readouterr().err == ""
    line = capsys.readouterr().err
    assert line.startswith("capture hands: 12/12 images in ")
    assert line.endswith("· found 4\n")
    assert line.count("\n") == 1


def test_a_terminal_sees_the_bar_move_and_then_the_line(monkeypatch):
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("capture hands", 3, unit="images") as bar:
        bar.advance(3, "found 3")
    shown = terminal.getvalue()
    assert "3/3" in shown
    assert "capture hands: 3/3 images in" in shown.splitlines()[-1]


def test_a_loop_that_fails_does_not_claim_to_have_ended(capsys):
    with pytest.raises(TypeError), progress_bar("train", 3) as bar:
        bar.advance("no number")
    assert capsys.readouterr().err == ""


def test_track_passes_the_steps_on_and_counts_them(capsys):
    assert list(track("abc", "count letters", 3, unit="letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err.startswith("count letters: 3/3 letters in ")
