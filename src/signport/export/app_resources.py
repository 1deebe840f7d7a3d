"""`signport embed`: a run's exported files → the resources of an app."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from signport.errors import SignportError
from signport.export.convert import FORMATS
from signport.files import read_json, sha256_bytes, write_bytes

TASK_FILE = "gesture_recognizer.task"
TASK_CARD_FILE = "bundle.json"
CARD_FILE = "card.json"
MODELS = "models"
# The app that this tool was written for keeps its models here; an app that has this folder means it.
_FIRST = Path("core/mediapipe/src/jvmMain/resources")
# What marks a module → where, beside it, resources go. Each is a path that ends as written.
_LAYOUTS = {
    "Kotlin Multiplatform": (Path("src/jvmMain"), Path("src/jvmMain/resources")),
    "JVM": (Path("src/main/resources"), Path("src/main/resources")),
    "Android": (Path("src/main/AndroidManifest.xml"), Path("src/main/assets")),
    "web": (Path("public"), Path("public")),
}
_DEPTH = 6
_NOT_SOURCES = frozenset({"build", "dist", "node_modules", "out", "target", "venv"})


@dataclass(frozen=True)
class Placed:
    """One file in the app.

    Attributes:
        path: Where it is.
        action: What was done, or with `dry_run` would be.
        size: In bytes.
    """

    path: Path
    action: Literal["added", "replaced", "already up to date"]
    size: int


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


def embed(
    run: str | Path | Any,
    app: str | Path,
    *,
    into: str | Path | None = None,
    formats: Sequence[str] = (),
    dry_run: bool = False,
) -> list[Placed]:
    """Copies a run's bundle and `.tflite` files into an app.

    `gesture_recognizer.task` goes to `models/`; a `.tflite` goes to `models/<family>/` with its `labels.txt` and
    `card.json`, so that models of several families live side by side.

    Args:
        run: A run, its folder, or a copy of its export folder.
        app: The app's folder.
        into: Folder inside the app that takes the place of the `models/` that is looked for.
        formats: `.tflite` files to copy; none: the bundle alone; where the run has none, int8, or
            for a family that has no int8 yet, float16.
        dry_run: Change nothing, only say what would be done.

    Returns:
        Every file, in the order of copying. Files that are already the same are not touched.

    Raises:
        SignportError: Nothing to copy, a stale file, no or more than one place for it, or a place outside the app.
    """
    export = export_folder(getattr(run, "path", run))
    app = Path(app)
    if not app.is_dir():
        raise SignportError(f"{app}: no such folder; give the app's folder with --app")
    root = app.resolve()
    models = _inside(root, root / into) if into is not None else _models_folder(root)
    contents = _contents(export, formats)
    targets = {_inside(root, models / name): content for name, content in contents.items()}
    placed = []
    for path, content in targets.items():
        action = _action(path, content)
        if action != "already up to date" and not dry_run:
            write_bytes(path, content)
        placed.append(Placed(path, action, len(content)))
    return placed


def _contents(export: Path, formats: Sequence[str]) -> dict[str, bytes]:
    """Path below `models/` → content, everything read and checked before anything is written."""
    card = read_json(export / CARD_FILE)
    if unknown := [form for form in formats if form not in FORMATS]:
        raise SignportError(f"--format {unknown[0]}: unknown; choose from: {', '.join(FORMATS)}")
    contents: dict[str, bytes] = {}
    if (export / TASK_FILE).is_file():
        sealed = read_json(export / TASK_CARD_FILE)
        contents[TASK_FILE] = _verified(export / TASK_FILE, sealed.get("sha256"), "bundle")
    chosen = list(dict.fromkeys(formats)) or ([] if contents else _default_formats(card))
    for form in chosen:
        entry = card["files"].get(form)
        if entry is None:
            there = ", ".join(card["files"]) or "nothing"
            raise SignportError(f"{export}: has no {form} file (it has {there}); run `{FORMATS[form].command}` again")
        path = export / FORMATS[form].file_name
        contents[f"{card['family']}/{path.name}"] = _verified(path, entry["sha256"], "export")
    if chosen:
        for name in ("labels.txt", CARD_FILE):
            contents[f"{card['family']}/{name}"] = _read(export / name, "export")
    return contents


def _default_formats(card: dict[str, Any]) -> list[str]:
    return ["int8"] if "int8" in card["files"] else ["float16"]


def _verified(path: Path, digest: object, verb: str) -> bytes:
    content = _read(path, verb)
    found = sha256_bytes(content)
    if found != digest:
        raise SignportError(
            f"{path}: sha256 is {found[:12]}…, its card says {str(digest)[:12]}…: stale or changed since; "
            f"run `signport {verb}` again"
        )
    return content


def _read(path: Path, verb: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; run `signport {verb}` again") from None


def _action(path: Path, content: bytes) -> Literal["added", "replaced", "already up to date"]:
    if path.is_dir():
        raise SignportError(f"{path}: is a folder, where a file of that name belongs; move it away")
    if not path.is_file():
        return "added"
    return "already up to date" if path.read_bytes() == content else "replaced"


def _inside(root: Path, path: Path) -> Path:
    """`path`, with links resolved, if it lies in the app; the file itself is replaced, never followed."""
    resolved = path.parent.resolve() / path.name
    if resolved.is_dir():
        resolved = resolved.resolve()
    if not resolved.is_relative_to(root):
        raise SignportError(f"{path}: lies outside the app {root} (at {resolved}); choose a folder inside with --into")
    return resolved


def _models_folder(root: Path) -> Path:
    if (root / _FIRST).is_dir():
        return _inside(root, root / _FIRST / MODELS)
    found = find_models_folders(root)
    holding = [path for path in found if path.is_dir()]
    chosen = holding if len(holding) == 1 else found
    if len(chosen) == 1:
        return _inside(root, chosen[0])
    if not chosen:
        looked_for = ", ".join(f"{resources} ({kind})" for kind, (_, resources) in _LAYOUTS.items())
        raise SignportError(f"{root}: no place for models found (looked for {looked_for}); name a folder with --into")
    names = ", ".join(str(path.relative_to(root)) for path in chosen)
    raise SignportError(f"{root}: models could go to any of {names}; choose one with --into")


def find_models_folders(root: Path) -> list[Path]:
    """The `models` folders, there or not yet, of every module of an app, sorted."""
    found = set()
    for name, folders, _ in os.walk(root):
        folder = Path(name)
        deep = len(folder.relative_to(root).parts) >= _DEPTH
        folders[:] = [] if deep else [one for one in folders if one not in _NOT_SOURCES and not one.startswith(".")]
        for kind, (mark, resources) in _LAYOUTS.items():
            # Every JavaScript project has folders called public; only beside a package.json is it what is served.
            if (folder / mark).exists() and (kind != "web" or (folder / "package.json").is_file()):
                found.add(folder / resources / MODELS)
    return sorted(found)
