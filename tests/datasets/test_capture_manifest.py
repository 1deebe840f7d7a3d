import random
from pathlib import Path

import pytest

from signport.datasets.capture_manifest import Manifest
from signport.datasets.class_folders import FoundFile
from signport.errors import SignportError


def _files(names) -> list[FoundFile]:
    return [FoundFile(name, name.split("/")[0], Path("photos", name), (len(name), 1)) for name in names]


@pytest.fixture
def manifest():
    with Manifest(":memory:", Path("photos")) as manifest:
        yield manifest


def test_files_come_back_in_the_order_of_their_names_whatever_the_order_they_were_found_in(manifest):
    names = ["a/ö.png", "a/z.png", "a-b/1.png", "a/x/1.png", "B/1.png", "a/x-1.png", "a/😀.png"]
    manifest.add(_files(names))
    assert [file.name for file in manifest.files()] == sorted(names)
    assert next(manifest.files()).path == Path("photos/B/1.png")
    assert manifest.counts() == {"B": 1, "a": 5, "a-b": 1}


def test_a_file_more_or_less_changes_its_partition_and_leaves_the_others(manifest):
    names = [f"a/hand{number:03}.png" for number in range(400)]
    manifest.add(_files(names))
    with Manifest(":memory:", Path("photos")) as other:
        other.add(_files([*names[:3], *names[4:], "a/hand200b.png"]))
        first = list(manifest.partitions(8, "x"))
        second = list(other.partitions(8, "x"))
    assert [file.name for partition in first for file in partition.files] == names
    assert max(len(partition.files) for partition in first) <= 32
    assert 30 < len(first) < 80
    assert len({one.key for one in first} - {one.key for one in second}) <= 4


def test_other_content_and_other_options_are_other_partitions(manifest):
    file = _files(["a/1.png"])[0]
    manifest.add([file])
    (plain,) = manifest.partitions(1, "x")
    (bordered,) = manifest.partitions(1, "y")
    assert plain.key != bordered.key
    with Manifest(":memory:", Path("photos")) as other:
        other.add([FoundFile(file.name, "another class", file.path, (file.stamp[0], 2))])
        (changed,) = other.partitions(1, "x")
    assert changed.key != plain.key
    with Manifest(":memory:", Path("elsewhere")) as other:
        other.add([FoundFile(file.name, "another class", file.path, file.stamp, "ann")])
        (same,) = other.partitions(1, "x")
    assert same.key == plain.key


def test_a_manifest_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(SignportError, match=r"gone/files.sqlite: cannot write \(unable to open database file\)"):
        Manifest(tmp_path / "gone/files.sqlite", tmp_path)


def test_names_that_hold_what_a_path_to_a_database_may_not_are_fine(tmp_path):
    folder = tmp_path / "50% of #1?mode=ro"
    folder.mkdir()
    with Manifest(folder / "files.sqlite", tmp_path) as manifest:
        manifest.add(_files(random.Random(0).sample([f"a/{number}.png" for number in range(50)], 50)))
        assert manifest.counts() == {"a": 50}
    assert (folder / "files.sqlite").is_file()
