import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from signport.child_process import child_environment
from signport.errors import SignportError
from signport.files import (
    atomic_file,
    atomic_folder,
    read_json,
    remove_unfinished,
    sha256_bytes,
    sha256_file,
    write_bytes,
    write_json,
    write_text,
)


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_whole_and_alone(tmp_path):
    path = tmp_path / "new/deep/file.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.suffix == ".txt"
    assert path.read_text() == "whole"
    assert _names(path.parent) == ["file.txt"]


def test_a_failure_while_writing_leaves_the_earlier_file_and_no_rest(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "earlier")
    with pytest.raises(UnicodeEncodeError), atomic_file(path) as temporary:
        temporary.write_text("half" * 10_000 + "\udc80")
    assert path.read_text() == "earlier"
    assert _names(tmp_path) == ["file.txt"]


def test_files_and_folders_get_the_permissions_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"x")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_an_output_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (lambda path: write_text(path, ""), lambda path: atomic_folder(path).__enter__()):
        with pytest.raises(SignportError, match="cannot create this folder") as raised:
            write(tmp_path / "file/deep/out")
        assert "\n" not in str(raised.value)


def test_a_full_disk_leaves_the_earlier_file_and_no_rest(tmp_path):
    path = tmp_path / "file.bin"
    write_bytes(path, b"earlier")
    # The largest file that the process may write stands in for a disk that fills up: the system call fails likewise.
    code = (
        "import resource, sys\n"
        "from signport.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_bytes(sys.argv[1], bytes(5000))\n"
    )
    environment = child_environment()
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert "SignportError" in done.stderr.splitlines()[-1]
    assert "file.bin: cannot write" in done.stderr.splitlines()[-1]
    assert path.read_bytes() == b"earlier"
    assert _names(tmp_path) == ["file.bin"]


def test_a_folder_replaces_the_earlier_one_whole(tmp_path):
    path = tmp_path / "out"
    for name in ("first", "second"):
        with atomic_folder(path) as temporary:
            (temporary / name).write_text(name)
    assert _names(path) == ["second"]
    assert _names(tmp_path) == ["out"]


def test_a_failure_leaves_the_earlier_folder_and_no_rest(tmp_path):
    path = tmp_path / "out"
    with atomic_folder(path) as temporary:
        (temporary / "first").write_text("")
    with pytest.raises(UnicodeEncodeError), atomic_folder(path) as temporary:
        (temporary / "second").write_text("\udc80")
    assert _names(path) == ["first"]
    assert _names(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_put_in_place_brings_the_earlier_one_back(tmp_path, monkeypatch):
    path = tmp_path / "out"
    path.mkdir()
    (path / "first").write_text("")
    rename = Path.rename

    def refuse_the_new(self, target):
        if Path(target) == path and self.name == "new":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(SignportError, match="out: cannot write"), atomic_folder(path):
        pass
    assert _names(path) == ["first"]
    assert _names(tmp_path) == ["out"]


def test_a_folder_does_not_replace_a_file(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SignportError, match="out: is a file, not a folder"), atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def _killed(folder: Path, code: str) -> None:
    """Runs code in a process that ends as by a kill when `temporary` is half written."""
    script = f"""
import os, sys
from pathlib import Path
from signport.files import atomic_file, atomic_folder
folder = Path(sys.argv[1])
{code}
"""
    environment = child_environment()
    done = subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, check=False)
    assert done.returncode == 9


def test_what_a_killed_process_left_half_written_goes_when_something_is_written_beside_it(tmp_path):
    _killed(tmp_path, "with atomic_file(folder / 'a.bin') as a, atomic_folder(folder / 'b'): os._exit(9)")
    assert len(_names(tmp_path)) == 2
    remove_unfinished(tmp_path)
    assert _names(tmp_path) == []


def test_what_is_being_written_is_not_taken_for_left_behind(tmp_path):
    with atomic_file(tmp_path / "a.bin") as file, atomic_folder(tmp_path / "b") as folder:
        (folder / "inside").write_text("whole")
        file.write_bytes(b"whole")
        remove_unfinished(tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert _names(tmp_path / "b") == ["inside"]
    assert _names(tmp_path) == ["a.bin", "b"]


def test_a_folder_whose_replacement_was_killed_in_between_comes_back(tmp_path):
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "earlier").write_text("")
    kill = (
        "rename = Path.rename\nPath.rename = lambda self, to: os._exit(9) if self.name == 'new' else rename(self, to)"
    )
    _killed(tmp_path, f"{kill}\nwith atomic_folder(folder / 'out'): pass")
    assert not (tmp_path / "out").exists()
    remove_unfinished(tmp_path)
    assert _names(tmp_path) == ["out"]
    assert _names(tmp_path / "out") == ["earlier"]


def test_hidden_files_of_others_stay(tmp_path):
    for name in (".vscode.settings.json", ".file.abcdefgh.bin", "a.signport-abcdefgh.bin"):
        (tmp_path / name).write_text("mine")
    write_text(tmp_path / "file.bin", "")
    assert len(_names(tmp_path)) == 4


def test_json_comes_back_as_it_was_and_nan_is_refused(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"b": [1, 2.5, None], "a": "é"})
    assert list(read_json(path).items()) == [("b", [1, 2.5, None]), ("a", "é")]
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"x": float("nan")})
    assert read_json(path)["a"] == "é"


def test_unreadable_json_is_told_with_its_file(tmp_path):
    with pytest.raises(SignportError, match=r"gone\.json: no such file"):
        read_json(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(SignportError, match=r"bad\.json: not readable as JSON"):
        read_json(tmp_path / "bad.json")


def test_digests_of_content_and_file_agree(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    # The example of FIPS 180-2, appendix B.1.
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_bytes(b"abc") == sha256_file(tmp_path / "file") == wanted
