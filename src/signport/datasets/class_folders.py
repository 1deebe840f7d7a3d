"""Class folders (`DIR/<class>/**/file.ext`): which files of which class there are."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signport.datasets.cache import Skipped
from signport.errors import SignportError

_NOT_IN_A_CLASS = "not in a class folder"


@dataclass(frozen=True)
class FileKind:
    """What files are looked for.

    Attributes:
        item: What one is called, in the singular: `image`.
        suffixes: What their names end in, in lower case.
    """

    item: str
    suffixes: tuple[str, ...]

    def fits(self, name: str) -> bool:
        """Whether a file of this name is one of the kind; hidden files never are."""
        return name.lower().endswith(self.suffixes) and not name.startswith(".")


@dataclass(frozen=True)
class FoundFile:
    """A file of a class.

    Attributes:
        name: Path relative to the folder that was read, with forward slashes.
        label: The class.
        path: Where the file is.
        stamp: (size in bytes, modification time in nanoseconds): another stamp means other content.
    """

    name: str
    label: str
    path: Path
    stamp: tuple[int, int]

    @classmethod
    def at(cls, path: Path, name: str, label: str) -> "FoundFile":
        """The file at `path`.

        Raises:
            SignportError: Its name is not UTF-8.
        """
        try:
            name.encode()
            stat = path.stat()
        except UnicodeEncodeError:
            raise SignportError(f"{name!r}: this file name is not UTF-8; rename it") from None
        except OSError:  # a broken link; whoever opens it will find it unreadable
            return cls(name, label, path, (0, 0))
        return cls(name, label, path, (stat.st_size, stat.st_mtime_ns))


def find_files(
    folder: Path, kind: FileKind, classes: Sequence[str] | None = None
) -> tuple[list[FoundFile], list[Skipped]]:
    """Lists the files of class folders.

    Args:
        folder: Holds one folder a class; names that start with a dot are passed over.
        kind: The files to look for, at any depth.
        classes: The class folders to list; None lists all.

    Returns:
        The files sorted by name, and those that lie in no class folder.

    Raises:
        SignportError: No such folder, no class folder, a class folder without such a file, or an unknown class.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise SignportError(
            f"{folder}: {error.strerror}; give a folder that holds one folder of {kind.item}s a class"
        ) from None
    folders = {entry.name: entry for entry in entries if entry.is_dir()}
    loose = [entry.name for entry in entries if entry.is_file() and kind.fits(entry.name)]
    if not folders:
        found = f"{len(loose)} {kind.item}s and no folder" if loose else "nothing"
        raise SignportError(
            f"{folder}: holds {found}; {kind.item}s are read from class folders, "
            f"{folder}/<class>/{kind.item}{kind.suffixes[0]}"
        )
    refuse_repeated_classes(classes)
    for name in classes or ():
        if name not in folders:
            raise SignportError(f"{folder}: no class folder {name!r}; there are: {', '.join(folders)}")
    files = []
    for label in classes or folders:
        of_class = _files_below(folder, folders[label], kind)
        if not of_class:
            raise SignportError(
                f"{folders[label]}: holds no {kind.item} ({', '.join(kind.suffixes)}); add some or remove the folder"
            )
        files += of_class
    files.sort(key=lambda file: file.name)
    return files, [Skipped(name, None, _NOT_IN_A_CLASS) for name in loose]


def refuse_repeated_classes(classes: Sequence[str] | None) -> None:
    """Checks that no class was asked for twice.

    Raises:
        SignportError: One was.
    """
    if twice := [name for name, count in Counter(classes or ()).items() if count > 1]:
        raise SignportError(f"class {twice[0]!r} is named twice; name each class once")


def _files_below(folder: Path, class_folder: Path, kind: FileKind) -> list[FoundFile]:
    found = []
    for parent, folders, files in os.walk(class_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in filter(kind.fits, files):
            path = Path(parent, file)
            found.append(FoundFile.at(path, path.relative_to(folder).as_posix(), class_folder.name))
    return found
