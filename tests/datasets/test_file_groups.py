"""Which signer or recording a file belongs to."""

import pytest

from signport.datasets.capture_manifest import Manifest
from signport.datasets.class_folders import FoundFile
from signport.datasets.file_groups import file_groups, group_rule
from signport.errors import SignportError


def listed_groups(folder, names, *arguments, **options):
    """File name → group, as a capture that finds these files in the folder has it."""
    with Manifest(":memory:", folder) as manifest:
        manifest.add(
            [FoundFile(name, "A", folder / name, (1, 1)) for name in names], group_rule(folder, *arguments, **options)
        )
        return {file.name: file.group for file in manifest.files() if file.group is not None}


both_ways = pytest.mark.parametrize("groups_of", [file_groups, listed_groups])


@both_ways
def test_groups_come_from_a_mapping_or_a_pattern(groups_of, tmp_path):
    names = ["A/ann_1.png", "B/bob_7.png"]
    assert groups_of(tmp_path, names) == {}
    assert groups_of(tmp_path, names, group_regex=r"/([a-z]+)_") == dict(zip(names, ("ann", "bob"), strict=True))
    assert groups_of(tmp_path, names, dict.fromkeys(names, "x")) == dict.fromkeys(names, "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": {"A/1.png": "ann"}}, "groups: no group for image 'A/2.png'"),
        ({"group_regex": "1"}, "'1' has 0 capturing groups; it needs exactly one"),
        ({"group_regex": "("}, r"'\(' is no regular expression"),
        ({"group_regex": "(1)"}, "does not match image 'A/2.png'"),
    ],
)
@both_ways
def test_an_image_without_a_group_is_refused_where_groups_are_given(groups_of, tmp_path, arguments, message):
    with pytest.raises(SignportError, match=message):
        groups_of(tmp_path, ["A/1.png", "A/2.png"], **arguments)


@both_ways
def test_a_groups_file_tells_those_it_lists_and_must_list_all(groups_of, tmp_path):
    (tmp_path / "groups.csv").write_text("file,group\nB/2.png,bob\nA/gone.png,x\nA/1.png,eve\nA/1.png,ann\n")
    assert groups_of(tmp_path, ["A/1.png", "B/2.png"]) == {"A/1.png": "ann", "B/2.png": "bob"}
    with pytest.raises(SignportError, match=r"groups\.csv: no group for image 'A/3\.png'; add it"):
        groups_of(tmp_path, ["A/1.png", "A/3.png"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,signer\nA/1.png,ann\n", r"columns are \['name', 'signer'\]; it needs the columns file and group"),
        ("file,group\nA/1.png,\n", "image 'A/1.png' has an empty group"),
        ("", "columns are None"),
    ],
)
@both_ways
def test_a_bad_groups_file_is_refused(groups_of, tmp_path, text, message):
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(SignportError, match=rf"groups\.csv: {message}"):
        groups_of(tmp_path, ["A/1.png"])
