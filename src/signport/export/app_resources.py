"""`signport embed`: a run's exported files → the resources of an app, and Kotlin constants that describe them."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.export.app.embedding import Embedding, Placed
from signport.export.app.place import Place
from signport.export.app.run_model import RunModel
from signport.export.export_folder import export_folder
from signport.files import atomic_file, remove_unfinished


def embed(
    run: str | Path | Any,
    app: str | Path,
    *,
    into: str | Path | None = None,
    formats: Sequence[str] = (),
    package: str | None = None,
    dry_run: bool = False,
) -> list[Placed]:
    """Puts a run's bundle or `.tflite` files into an app.

    The place is found by the app's layout: `src/jvmMain/resources` of Kotlin Multiplatform, `src/main/resources` of a
    JVM module, `src/main/assets` of Android, `public` beside a `package.json`, each with `models/` below it. Compose
    Multiplatform reads raw files with `Res.readBytes("files/…")` from `composeResources/files` only, so models go to
    `src/commonMain/composeResources/files/models`.

    `gesture_recognizer.task` goes to `models/`, a `.tflite` to `models/<family>/`, each with `labels.txt` and
    `card.json` beside it. With `package`, `<Family>Model.kt` goes to the Kotlin sources of the same source set.

    Args:
        run: A run, its folder, or a copy of its export folder.
        app: The app's folder; nothing outside it is written, whatever links say.
        into: Folder inside the app that takes the place of the `models/` that is looked for.
        formats: What to embed: `task`, or formats of `.tflite` files; none: the `.task`; where the run has none, int8,
            or for a family that has no int8 yet, float16.
        package: Package of the Kotlin constants; None for no Kotlin. They describe every file of the run that the app
            then holds, also from earlier calls.
        dry_run: Change nothing, only say what would be done.

    Returns:
        Every file, in the order of writing, then files of the same model that were left alone. Files that are already
        the same are not touched.

    Raises:
        SignportError: Nothing to embed, a stale file, no or more than one place for it, or a place outside the app.

    Examples:
        >>> Path("my-site/public").mkdir(parents=True)
        >>> _ = Path("my-site/package.json").write_text("{}")
        >>> for placed in sp.embed("runs/mlp-001", "my-site"):
        ...     print(placed.path.relative_to(Path("my-site").resolve()))
        public/models/mlp/model_int8.tflite
        ...
    """
    model = RunModel.read(export_folder(getattr(run, "path", run)))
    app = Path(app)
    if not app.is_dir():
        raise SignportError(f"{app}: no such folder; give the app's folder with --app")
    embedding = Embedding(model, Place.find(app.resolve(), into), model.chosen(formats), package)
    contents = embedding.contents()
    if not dry_run:
        for folder in {path.parent for path in contents}:
            remove_unfinished(folder)
    placed = embedding.actions(contents)
    if not dry_run:
        changed = {one.path for one in placed if one.action in ("added", "replaced")}
        _write({path: content for path, content in contents.items() if path in changed})
    return placed


def _write(contents: Mapping[Path, bytes]) -> None:
    """Writes all files beside their places before the first is put into its place: a full disk changes nothing."""
    with contextlib.ExitStack() as staged:
        # The stack puts the last one into its place first.
        for path, content in reversed(list(contents.items())):
            temporary = staged.enter_context(atomic_file(path))
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
