"""Which signer or recording a file belongs to."""

import pytest

from signport.datasets.file_groups import file_groups
from signport.errors import SignportError


def test_groups_come_from_a_mapping_or_a_pattern(tmp_path):
    names = ["A/ann_1.png", "B/bob_7.png"]
    assert file_groups(tmp_path, names) == {}
    assert file_groups(tmp_path, names, group_regex=r"/([a-z]+)_") == dict(zip(names, ("ann", "bob"), strict=True))
    assert file_groups(tmp_path, names, dict.fromkeys(names, "x")) == dict.fromkeys(names, "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": {"A/1.png": "ann"}}, "groups: no group for image 'A/2.png'"),
        ({"group_regex": "1"}, "'1' has 0 capturing groups; it needs exactly one"),
        ({"group_regex": "("}, r"'\(' is no regular expression"),
        ({"group_regex": "(1)"}, "does not match image 'A/2.png'"),
    ],
)
def test_an_image_without_a_group_is_refused_where_groups_are_given(tmp_path, arguments, message):
    with pytest.raises(SignportError, match=message):
        file_groups(tmp_path, ["A/1.png", "A/2.png"], **arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,signer\nA/1.png,ann\n", r"columns are \['name', 'signer'\]; it needs the columns file and group"),
        ("file,group\nA/1.png,\n", "image 'A/1.png' has an empty group"),
        ("", "columns are None"),
    ],
)
def test_a_bad_groups_file_is_refused(tmp_path, text, message):
    (tmp_path / "groups.csv").write_text(text)
    with pytest.raises(SignportError, match=rf"groups\.csv: {message}"):
        file_groups(tmp_path, ["A/1.png"])
