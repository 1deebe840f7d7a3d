"""The files of a capture, listed on disk: whoever goes through them holds a few at a time, however many there are."""

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from signport.datasets.class_folders import FoundFile
from signport.datasets.file_groups import GroupRule
from signport.errors import SignportError
from signport.files import sha256_bytes

_TABLES = """
    CREATE TABLE files (
        name TEXT PRIMARY KEY, label TEXT, size INTEGER, time INTEGER, grp TEXT, line INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE groups (name TEXT PRIMARY KEY, grp TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Partition:
    """A few files that are looked at together.

    Attributes:
        key: Digest of the files' names and stamps and of how they are looked at: equal keys mean equal answers.
        files: The files, in the order of their names.
    """

    key: str
    files: tuple[FoundFile, ...]

    @classmethod
    def of(cls, files: Iterable[FoundFile], fingerprint: Any) -> "Partition":
        """The partition of these files.

        Args:
            files: The files, in the order of their names.
            fingerprint: What, apart from the files, decides the answers, as JSON.
        """
        files = tuple(files)
        content = json.dumps([fingerprint, [[file.name, *file.stamp] for file in files]], sort_keys=True)
        return cls(sha256_bytes(content.encode())[:32], files)


class Manifest:
    """An SQLite file of names, classes, stamps and groups; SQLite sorts, joins and tells repeated names on disk.

    Args:
        path: The file to write, anew each time; `:memory:` for none.
        source: Where the files were found: a folder, or a list of files. Their names are relative to that folder.

    Raises:
        SignportError: The file cannot be written.
    """

    def __init__(self, path: str | Path, source: Path) -> None:
        self._path = path
        self._source = source
        self._root = source.parent if source.is_file() else source
        if isinstance(path, Path):
            path.unlink(missing_ok=True)
            # The capture's own lock keeps others out; SQLite's would fail on some network file systems.
            path = f"{path.absolute().as_uri()}?nolock=1"
        with self._writing():
            self._database = sqlite3.connect(path, uri=True, isolation_level=None)
            self._database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES}")

    def add(
        self, files: Iterable[FoundFile], rule: GroupRule | None = None, classes: Sequence[str] | None = None
    ) -> None:
        """Lists files.

        Args:
            files: The files, in any order.
            rule: What tells their groups; None leaves them as they are.
            classes: The classes to list; None lists all.

        Raises:
            SignportError: A name comes twice, a file has no group although the rule gives some, or the disk is full.
        """
        of_name = rule.of_name if rule is not None else None
        with self._writing():
            self._database.execute("BEGIN")
            for file in files:
                wanted = not classes or file.label in classes
                group = of_name(file.name) if of_name is not None and wanted else file.group
                row = (file.name, file.label, *file.stamp, group, file.line)
                try:
                    self._database.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", row)
                except sqlite3.IntegrityError:
                    raise self._repeated(file) from None
            if classes:
                marks = ", ".join("?" * len(classes))
                self._database.execute(f"DELETE FROM files WHERE label NOT IN ({marks})", tuple(classes))  # noqa: S608
            if rule is not None and rule.rows is not None:
                self._database.executemany("INSERT OR REPLACE INTO groups VALUES (?, ?)", rule.rows())
                self._database.execute("UPDATE files SET grp = (SELECT grp FROM groups WHERE name = files.name)")
                for (name,) in self._database.execute("SELECT name FROM files WHERE grp IS NULL ORDER BY name LIMIT 1"):
                    raise rule.missing(name)
            self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SignportError(f"{self._path}: cannot write ({error}); free space or choose another output") from error

    def _repeated(self, file: FoundFile) -> SignportError:
        (earlier,) = self._database.execute("SELECT line FROM files WHERE name = ?", (file.name,)).fetchone()
        return SignportError(
            f"{self._source}: line {file.line}: path {file.name!r} stands in line {earlier} too; list it once"
        )

    def counts(self) -> dict[str, int]:
        """Number of files a class, sorted by class."""
        return dict(self._database.execute("SELECT label, COUNT(*) FROM files GROUP BY label ORDER BY label"))

    def files(self) -> Iterator[FoundFile]:
        """The files in the order of their names."""
        for name, label, size, time, group, line in self._database.execute("SELECT * FROM files ORDER BY name"):
            path = self._root / name if not name.startswith("..") else Path(os.path.normpath(self._root / name))
            yield FoundFile(name, label, path, (size, time), group, line)

    def partitions(self, size: int, fingerprint: Any) -> Iterator[Partition]:
        """Cuts the files into partitions.

        Where a partition ends depends on the name of its last file, as in a rolling hash: a file that is added or
        removed changes the partition that it is in, at times the next, and none of those that follow.

        Args:
            size: Number of files a partition, on average; at most four times as many.
            fingerprint: What, apart from the files, decides the answers, as JSON.
        """
        held: list[FoundFile] = []
        for file in self.files():
            held.append(file)
            # Not CRC-32: of names that differ in a digit or two its last bits hardly do.
            digest = hashlib.blake2b(file.name.encode(), digest_size=4).digest()
            if int.from_bytes(digest) % size == 0 or len(held) == 4 * size:
                yield Partition.of(held, fingerprint)
                held = []
        if held:
            yield Partition.of(held, fingerprint)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
