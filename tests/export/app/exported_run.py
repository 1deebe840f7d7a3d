"""An export folder as an app sees it: cards that are real in form around files of a few bytes. Takes no time."""

import json
from pathlib import Path

from signport.files import sha256_bytes

# Where a JVM module gets the constants of package com.example, and where its models lie.
KOTLIN = "src/main/kotlin/com/example/MlpModel.kt"
MODELS = "src/main/resources/models"
CLASSES = ("A", "B", "None")
# A quarter of a module's tree each: what marks it, and where its models go. A mark that ends in / is a folder.
LAYOUTS = {
    "kmp": ("shared/src/jvmMain/kotlin/", "shared/src/jvmMain/resources/models"),
    "compose": ("ui/src/commonMain/composeResources/", "ui/src/commonMain/composeResources/files/models"),
    "android": ("app/src/main/AndroidManifest.xml", "app/src/main/assets/models"),
    "jvm": ("src/main/resources/", "src/main/resources/models"),
    "first": ("core/mediapipe/src/jvmMain/", "core/mediapipe/src/jvmMain/resources/models"),
}


def mark(app: Path, path: str, text: str = "") -> Path:
    """Makes a folder, for a path that ends in /, or a file."""
    target = app / path
    (target if path.endswith("/") else target.parent).mkdir(parents=True, exist_ok=True)
    if not path.endswith("/"):
        target.write_text(text)
    return target


def exported_run(
    run: Path, family: str = "mlp", *, classes=CLASSES, forms=("float32", "float16", "int8"), task: bool = False
) -> Path:
    """Writes a run's export folder; the run's name is in its files, so that two runs differ."""
    export = run / "export"
    export.mkdir(parents=True, exist_ok=True)
    files = {form: f"{run.name} in {form}".encode() for form in forms}
    for form, content in files.items():
        (export / f"model_{form}.tflite").write_bytes(content)
    card = {
        "name": run.name,
        "family": family,
        "output": "probabilities" if classes else "embedding",
        "classes": list(classes),
        "inputs": [{"name": "landmarks", "shape": [1, 21, 3], "dtype": "float32", "description": "One hand."}],
        "outputs": [{"name": "out", "shape": [1, len(classes) or 128], "dtype": "float32", "description": "Answer."}],
        "files": {
            form: {"file": f"model_{form}.tflite", "sha256": sha256_bytes(content), "bytes": len(content)}
            for form, content in files.items()
        },
        "versions": {"signport": "0.1.0"},
    }
    write_card(run, card)
    (export / "labels.txt").write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
    if task:
        content = f"bundle of {run.name}".encode()
        (export / "gesture_recognizer.task").write_bytes(content)
        bundle = {"sha256": sha256_bytes(content), "score_threshold": 0.25, "labels": list(classes)}
        (export / "bundle.json").write_text(json.dumps({**bundle, "canned_labels": ["Thumb_Up", "None"]}))
    return run


def read_card(run: Path) -> dict:
    return json.loads((run / "export/card.json").read_text())


def write_card(run: Path, card: dict) -> None:
    (run / "export/card.json").write_text(json.dumps(card, ensure_ascii=False))


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def actions(placed):
    return {one.path.name: one.action for one in placed}


def only(placed, action):
    (found,) = [one for one in placed if one.action == action]
    return found
