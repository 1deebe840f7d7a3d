"""What an app should hold of a run, and what it does: the plan that `signport embed` shows, checks or carries out."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from signport.errors import SignportError
from signport.export.app.kotlin_constants import GENERATED, kotlin_constants, kotlin_file_name
from signport.export.app.kotlin_names import check_package
from signport.export.app.place import Place
from signport.export.app.run_model import TASK, ModelFile, RunModel
from signport.export.convert import FORMATS
from signport.export.export_folder import CARD_FILE
from signport.files import sha256_bytes, unfinished

_PACKAGE = re.compile(r"^package (\S+)\r?$", re.MULTILINE)
# The JVM's limit for a method, which an enum of labels fills between 2,500 and 3,000 of them (Kotlin 2.2.21).
_MOST_LABELS = 2500


@dataclass(frozen=True)
class Placed:
    """One file in the app.

    Attributes:
        path: Where it is.
        action: What was done, or with `dry_run` would be.
        size: In bytes.
        model: Which model the file is or becomes, in words; empty for a file that is none.
        before: What was there, in words, where it is replaced.
        why: Why it was left alone.
        differs: Whether the app did not hold what the run has.
    """

    path: Path
    action: Literal["added", "replaced", "already up to date", "left alone"]
    size: int
    model: str = ""
    before: str = ""
    why: str = ""
    differs: bool = False


@dataclass(frozen=True)
class Embedding:
    """A run's files at a place in an app.

    Attributes:
        model: The run.
        place: In the app.
        forms: Files of the run that are asked for.
        package: Of the Kotlin constants; None for none.
    """

    model: RunModel
    place: Place
    forms: Sequence[str]
    package: str | None

    def contents(self) -> dict[Path, bytes]:
        """Path → content of everything that belongs into the app, in the order of writing: the models first.

        Raises:
            SignportError: A file of the run is stale, or a path is taken or leads out of the app.
        """
        if self.package is not None:
            check_package(self.package)
        contents = {self.place.file(name): content for name, content in self.model.contents(self.forms).items()}
        if self.package is not None:
            path = self.place.kotlin_file(self.package, kotlin_file_name(self.model.family))
            contents[path] = self._constants(self.package)
        return contents

    def actions(self, contents: Mapping[Path, bytes]) -> list[Placed]:
        """What these contents change, and what else of this model the app holds."""
        models = {self.place.file(self.model.files[form].path): self.model.files[form] for form in self.forms}
        found = [self._action(path, content, models.get(path)) for path, content in contents.items()]
        return [*found, *self._stale_formats(), *self._other_constants(contents), *_unfinished(contents)]

    def _action(self, path: Path, content: bytes, file: ModelFile | None) -> Placed:
        size = len(content)
        model = _described(self.model.name, self.model.signport, file.sha256) if file is not None else ""
        if path.is_symlink():
            return Placed(path, "replaced", size, model, before=f"a link to {path.readlink()}", differs=True)
        if not path.exists():
            return Placed(path, "added", size, model, differs=True)
        old = path.read_bytes()
        # On Windows, git may check text out with other line ends; the text is the same.
        if old == content or (file is None and old.replace(b"\r\n", b"\n") == content):
            return Placed(path, "already up to date", size, model)
        digest = sha256_bytes(old)
        before = _described_by_card(path, digest) if file is not None else _digest(digest)
        return Placed(path, "replaced", size, model, before=before, differs=True)

    def _held(self) -> list[str]:
        """What is asked for, and what the app holds of this run since an earlier call, in the run's order."""
        return [form for form, file in self.model.files.items() if form in self.forms or self._holds(file)]

    def _holds(self, file: ModelFile) -> bool:
        path = self.place.models / file.path
        return path.is_file() and not path.is_symlink() and sha256_bytes(path.read_bytes()) == file.sha256

    def _constants(self, package: str) -> bytes:
        if len(self.model.classes) > _MOST_LABELS:
            raise SignportError(
                f"--package {package}: {len(self.model.classes)} labels are too many for a Kotlin enum, which takes "
                f"{_MOST_LABELS}; leave --package out and read labels.txt"
            )
        return kotlin_constants(self.model, self._held(), self.place, package).encode()

    def _stale_formats(self) -> Iterator[Placed]:
        """Files of another run beside the card, which is now this run's."""
        if not any(form != TASK for form in self.forms):
            return
        for form in FORMATS.values():
            path = self.place.models / self.model.family / form.file_name
            file = self.model.files.get(form.name)
            if form.name in self.forms or not path.is_file() or (file is not None and self._holds(file)):
                continue
            remedy = f"embed it too with --format {form.name}, or delete it" if file is not None else "delete it"
            content = path.read_bytes()
            why = f"{_digest(sha256_bytes(content))} is not of this run, whose {CARD_FILE} lies beside it; {remedy}"
            yield Placed(path, "left alone", len(content), why=why, differs=True)

    def _other_constants(self, contents: Mapping[Path, bytes]) -> Iterator[Placed]:
        """Constants of this family that an earlier call wrote, into this package or another."""
        for folder in self.place.kotlin_folders():
            if not folder.resolve().is_relative_to(self.place.root):
                continue
            for path in sorted(folder.rglob(kotlin_file_name(self.model.family))):
                content = path.read_bytes() if path.is_file() else b""
                found = _PACKAGE.search(content.decode("utf-8", "replace"))
                if path.resolve() in contents or not content.startswith(GENERATED.encode()) or found is None:
                    continue
                current = content.replace(b"\r\n", b"\n") == self._constants(found[1])
                if self.package is not None:
                    why = f"constants of the same family in package {found[1]}; delete it if nothing uses it"
                elif not current:
                    why = f"does not describe what is embedded; embed again with --package {found[1]}"
                else:
                    continue
                yield Placed(path, "left alone", len(content), why=why, differs=not current)


def _described(name: str, signport: str, sha256: str) -> str:
    return f"run {name}, signport {signport}, {_digest(sha256)}"


def _digest(sha256: str) -> str:
    return f"sha256 {sha256[:12]}…"


def _described_by_card(path: Path, sha256: str) -> str:
    """Which model an app's file is; its card tells its name, if it is the card of this very file."""
    try:
        card: Any = json.loads((path.parent / CARD_FILE).read_bytes())
        digests = {entry["sha256"] for entry in card["files"].values()} | {card.get("bundle", {}).get("sha256")}
        if sha256 not in digests:
            return _digest(sha256)
        return _described(str(card["name"]), str(card["versions"]["signport"]), sha256)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _digest(sha256)


def _unfinished(contents: Mapping[Path, bytes]) -> Iterator[Placed]:
    """What a killed call left behind: never read by anything, but packed with the app's resources."""
    for folder in sorted({target.parent for target in contents}):
        for path in unfinished(folder):
            why = "an interrupted call left it behind; the next `signport embed` removes it"
            yield Placed(path, "left alone", path.lstat().st_size, why=why)
