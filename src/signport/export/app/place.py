"""A place inside an app: where models go, and where the Kotlin sources are that belong to it. Links never lead out."""

import os
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError
from signport.export.app.layouts import models_folder

_COMPOSE = "composeResources"
# Last folder of a resource root → how an app reads what lies below it.
_READ_WITH = {
    "resources": "ClassLoader.getResourceAsStream",
    "assets": "Android's AssetManager.open",
    _COMPOSE: "Compose's Res.readBytes",
}


@dataclass(frozen=True)
class Place:
    """Where a model goes.

    Attributes:
        root: The app's folder, links resolved.
        models: The folder that takes the models, links resolved.
        resources: Path of the models folder as an app's code spells it, such as `models`; None where the app's
            resources are no Kotlin source set's.
        read_with: What reads such a path, in words.
        sources: The source set that the resources belong to, such as `src/jvmMain`; None as for `resources`.
    """

    root: Path
    models: Path
    resources: Path | None = None
    read_with: str = ""
    sources: Path | None = None

    @classmethod
    def find(cls, root: Path, into: str | Path | None) -> "Place":
        """Finds the place by the app's layout, or takes the folder that is named.

        Args:
            root: The app's folder, links resolved.
            into: A folder inside the app.

        Raises:
            SignportError: No place, more than one, or one that is not inside the app.
        """
        named = root / into if into is not None else models_folder(root)
        models = folder_inside(root, named)
        spelled = Path(os.path.normpath(named))
        if not spelled.is_relative_to(root):
            spelled = models
        parts = spelled.relative_to(root).parts
        # src/<source set>/<resource root>; the last, because a folder above the module may be called src too.
        starts = [n for n in range(len(parts) - 2) if parts[n] == "src" and parts[n + 2] in _READ_WITH]
        if not starts:
            return cls(root, models)
        end = starts[-1] + 3
        resources = Path(*parts[end:])
        if parts[end - 1] == _COMPOSE and resources.parts[:1] != ("files",):
            raise SignportError(
                f"{named}: Compose Multiplatform reads raw files from {_COMPOSE}/files only; "
                f"choose --into {Path(*parts[:end])}/files/models"
            )
        return cls(root, models, resources, _READ_WITH[parts[end - 1]], root.joinpath(*parts[: end - 1]))

    def file(self, name: str) -> Path:
        """Where a file goes, by its path below the models folder.

        Raises:
            SignportError: Something other than a file is there, or it would lie outside the app.
        """
        return file_inside(self.root, self.models / name)

    def kotlin_folders(self) -> list[Path]:
        """Folders of the source set that can hold Kotlin, there or not yet; the first is where new files go."""
        if self.sources is None:
            return []
        kotlin, java = self.sources / "kotlin", self.sources / "java"
        only_java = self.sources.name == "main" and java.is_dir() and not kotlin.is_dir()
        return [java, kotlin] if only_java else [kotlin, java]

    def kotlin_file(self, package: str, name: str) -> Path:
        """Where a Kotlin file goes.

        Raises:
            SignportError: No Kotlin source set belongs to the models folder, or it lies outside the app.
        """
        folders = self.kotlin_folders()
        if not folders:
            raise SignportError(
                f"--package {package}: no Kotlin source set belongs to {self.models}; leave --package out, or choose a "
                "folder such as src/jvmMain/resources/models with --into"
            )
        return file_inside(self.root, folders[0].joinpath(*package.split("."), name))


def file_inside(root: Path, path: Path) -> Path:
    """A file's path with the links of its folder resolved; the file itself may be a link, which is then replaced.

    Raises:
        SignportError: It lies outside `root`, or something other than a file is there.
    """
    path = folder_inside(root, path.parent) / path.name
    if path.is_dir():
        raise SignportError(f"{path}: is a folder, where a file of that name belongs; move it away")
    if path.exists() and not path.is_file():
        raise SignportError(f"{path}: is no ordinary file; move it away")
    return path


def folder_inside(root: Path, folder: Path) -> Path:
    """A folder's path, there or not yet, with its links resolved.

    Args:
        root: The app's folder, links resolved.
        folder: Absolute.

    Raises:
        SignportError: It lies outside `root`, a file is in its way, or a link on the way leads nowhere.
    """
    current = Path(folder.anchor)
    for part in folder.parts[1:]:
        step = current.parent if part == ".." else current / part
        if step.is_symlink():
            try:
                step = step.resolve(strict=True)
            except (OSError, RuntimeError):
                raise SignportError(
                    f"{step}: is a link that leads nowhere ({step.readlink()}); mend or delete it"
                ) from None
        if step.exists() and not step.is_dir():
            raise SignportError(f"{step}: is a file, where a folder belongs; choose another with --into")
        current = step
    if not current.is_relative_to(root):
        raise SignportError(f"{folder}: lies outside the app {root} (at {current}); choose a folder inside with --into")
    return current
