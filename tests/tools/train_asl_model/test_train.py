"""Training a gesture recognizer from class folders, in place of a Model Maker script."""

import contextlib
import functools
import importlib.util
import io
import shutil
from pathlib import Path

import pytest
from tests.tools.train_asl_model.class_folders import make_folders
from train_asl_model import train

SHARED = Path(__file__).parents[4] / "shared" / "data"


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


def refused(capsys, status, *parts):
    lines = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("train: error: ")
    for part in parts:
        assert part in lines[0]


def test_missing_background_class_is_refused_before_any_work(tmp_path, capsys):
    make_folders(tmp_path / "data", ["A", "none"], images=1)
    status = train.main(["--data_dir", str(tmp_path / "data"), "--output_dir", str(tmp_path / "out")])
    refused(capsys, status, "no class folder 'None', spelled exactly so; rename 'none'")
    assert not (tmp_path / "out").exists()


def test_missing_data_folder_is_refused(tmp_path, capsys):
    status = train.main(["--data_dir", str(tmp_path / "gone"), "--output_dir", str(tmp_path / "out")])
    refused(capsys, status, "gone: No such file", "prepare_data.py")


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
    refused(capsys, status, message)
    assert not (tmp_path / "out").exists()


def test_flags_have_the_defaults_of_the_project_this_replaces():
    options = train._parser().parse_args(["--data_dir", "d", "--output_dir", "o"])
    assert (options.epochs, options.batch_size, options.lr, options.trainer) == (30, 32, 0.005, "signport")
