"""Choosing the images of 22 classes from two folders of letters and digits."""

import json
from pathlib import Path

import pytest
from tests.tools.train_asl_model.class_folders import make_folders
from train_asl_model import prepare_data

ASL22 = ["1", "2", "3", "4", "5", "6", "7", "8", *"BHLMSWDQCVYAR", "None"]


@pytest.fixture
def kaggle(tmp_path):
    """Lower-case letters inside a wrapping folder, digits at the top, and what else Kaggle's set has."""
    letters = make_folders(tmp_path / "letters" / "asl_train" / "asl_train", "abcdefghijklmnopqrstuvwxyz")
    make_folders(letters, ["nothing", "space", "del"])
    return tmp_path / "letters", make_folders(tmp_path / "numbers", "0123456789")


def run(kaggle, output, *options):
    letters, numbers = kaggle
    return prepare_data.main(
        ["--alphabet_dir", str(letters), "--numbers_dir", str(numbers), "--output_dir", str(output), *options]
    )


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.jpg")}


def test_folder_has_the_22_classes_with_n_images_each(kaggle, tmp_path, capsys):
    assert run(kaggle, tmp_path / "data", "--samples_per_class", "5") == 0
    folders = [path for path in (tmp_path / "data").iterdir() if path.is_dir()]
    assert {path.name: len(list(path.iterdir())) for path in folders} == dict.fromkeys(ASL22, 5)
    table = capsys.readouterr().out
    assert "110 images" in table
    assert all(f" {name} " in table for name in ASL22)


def test_images_are_copied_from_the_folder_of_their_class(kaggle, tmp_path):
    run(kaggle, tmp_path / "data", "--samples_per_class", "6")
    for name, content in contents(tmp_path / "data").items():
        label = name.split("/")[0]
        if label != "None":
            assert content.split("/")[0].upper() == label


def test_none_is_drawn_evenly_from_handshapes_that_are_no_class_in_disguise(kaggle, tmp_path):
    run(kaggle, tmp_path / "data", "--samples_per_class", "36")
    sources = [
        content.split("/")[0] for name, content in contents(tmp_path / "data").items() if name.startswith("None")
    ]
    # Z is a 1, U an upright H, G a level Q, and `nothing` shows no hand.
    assert {source: sources.count(source) for source in sources} == dict.fromkeys("efijknoptx09", 3)


def test_a_short_handshape_is_made_up_for_by_the_others(tmp_path):
    letters = make_folders(tmp_path / "letters", [*"ABCDHLMQRSVWY", "E"], images=8)
    numbers = make_folders(tmp_path / "numbers", "12345678", images=8)
    make_folders(numbers, "9", images=1)
    run((letters, numbers), tmp_path / "data", "--samples_per_class", "6")
    none = [name for name in contents(tmp_path / "data") if name.startswith("None")]
    assert sorted(name[5] for name in none) == ["9", *"EEEEE"]


def test_a_class_with_fewer_images_gives_all_of_them(kaggle, tmp_path):
    assert run(kaggle, tmp_path / "data") == 0  # 200 wanted, 6 there
    selection = json.loads((tmp_path / "data" / "selection.json").read_text())
    assert selection["samples_per_class"] == 200
    assert selection["classes"]["Q"]["available"] == 6
    assert len(selection["classes"]["Q"]["files"]) == 6


def test_seed_decides_the_draw_and_nothing_else_does(kaggle, tmp_path):
    letters, _ = kaggle
    for name, seed in (("one", "1"), ("again", "1"), ("other", "2")):
        run(kaggle, tmp_path / name, "--samples_per_class", "3", "--seed", seed)
    make_folders(letters / "asl_train" / "asl_train", ["extra"])
    run(kaggle, tmp_path / "more", "--samples_per_class", "3", "--seed", "1")
    one = contents(tmp_path / "one")
    assert contents(tmp_path / "again") == one
    assert contents(tmp_path / "more") == one
    assert contents(tmp_path / "other") != one


def test_nested_images_of_the_same_name_both_survive(kaggle, tmp_path):
    letters, _ = kaggle
    for signer in ("anna", "ben"):
        make_folders(letters / "asl_train" / "asl_train" / "a", [signer], images=0)
        (letters / "asl_train" / "asl_train" / "a" / signer / "x.png").write_text(signer)
    run(kaggle, tmp_path / "data")
    assert {"anna__x.png", "ben__x.png"} <= {path.name for path in (tmp_path / "data" / "A").iterdir()}


def test_the_script_replaces_what_it_wrote(kaggle, tmp_path):
    run(kaggle, tmp_path / "data", "--samples_per_class", "6")
    assert run(kaggle, tmp_path / "data", "--samples_per_class", "2") == 0
    assert len(contents(tmp_path / "data")) == 44


def refused(capsys, status, *parts):
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("prepare_data: error: ")
    for part in parts:
        assert part in lines[0]


def test_missing_class_is_named_with_its_folder(kaggle, tmp_path, capsys):
    for image in (tmp_path / "numbers" / "7").iterdir():
        image.unlink()
    (tmp_path / "numbers" / "7").rmdir()
    refused(capsys, run(kaggle, tmp_path / "data"), "no folder for class '7'", str(tmp_path / "numbers"))
    assert not (tmp_path / "data").exists()


def test_class_without_an_image_is_named(kaggle, tmp_path, capsys):
    folder = tmp_path / "letters" / "asl_train" / "asl_train" / "q"
    for image in folder.iterdir():
        image.rename(image.with_suffix(".txt"))
    refused(capsys, run(kaggle, tmp_path / "data"), f"{folder}: class 'Q' has no image")


def test_background_that_comes_out_empty_is_refused_though_nothing_has_images(tmp_path, capsys):
    letters = make_folders(tmp_path / "letters", [*"ABCDHLMQRSVWY", "nothing"])
    kaggle = letters, make_folders(tmp_path / "numbers", "12345678")
    refused(capsys, run(kaggle, tmp_path / "data"), "class 'None' comes out empty", "`nothing` shows no hand")


def test_two_folders_of_one_class_are_refused(kaggle, tmp_path, capsys):
    make_folders(tmp_path / "letters" / "asl_train" / "asl_train", ["A"])
    refused(capsys, run(kaggle, tmp_path / "data"), "'A' and 'a' are both class A")


def test_folder_without_class_folders_is_refused(kaggle, tmp_path, capsys):
    _, numbers = kaggle
    (tmp_path / "bad" / "train").mkdir(parents=True)
    (tmp_path / "bad" / "test").mkdir()
    refused(capsys, run((tmp_path / "bad", numbers), tmp_path / "data"), "holds test, train", "--alphabet_dir")
    refused(capsys, run((tmp_path / "gone", numbers), tmp_path / "data"), "gone: No such file", "--alphabet_dir")


@pytest.mark.parametrize("stranger", ["notes.txt", "A/mine.jpg", "selection.json"])
def test_output_that_holds_something_else_is_left_alone(kaggle, tmp_path, capsys, stranger):
    run(kaggle, tmp_path / "data", "--samples_per_class", "2")
    capsys.readouterr()
    (tmp_path / "data" / stranger).write_text('{"of": "another tool"}')
    before = contents(tmp_path / "data")
    refused(capsys, run(kaggle, tmp_path / "data"), "was not written by this script", "--output_dir")
    assert contents(tmp_path / "data") == before


def test_unreadable_image_is_named_and_leaves_the_output_as_it_was(kaggle, tmp_path, capsys, monkeypatch):
    run(kaggle, tmp_path / "data", "--samples_per_class", "2")
    before = contents(tmp_path / "data")
    capsys.readouterr()
    read_bytes = Path.read_bytes

    def failing(path):
        if path.name == "r3.jpg":
            raise OSError(5, "Input/output error", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    refused(capsys, run(kaggle, tmp_path / "data"), "r3.jpg: cannot read (Input/output error)")
    assert contents(tmp_path / "data") == before


def test_zero_samples_are_refused(kaggle, tmp_path, capsys):
    refused(capsys, run(kaggle, tmp_path / "data", "--samples_per_class", "0"), "--samples_per_class is 0")


def test_flags_have_the_defaults_of_the_project_this_replaces():
    options = prepare_data._parser().parse_args(["--alphabet_dir", "a", "--numbers_dir", "n"])
    assert (options.output_dir, options.samples_per_class, options.seed) == ("./data", 200, 42)
