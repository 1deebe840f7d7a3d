"""Where a run's exported files lie, and what those that are not `.tflite` are called."""

from pathlib import Path

from signport.errors import SignportError

TASK_FILE = "gesture_recognizer.task"
TASK_CARD_FILE = "bundle.json"
CARD_FILE = "card.json"


def export_folder(path: str | Path) -> Path:
    """The export folder of a run, or `path` itself where it is a (copied) export folder.

    Raises:
        SignportError: Neither.
    """
    path = Path(path).resolve()
    for folder in (path / "export", path):
        if (folder / CARD_FILE).is_file():
            return folder
    if not path.is_dir():
        raise SignportError(f"{path}: no such folder; give a run's folder")
    raise SignportError(f"{path}: holds no export/card.json; run `signport export {path}` first")
