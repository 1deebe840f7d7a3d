import pytest
from tests.parity.faked_run import fresh_run

from signport.errors import SignportError
from signport.export.app_resources import embed
from signport.files import sha256_bytes, write_json

_FIRST = "core/mediapipe/src/jvmMain/resources"


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def _with_task(run, content=b"a bundle"):
    (run / "export/gesture_recognizer.task").write_bytes(content)
    write_json(run / "export/bundle.json", {"sha256": sha256_bytes(content)})


def _files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("mark", "models"),
    [
        ("shared/src/jvmMain/kotlin/", "shared/src/jvmMain/resources/models"),
        ("src/main/resources/", "src/main/resources/models"),
        ("app/src/main/AndroidManifest.xml", "app/src/main/assets/models"),
        (f"{_FIRST}/", f"{_FIRST}/models"),
    ],
)
def test_each_layout_is_found(run, app, mark, models):
    path = app / mark
    if mark.endswith("/"):
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True)
        path.touch()
    embed(run, app)
    assert _files(app / models) == ["mlp/card.json", "mlp/labels.txt", "mlp/model_int8.tflite"]


def test_public_is_the_webs_only_beside_a_package_json(run, app):
    (app / "web/public").mkdir(parents=True)
    with pytest.raises(SignportError, match="no place for models found"):
        embed(run, app)
    (app / "web/package.json").write_text("{}")
    assert embed(run, app)[0].path.is_relative_to(app.resolve() / "web/public/models/mlp")


def test_the_first_choice_wins_over_other_modules(run, app):
    for folder in (_FIRST, "desktop/src/main/resources"):
        (app / folder).mkdir(parents=True)
    _with_task(run)
    (placed,) = embed(run, app)
    assert placed.path == app.resolve() / _FIRST / "models/gesture_recognizer.task"
    assert placed.path.read_bytes() == b"a bundle"


def test_several_places_are_listed_and_into_decides(run, app):
    for folder in ("a/src/main/resources", "b/src/jvmMain/resources"):
        (app / folder).mkdir(parents=True)
    with pytest.raises(SignportError, match=r"a/src/main/resources/models, b/src/jvmMain/resources/models.*--into"):
        embed(run, app)
    assert _files(app) == []
    embed(run, app, into="b/src/jvmMain/resources/models")
    assert all(name.startswith("b/src/jvmMain/resources/models/mlp/") for name in _files(app))
    (app / "a/src/main/resources/other").mkdir()
    assert {one.action for one in embed(run, app)} == {"already up to date"}


def test_build_folders_are_not_sources(run, app):
    (app / "build/tmp/src/main/resources").mkdir(parents=True)
    (app / "src/main/resources").mkdir(parents=True)
    assert embed(run, app)[0].path.is_relative_to(app.resolve() / "src")


def test_unchanged_files_are_not_touched_and_changed_ones_are_named(run, app):
    (app / "src/main/resources").mkdir(parents=True)
    assert {one.action for one in embed(run, app)} == {"added"}
    labels = app / "src/main/resources/models/mlp/labels.txt"
    before = {path: path.stat().st_mtime_ns for path in (app / "src").rglob("*.tflite")}
    labels.write_text("old\n")
    found = {one.path.name: one.action for one in embed(run, app)}
    assert found == {
        "model_int8.tflite": "already up to date",
        "labels.txt": "replaced",
        "card.json": "already up to date",
    }
    assert labels.read_text() == (run / "export/labels.txt").read_text()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_dry_run_changes_nothing(run, app):
    (app / "src/main/resources").mkdir(parents=True)
    _with_task(run)
    found = embed(run, app, formats=["float16"], dry_run=True)
    assert [one.path.name for one in found] == [
        "gesture_recognizer.task",
        "model_float16.tflite",
        "labels.txt",
        "card.json",
    ]
    assert {one.action for one in found} == {"added"}
    assert _files(app) == []


def test_nothing_is_written_outside_the_app(run, app, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (app / "src/main").mkdir(parents=True)
    (app / "src/main/resources").symlink_to(outside)
    for into in (None, "../outside", str(outside), "src/main/resources/models", "src/main/resources"):
        with pytest.raises(SignportError, match="lies outside the app"):
            embed(run, app, into=into)
    assert _files(outside) == []


def test_a_file_that_is_a_link_is_replaced_not_followed(run, app, tmp_path):
    target = tmp_path / "precious.txt"
    target.write_text("mine")
    folder = app / "src/main/resources/models/mlp"
    folder.mkdir(parents=True)
    (folder / "labels.txt").symlink_to(target)
    embed(run, app)
    assert target.read_text() == "mine"
    assert not (folder / "labels.txt").is_symlink()


def test_a_stale_file_is_refused_before_anything_is_written(run, app):
    (app / "src/main/resources").mkdir(parents=True)
    _with_task(run)
    (run / "export/model_int8.tflite").write_bytes(b"something else")
    with pytest.raises(SignportError, match="stale or changed"):
        embed(run, app, formats=["int8"])
    assert _files(app) == []


def test_unknown_formats_and_folders_are_named(run, app):
    (app / "src/main/resources").mkdir(parents=True)
    with pytest.raises(SignportError, match="--format int2: unknown"):
        embed(run, app, formats=["int2"])
    with pytest.raises(SignportError, match=r"has no int4 file .*; run `signport export --int4` again"):
        embed(run, app, formats=["int4"])
    with pytest.raises(SignportError, match="no such folder"):
        embed(run, app / "nowhere")
