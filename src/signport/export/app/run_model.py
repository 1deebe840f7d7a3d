"""What of a run goes into an app: its card, checked, and the files that the card describes."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.export.convert import FORMATS
from signport.export.export_folder import CARD_FILE, TASK_CARD_FILE, TASK_FILE
from signport.export.metadata import LABELS_FILE
from signport.files import read_json, sha256_bytes

TASK = "task"
# signport.Stream's, which shows live labels from this score on; a gesture head's files carry MediaPipe's kind of
# threshold instead, which `signport export` sets.
STREAM_THRESHOLD = 0.6
HEAD_THRESHOLD = 0.5
_FAMILY = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Tensor:
    """An input or output, float32.

    Attributes:
        name: In the file's signature.
        shape: With the batch axis.
        description: What it holds.
    """

    name: str
    shape: tuple[int, ...]
    description: str


@dataclass(frozen=True)
class ModelFile:
    """A file of the run that an app can hold.

    Attributes:
        form: `task`, or the format of a `.tflite`.
        name: In the export folder.
        path: Below the app's models folder.
        sha256: As the card says.
    """

    form: str
    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class RunModel:
    """An exported run as an app sees it.

    Attributes:
        export: The export folder.
        name: The run's name.
        family: Of its model.
        signport: Version of signport that exported it.
        classes: Class names in the order of the output; none for an embedder.
        canned: The `.task`'s other gestures; none without a `.task`.
        inputs: Of the `.tflite` files.
        outputs: Of the `.tflite` files.
        bundle: Content of `bundle.json`; None without a `.task`.
        files: Form → file, the `.task` first.
        clip_frames: Median length of the clips that a sequence model learnt from, in frames; None for other models.
        frame_rate: Median rate of these clips, in frames a second; None where it is not known.
    """

    export: Path
    name: str
    family: str
    signport: str
    classes: tuple[str, ...]
    canned: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    bundle: dict[str, Any] | None
    files: dict[str, ModelFile]
    clip_frames: int | None = None
    frame_rate: float | None = None

    @classmethod
    def read(cls, export: Path) -> "RunModel":
        """Reads the cards of an export folder.

        Raises:
            SignportError: A card is missing, damaged, or contradicts the other.
        """
        path = export / CARD_FILE
        card = read_json(path)
        bundle = _read_bundle(export)
        try:
            family = _text(card["family"])
            model = cls(
                export=export,
                name=_text(card["name"]),
                family=family,
                signport=str(card.get("versions", {}).get("signport", "unknown")),
                classes=tuple(_text(name) for name in card["classes"]),
                canned=tuple(_text(name) for name in (bundle or {}).get("canned_labels", ())),
                inputs=_tensors(card["inputs"]),
                outputs=_tensors(card["outputs"]),
                bundle=bundle,
                files=_files(card, bundle),
                clip_frames=int(card["clip_frames"]) if "clip_frames" in card else None,
                frame_rate=float(card["frame_rate"]) if "frame_rate" in card else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SignportError(f"{path}: no model card ({error!r}); run `signport export` again") from error
        # It names a folder in the app.
        if not _FAMILY.fullmatch(family):
            raise SignportError(f"{path}: family {family!r} is no family's name; run `signport export` again")
        text = _read(export / LABELS_FILE, "export").decode("utf-8", "replace")
        if text != "".join(f"{name}\n" for name in model.classes):
            raise SignportError(
                f"{export / LABELS_FILE}: its labels are not the {len(model.classes)} of {CARD_FILE}: "
                "stale or changed since; run `signport export` again"
            )
        return model

    def threshold(self, forms: Sequence[str]) -> float | None:
        """The least score that counts as an answer, 0 to 1; None for an embedder.

        Args:
            forms: What is embedded; the `.task` brings its own.
        """
        if TASK in forms and self.bundle is not None:
            return float(self.bundle["score_threshold"])
        if not self.classes:
            return None
        return HEAD_THRESHOLD if self.family == "gesture_head" else STREAM_THRESHOLD

    def chosen(self, formats: Sequence[str]) -> list[str]:
        """What to embed: what is asked for, or else the `.task`, or else int8, or else float16.

        Raises:
            SignportError: The run has no such file.
        """
        for form in formats:
            if form != TASK and form not in FORMATS:
                raise SignportError(f"--format {form}: unknown; choose from: {', '.join([TASK, *FORMATS])}")
        chosen = list(dict.fromkeys(formats)) or self._default()
        for form in chosen:
            if form not in self.files:
                there = ", ".join(self.files) or "nothing"
                command = "signport bundle" if form == TASK else FORMATS[form].command
                raise SignportError(f"{self.export}: has no {form} file (it has {there}); run `{command}` again")
        return chosen

    def _default(self) -> list[str]:
        return [next((form for form in (TASK, "int8") if form in self.files), "float16")]

    def contents(self, forms: Sequence[str]) -> dict[str, bytes]:
        """Path below the models folder → content: the files, and beside them their labels and their card.

        A `.tflite` and its companions lie in a folder of the family, so that families lie side by side. There is only
        one `.task`, so it and its companions lie in the models folder itself; its card is the run's card and, under
        `bundle`, what `signport bundle` wrote.

        Raises:
            SignportError: A file is missing or not the one that its card describes.
        """
        contents = {self.files[form].path: self._verified(self.files[form]) for form in forms}
        labels, card = _read(self.export / LABELS_FILE, "export"), _read(self.export / CARD_FILE, "export")
        if TASK in forms:
            both = {**json.loads(card), "bundle": self.bundle}
            contents[LABELS_FILE] = labels
            contents[CARD_FILE] = (json.dumps(both, indent=2, ensure_ascii=False) + "\n").encode()
        if any(form != TASK for form in forms):
            contents[f"{self.family}/{LABELS_FILE}"] = labels
            contents[f"{self.family}/{CARD_FILE}"] = card
        return contents

    def _verified(self, file: ModelFile) -> bytes:
        verb = "bundle" if file.form == TASK else "export"
        path = self.export / file.name
        content = _read(path, verb)
        found = sha256_bytes(content)
        if found != file.sha256:
            raise SignportError(
                f"{path}: sha256 is {found[:12]}…, its card says {file.sha256[:12]}…: stale or changed since; "
                f"run `signport {verb}` again"
            )
        return content


def _read_bundle(export: Path) -> dict[str, Any] | None:
    if not (export / TASK_FILE).is_file():
        return None
    path = export / TASK_CARD_FILE
    if not path.is_file():
        raise SignportError(f"{path}: no such file, but there is a {TASK_FILE}; run `signport bundle` again")
    bundle = read_json(path)
    sha256, threshold = (bundle.get(key) if isinstance(bundle, dict) else None for key in ("sha256", "score_threshold"))
    if not isinstance(sha256, str) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise SignportError(
            f"{path}: sha256 {sha256!r}, score_threshold {threshold!r}: that is no bundle; run `signport bundle` again"
        )
    return dict(bundle)


def _files(card: dict[str, Any], bundle: dict[str, Any] | None) -> dict[str, ModelFile]:
    if bundle is not None and (labels := bundle.get("labels", card["classes"])) != card["classes"]:
        raise SignportError(
            f"{TASK_FILE}: its {len(labels)} labels are not the {len(card['classes'])} of {CARD_FILE}; "
            "run `signport bundle` again"
        )
    files = {TASK: ModelFile(TASK, TASK_FILE, TASK_FILE, bundle["sha256"])} if bundle is not None else {}
    for form, entry in card["files"].items():
        if form in FORMATS:
            name = FORMATS[form].file_name
            files[form] = ModelFile(form, name, f"{card['family']}/{name}", str(entry["sha256"]))
    return files


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _tensors(entries: list[dict[str, Any]]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(str(entry["name"]), tuple(int(size) for size in entry["shape"]), str(entry.get("description", "")))
        for entry in entries
    )


def _read(path: Path, verb: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; run `signport {verb}` again") from None
