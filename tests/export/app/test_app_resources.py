import errno
import os
import subprocess
import sys

import pytest
from tests.export.app.exported_run import (
    KOTLIN,
    LAYOUTS,
    MODELS,
    actions,
    exported_run,
    files_below,
    mark,
    only,
    read_card,
    write_card,
)
from tests.parity.faked_run import add_task, fresh_run

from signport import files
from signport.errors import SignportError
from signport.export.app_resources import embed
from signport.files import sha256_bytes
from signport.landmarks.asset_bundle import LANDMARKER, RECOGNIZER, read_bundle

# Ends as a kill does, when two files are in their places.
_KILLED = """
import os, sys
from pathlib import Path
from signport.export.app_resources import embed

replace, done = Path.replace, []

def killed(self, target):
    if len(done) == 2:
        os._exit(9)
    done.append(target)
    return replace(self, target)

Path.replace = killed
embed(sys.argv[1], sys.argv[2], package="com.example")
"""


def _times(app):
    return {path: path.stat().st_mtime_ns for path in app.rglob("*") if path.is_file()}


def test_a_multiplatform_app_gets_a_real_bundle_where_its_code_reads_it(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [], [])
    app = tmp_path / "signs"
    mark(app, "settings.gradle.kts", 'include(":core:mediapipe", ":desktop")')
    mark(app, "core/mediapipe/build.gradle.kts", 'plugins { kotlin("multiplatform") }\nkotlin { jvm() }')
    mark(app, "core/mediapipe/src/jvmMain/kotlin/com/example/Recognizer.kt", "package com.example")
    mark(app, "desktop/src/main/resources/")
    embed(run, app, package="com.example.signs")
    resources = app / "core/mediapipe/src/jvmMain/resources"
    task = resources / "models/gesture_recognizer.task"
    assert set(read_bundle(task.read_bytes())) == {LANDMARKER, RECOGNIZER}
    assert task.read_bytes() == (run / "export/gesture_recognizer.task").read_bytes()
    assert files_below(resources) == ["models/card.json", "models/gesture_recognizer.task", "models/labels.txt"]
    constants = (app / "core/mediapipe/src/jvmMain/kotlin/com/example/signs/MlpModel.kt").read_text()
    assert '"models/gesture_recognizer.task"' in constants
    assert sha256_bytes(task.read_bytes()) in constants


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gets_model_labels_card_and_constants(run, tmp_path, layout):
    marked, models = LAYOUTS[layout]
    mark(tmp_path, f"other/{marked}")
    embed(run, tmp_path / "other", package="com.example")
    assert files_below(tmp_path / "other" / models) == ["mlp/card.json", "mlp/labels.txt", "mlp/model_int8.tflite"]
    (constants,) = (tmp_path / "other").rglob("com/example/MlpModel.kt")
    resource = "files/models" if layout == "compose" else "models"
    assert f'"{resource}/mlp/model_int8.tflite"' in constants.read_text()


def test_a_second_call_touches_nothing(run, app):
    assert set(actions(embed(run, app, package="com.example")).values()) == {"added"}
    before = _times(app)
    assert set(actions(embed(run, app, package="com.example")).values()) == {"already up to date"}
    assert _times(app) == before


def test_line_ends_of_a_checkout_are_no_difference(run, app):
    embed(run, app, package="com.example")
    for name in (KOTLIN, f"{MODELS}/mlp/labels.txt"):
        (app / name).write_bytes((app / name).read_bytes().replace(b"\n", b"\r\n"))
    assert set(actions(embed(run, app, package="com.example")).values()) == {"already up to date"}
    assert "left alone" not in actions(embed(run, app)).values()


def test_another_model_is_replaced_and_both_are_named(run, other, app):
    embed(run, app)
    placed = only([one for one in embed(other, app) if one.model], "replaced")
    old, new = (sha256_bytes(f"mlp-00{n} in int8".encode())[:12] for n in (1, 2))
    assert placed.before == f"run mlp-001, signport 0.1.0, sha256 {old}…"
    assert placed.model == f"run mlp-002, signport 0.1.0, sha256 {new}…"
    assert placed.path.read_bytes() == b"mlp-002 in int8"
    assert (placed.path.parent / "labels.txt").read_text() == "X\nY\n"


@pytest.mark.parametrize("card", [None, "no JSON", "[]", '{"files": {}}'])
def test_a_model_that_no_card_describes_is_named_by_its_digest(run, app, card):
    model = mark(app, f"{MODELS}/mlp/model_int8.tflite", "by hand")
    if card is not None:
        mark(app, f"{MODELS}/mlp/card.json", card)
    placed = only([one for one in embed(run, app) if one.model], "replaced")
    assert placed.before == f"sha256 {sha256_bytes(b'by hand')[:12]}…"
    assert model.read_bytes() == b"mlp-001 in int8"


def test_a_model_that_was_swapped_by_hand_is_not_called_by_its_cards_name(run, other, app):
    embed(run, app)
    (app / MODELS / "mlp/model_int8.tflite").write_bytes(b"by hand")
    placed = only([one for one in embed(other, app) if one.model], "replaced")
    assert placed.before == f"sha256 {sha256_bytes(b'by hand')[:12]}…"


def test_a_dry_run_says_the_same_and_writes_nothing(run, other, app):
    for each in (run, other):
        before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file()}
        planned = embed(each, app, package="com.example", dry_run=True)
        assert {path: path.read_bytes() for path in app.rglob("*") if path.is_file()} == before
        assert planned == embed(each, app, package="com.example")


def test_families_and_the_bundle_lie_side_by_side(run, app, tmp_path):
    head = exported_run(tmp_path / "head-001", "gesture_head", task=True)
    embed(run, app)
    embed(head, app, formats=["task", "float16"])
    assert set(actions(embed(run, app)).values()) == {"already up to date"}
    assert files_below(app / MODELS) == [
        "card.json",
        "gesture_head/card.json",
        "gesture_head/labels.txt",
        "gesture_head/model_float16.tflite",
        "gesture_recognizer.task",
        "labels.txt",
        "mlp/card.json",
        "mlp/labels.txt",
        "mlp/model_int8.tflite",
    ]


def test_constants_describe_all_that_the_app_holds_of_the_run(run, other, app):
    embed(run, app, formats=["int8"], package="com.example")
    embed(run, app, formats=["float16"], package="com.example")
    text = (app / KOTLIN).read_text()
    assert "object Int8 {" in text
    assert "object Float16 {" in text
    assert set(actions(embed(run, app, formats=["int8"], package="com.example")).values()) == {"already up to date"}
    embed(other, app, formats=["int8"], package="com.example")
    assert "object Float16 {" not in (app / KOTLIN).read_text()


def test_a_format_of_another_run_is_left_alone_but_named(run, other, app):
    embed(run, app, formats=["int8", "float16"])
    left = only(embed(other, app), "left alone")
    assert left.path.name == "model_float16.tflite"
    assert "embed it too with --format float16, or delete it" in left.why
    assert left.differs
    assert left.path.read_bytes() == b"mlp-001 in float16"
    embed(other, app, formats=["float16"])
    assert "left alone" not in actions(embed(other, app)).values()


def test_constants_that_no_longer_fit_are_named_with_their_package(run, other, app):
    embed(run, app, package="com.example")
    assert "left alone" not in actions(embed(run, app)).values()
    left = only(embed(other, app), "left alone")
    assert left.path == app / KOTLIN
    assert left.why.endswith("embed again with --package com.example")
    assert left.differs


def test_constants_in_an_earlier_package_are_named(run, app):
    embed(run, app, package="com.example")
    mark(app, "src/main/kotlin/com/own/MlpModel.kt", "package com.own\n")
    left = only(embed(run, app, package="com.example.signs"), "left alone")
    assert left.path == app / KOTLIN
    assert "in package com.example; delete it if nothing uses it" in left.why
    assert not left.differs


def test_a_stale_file_is_refused_before_anything_is_written(run, app):
    (run / "export/model_float16.tflite").write_bytes(b"something else")
    with pytest.raises(SignportError, match="stale or changed"):
        embed(run, app, formats=["int8", "float16"], package="com.example")
    assert files_below(app) == []


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_a_full_disk_changes_nothing(run, other, app, monkeypatch, fails_at):
    embed(run, app, package="com.example")
    before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file()}
    synced, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SignportError, match="No space left on device"):
        embed(other, app, package="com.example")
    assert {path: path.read_bytes() for path in app.rglob("*") if path.is_file()} == before


def test_after_a_kill_files_are_whole_and_a_second_call_completes(run, other, app):
    embed(run, app, package="com.example")
    embed_alone = {path.name for path in app.rglob("*") if path.is_file()}
    assert subprocess.run([sys.executable, "-c", _KILLED, other, app], check=False).returncode == 9
    assert (app / MODELS / "mlp/model_int8.tflite").read_bytes() == b"mlp-002 in int8"
    assert (app / MODELS / "mlp/labels.txt").read_text() == "X\nY\n"
    assert read_card(run)["name"] in (app / MODELS / "mlp/card.json").read_text()
    planned = embed(other, app, package="com.example", dry_run=True)
    left = [one for one in planned if one.action == "left alone"]
    assert {one.path.suffix for one in left} == {".json", ".kt"}
    assert all("interrupted" in one.why and not one.differs for one in left)
    assert "left alone" not in actions(embed(other, app, package="com.example")).values()
    assert {path.name for path in app.rglob("*") if path.is_file()} == embed_alone
    assert set(actions(embed(other, app, package="com.example")).values()) == {"already up to date"}


def test_files_are_as_readable_as_any_other(run, app):
    mask = os.umask(0o022)
    try:
        for one in embed(run, app):
            assert one.path.stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(mask)
    assert files._umask() == mask


def test_a_package_without_kotlin_sources_is_refused_before_anything_is_written(run, tmp_path):
    mark(tmp_path, "web/public/")
    mark(tmp_path, "web/package.json", "{}")
    with pytest.raises(SignportError, match="no Kotlin source set belongs to"):
        embed(run, tmp_path / "web", package="com.example")
    assert files_below(tmp_path / "web") == ["package.json"]
    embed(run, tmp_path / "web")
    assert (tmp_path / "web/public/models/mlp/labels.txt").is_file()


def test_more_labels_than_an_enum_takes_are_refused_for_kotlin_only(tmp_path, app):
    run = exported_run(tmp_path / "many", classes=[f"sign {number}" for number in range(2501)])
    with pytest.raises(SignportError, match="2501 labels are too many for a Kotlin enum"):
        embed(run, app, package="com.example")
    assert files_below(app) == []
    assert set(actions(embed(run, app)).values()) == {"added"}


def test_a_card_that_lies_about_its_family_writes_nothing(run, app):
    write_card(run, {**read_card(run), "family": "../../../../outside"})
    with pytest.raises(SignportError, match="is no family's name"):
        embed(run, app)
    assert files_below(app) == []


def test_an_app_that_is_not_there_is_named(run, tmp_path):
    mark(tmp_path, "file", "")
    for app in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(SignportError, match="no such folder; give the app's folder with --app"):
            embed(run, app)
