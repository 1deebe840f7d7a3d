"""The Model Maker path's scripts."""

import contextlib
import functools
import importlib.util
import io
import json
import shutil
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools" / "train_asl_model"


def script(name):
    spec = importlib.util.spec_from_file_location(f"train_asl_model_{name}", TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


prepare = script("prepare_data")
ASL22 = ["1", "2", "3", "4", "5", "6", "7", "8", *"BHLMSWDQCVYAR", "None"]


def make_folders(root, names, images=6):
    """Folders of files that say in their content where they come from; nothing here decodes them."""
    for name in names:
        (root / name).mkdir(parents=True)
        for number in range(images):
            (root / name / f"{name}{number}.jpg").write_text(f"{name}/{number}")
    return root


@pytest.fixture
def kaggle(tmp_path):
    """Lower-case letters inside a wrapping folder, digits at the top, and what else Kaggle's set has."""
    letters = make_folders(tmp_path / "letters" / "asl_train" / "asl_train", "abcdefghijklmnopqrstuvwxyz")
    make_folders(letters, ["nothing", "space", "del"])
    return tmp_path / "letters", make_folders(tmp_path / "numbers", "0123456789")


def run(kaggle, output, *options):
    letters, numbers = kaggle
    return prepare.main(
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
    options = prepare._parser().parse_args(["--alphabet_dir", "a", "--numbers_dir", "n"])
    assert (options.output_dir, options.samples_per_class, options.seed) == ("./data", 200, 42)


train = script("train")


SHARED = Path(__file__).parents[3] / "shared" / "data"
CANNED = 20

needs_photos = pytest.mark.skipif(
    not (SHARED / "photos-asl-letters").is_dir() or not (SHARED / "models" / "gesture_recognizer.task").is_file(),
    reason=f"no real photographs and no base bundle in {SHARED}",
)
needs_model_maker = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe_model_maker") is None or importlib.util.find_spec("official") is None,
    reason="mediapipe-model-maker is not installed (uv sync --group model-maker)",
)


def recognized(task, images):
    """What MediaPipe answers to image files, widened as capture widens them; None where it finds no hand."""
    import cv2
    import mediapipe as mp

    vision = mp.tasks.vision
    options = vision.GestureRecognizerOptions(mp.tasks.BaseOptions(model_asset_buffer=task.read_bytes()))
    answers = []
    with vision.GestureRecognizer.create_from_options(options) as recognizer:
        for path in images:
            image = cv2.imread(str(path))[:, :, ::-1]
            border = image.shape[0] // 4
            image = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)
            found = recognizer.recognize(mp.Image(mp.ImageFormat.SRGB, image.copy())).gestures
            answers.append(found[0][0].category_name if found else None)
    return answers


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """What train.py makes of four classes of drawn hands with their signers; its canned gestures are drawn already."""
    from signport.datasets.rendered import render_hands

    folder = tmp_path_factory.mktemp("rendered")
    drawn = folder / "out" / f"canned_gestures_{CANNED}_42"
    render_hands(drawn, classes="canned", per_class=CANNED, seed=42, detect=False)
    for name in ("None", "Open_Palm", "Thumb_Up", "Victory"):
        shutil.copytree(drawn / name, folder / "data" / name)
    lines = (drawn / "groups.csv").read_text().splitlines(keepends=True)
    kept = [line for line in lines if (folder / "data" / line.split(",")[0]).is_file()]
    (folder / "data" / "groups.csv").write_text("".join([lines[0], *kept]))
    flags = {"--data_dir": folder / "data", "--output_dir": folder / "out", "--app": folder / "no", "--epochs": 15}
    report = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(report):
        patch.setattr(train, "Settings", functools.partial(train.Settings, canned_per_class=CANNED))
        assert train.main([str(text) for pair in flags.items() for text in pair]) == 0
    return folder, report.getvalue()


@pytest.mark.slow
def test_without_a_base_bundle_everything_is_trained_and_the_bundle_recognizes(rendered):
    folder, report = rendered
    out = folder / "out"
    assert "95 % interval" in report
    assert f"not copied: there is no folder {folder / 'no' / train.APP_MODELS}" in report
    assert str(out / "gesture_recognizer.task") in report
    assert {path.name for path in (out / "runs").iterdir()} == {
        "gesture_embedder-001",
        "canned_head-001",
        "asl_head-001",
    }
    palms = sorted((folder / "data" / "Open_Palm").glob("*.png"))[:5]
    assert recognized(out / "gesture_recognizer.task", palms).count("Open_Palm") >= 4


@pytest.mark.slow
def test_heads_are_tested_on_signers_that_their_embedder_has_not_seen(rendered):
    from signport.training.run import Run

    runs = {path.name[:-4]: Run.open(path) for path in (rendered[0] / "out" / "runs").iterdir()}
    seen = {*runs["gesture_embedder"].part("train").groups, *runs["gesture_embedder"].part("validation").groups}
    for name in ("asl_head", "canned_head"):
        tested = set(runs[name].part("test").groups)
        assert tested
        assert not tested & seen


@pytest.mark.slow
@needs_photos
@needs_model_maker
def test_model_maker_on_real_photos_reaches_the_app(tmp_path, capsys):
    data, app = tmp_path / "data", tmp_path / "app"
    for name, sources in {"A": "A", "L": "L", "Y": "Y", "None": "EFIKO"}.items():
        (data / name).mkdir(parents=True)
        for source in sources:
            for path in sorted((SHARED / "photos-asl-letters" / source).glob("*"))[: 25 // len(sources)]:
                shutil.copy(path, data / name / f"{source}_{path.name}")
    (app / train.APP_MODELS).mkdir(parents=True)
    base = SHARED / "models" / "gesture_recognizer.task"
    flags = {"--data_dir": data, "--output_dir": tmp_path / "out", "--base-bundle": base, "--app": app}
    flags |= {"--trainer": "model-maker", "--epochs": 12}
    assert train.main([str(text) for pair in flags.items() for text in pair]) == 0
    report = capsys.readouterr().out
    copy = app / train.APP_MODELS / "gesture_recognizer.task"
    assert f"copied to {copy}" in report
    assert f"parameters  {512 + 129 * 4}\n" in report
    assert copy.read_bytes() == (tmp_path / "out" / "gesture_recognizer.task").read_bytes()
    assert recognized(copy, sorted((data / "Y").iterdir())[:5]).count("Y") >= 4


def train_refused(capsys, status, *parts):
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("train: error: ")
    for part in parts:
        assert part in lines[0]


def test_missing_background_class_is_refused_before_any_work(tmp_path, capsys):
    make_folders(tmp_path / "data", ["A", "none"], images=1)
    status = train.main(["--data_dir", str(tmp_path / "data"), "--output_dir", str(tmp_path / "out")])
    train_refused(capsys, status, "no class folder 'None', spelled exactly so; rename 'none'")
    assert not (tmp_path / "out").exists()


def test_missing_data_folder_is_refused(tmp_path, capsys):
    status = train.main(["--data_dir", str(tmp_path / "gone"), "--output_dir", str(tmp_path / "out")])
    train_refused(capsys, status, "gone: No such file", "prepare_data.py")


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--base-bundle", "no.task", "no.task"),
        ("--epochs", "0", "training.epochs: 0"),
        ("--lr", "-1", "training.learning_rate: -1.0"),
        ("--batch_size", "0", "training.batch_size: 0"),
        ("--workers", "0", "workers is 0"),
    ],
)
def test_bad_flags_are_named_before_the_hands_are_found(tmp_path, capsys, flag, value, message):
    make_folders(tmp_path / "data", ["A", "None"], images=1)
    status = train.main(["--data_dir", str(tmp_path / "data"), "--output_dir", str(tmp_path / "out"), flag, value])
    train_refused(capsys, status, message)
    assert not (tmp_path / "out").exists()


def test_train_flags_have_the_defaults_of_the_project_this_replaces():
    options = train._parser().parse_args(["--data_dir", "d", "--output_dir", "o"])
    assert (options.epochs, options.batch_size, options.lr, options.trainer) == (30, 32, 0.005, "signport")
