"""Class folders (`DIR/<class>/**/file.ext`): which files of which class there are."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from signport.datasets.cache_header import Skipped
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
        group: Signer or recording, None if unknown.
        line: The line in which a list names it; 0 if no list does.
    """

    name: str
    label: str
    path: Path
    stamp: tuple[int, int]
    group: str | None = None
    line: int = 0

    @classmethod
    def at(cls, path: Path, name: str, label: str, group: str | None = None, line: int = 0) -> "FoundFile":
        """The file at `path`.

        Raises:
            SignportError: Its name is not UTF-8.
        """
        try:
            name.encode()
            stat = path.stat()
        except UnicodeEncodeError:
            raise SignportError(f"{name!r}: this file name is not UTF-8; rename it") from None
        except ValueError as error:
            raise SignportError(f"{name!r}: no file can be called so ({error}); correct it") from None
        except OSError:  # a broken link; whoever opens it will find it unreadable
            return cls(name, label, path, (0, 0), group, line)
        return cls(name, label, path, (stat.st_size, stat.st_mtime_ns), group, line)


def find_files(
    folder: Path, kind: FileKind, classes: Sequence[str] | None = None
) -> tuple[Iterator[FoundFile], list[Skipped]]:
    """Finds the files of class folders.

    Args:
        folder: Holds one folder a class; names that start with a dot are passed over.
        kind: The files to look for, at any depth.
        classes: The class folders to list; None lists all.

    Returns:
        The files, class by class and otherwise in no order, found as they are asked for; and those that lie in no
        class folder.

    Raises:
        SignportError: No such folder, no class folder, or an unknown class; on the way, a class folder without such a
            file.
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
    chosen = [folders[name] for name in classes or folders]
    return _files_of(folder, chosen, kind), [Skipped(name, None, _NOT_IN_A_CLASS) for name in loose]


def _files_of(folder: Path, class_folders: list[Path], kind: FileKind) -> Iterator[FoundFile]:
    for class_folder in class_folders:
        empty = True
        for place in _files_below(class_folder, kind):
            empty = False
            path = Path(place)
            yield FoundFile.at(path, path.relative_to(folder).as_posix(), class_folder.name)
        if empty:
            raise SignportError(
                f"{class_folder}: holds no {kind.item} ({', '.join(kind.suffixes)}); add some or remove the folder"
            )


def refuse_repeated_classes(classes: Sequence[str] | None) -> None:
    """Checks that no class was asked for twice.

    Raises:
        SignportError: One was.
    """
    if twice := [name for name, count in Counter(classes or ()).items() if count > 1]:
        raise SignportError(f"class {twice[0]!r} is named twice; name each class once")


def _files_below(folder: str | Path, kind: FileKind) -> Iterator[str]:
    # Not os.walk: it lists a folder whole, and a folder may hold a million files.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if not entry.name.startswith(".") and not entry.is_symlink():
                    yield from _files_below(entry.path, kind)
            elif kind.fits(entry.name):
                yield entry.path
