"""Checkpoints: a `.keras` archive of model and optimizer with one member more, which says where the training stood.

Archives are written again without times and memory addresses, so that the same training gives the same bytes.
"""

import io
import json
import tempfile
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from signport.errors import SignportError
from signport.files import DAMAGED_ZIP, ZIP_EPOCH, write_bytes
from signport.training.loop import History, Moment, Snapshot

_MEMBER = "signport.json"
_MOST_BYTES = 1 << 26  # of that member: histories of a hundred thousand epochs


@dataclass(frozen=True)
class TrainingState:
    """Where a training stood when a checkpoint was written.

    Attributes:
        family: The kind of model.
        recipe_digest: `Recipe.digest` of the training.
        classes: Class names in the order of the model's outputs.
        history: A row an epoch; schedule and early stopping follow from it.
    """

    family: str
    recipe_digest: str
    classes: tuple[str, ...]
    history: tuple[dict[str, float], ...]

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)


def keras_archive(model: keras.Model, members: dict[str, bytes] | None = None) -> bytes:
    """A model as `.keras` bytes that depend on nothing but the model.

    Args:
        model: Its optimizer is in the archive if it is compiled.
        members: More members: name → content.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(content["metadata.json"])
    metadata.pop("date_saved", None)
    content["metadata.json"] = json.dumps(metadata).encode()
    config = json.loads(content["config.json"])
    _number_shared_objects(config, {})
    content["config.json"] = json.dumps(config).encode()
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {**content, **(members or {})}.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data)
    return sink.getvalue()


def _number_shared_objects(config: Any, numbers: dict[int, int]) -> None:
    """Replaces memory addresses, by which Keras marks objects that occur twice, by small numbers.

    A dtype policy loses its mark: it has no state to share, and a model that was loaded has none either.
    """
    if isinstance(config, dict):
        if "shared_object_id" in config:
            address = config.pop("shared_object_id")
            if config.get("class_name") != "DTypePolicy":
                config["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        config = list(config.values())
    if isinstance(config, list):
        for entry in config:
            _number_shared_objects(entry, numbers)


def checkpoint_bytes(model: keras.Model, state: TrainingState) -> bytes:
    """A checkpoint of a compiled model."""
    return keras_archive(model, {_MEMBER: json.dumps(asdict(state)).encode()})


@dataclass
class Checkpoints:
    """Writes a training's checkpoints; a hook of `loop.fit`.

    `last.keras` is where to go on, `best.keras` the best epoch so far, `epoch-NNN.keras` every one that was due.

    Attributes:
        folder: Where they go.
        every: Epochs between them; the last epoch always gets one.
        state: What they record, the history apart.
        keep: How many `epoch-NNN.keras` stay, the newest ones; 0 keeps all.
    """

    folder: Path
    every: int
    state: TrainingState
    keep: int = 0
    _best_written: int = 0

    def __call__(self, moment: Moment) -> None:
        epoch = len(moment.history)
        due = epoch % self.every == 0
        if not due and not moment.is_last:
            return
        names = [f"epoch-{epoch:03d}"] if due else []
        if moment.best is not None and moment.best_epoch != self._best_written:
            if moment.best_epoch == epoch:
                names.insert(0, "best")
            else:
                now = Snapshot.of(moment.model)
                moment.best.restore(moment.model)
                self._write(["best"], moment.model, moment.history[: moment.best_epoch])
                now.restore(moment.model)
            self._best_written = moment.best_epoch
        # `last` comes last, because resuming trusts that the others are at least as new.
        self._write([*names, "last"], moment.model, moment.history)
        if self.keep:
            for path in sorted(self.folder.glob("epoch-*.keras"), key=_epoch_of)[: -self.keep]:
                path.unlink()

    def start(self, model: keras.Model) -> None:
        """Writes `last.keras` of a training that begins, so that a kill in the first epochs is resumed too."""
        self._write(["last"], model, [])

    def _write(self, names: list[str], model: keras.Model, history: History) -> None:
        content = checkpoint_bytes(model, replace(self.state, history=tuple(history)))
        for name in names:
            write_bytes(self.folder / f"{name}.keras", content)


def _epoch_of(path: Path) -> int:
    return int(path.stem.removeprefix("epoch-"))


def load_model(path: Path) -> keras.Model:
    """Loads a `.keras` archive of signport's; pickled code in it is refused (`safe_mode`).

    Raises:
        SignportError: Missing, damaged, or not a model that this signport knows.
    """
    if not path.is_file():
        raise SignportError(f"{path}: no such model; train it, or go on with `signport train --resume`")
    try:
        model: keras.Model = keras.saving.load_model(path, safe_mode=True)
    except (*DAMAGED_ZIP, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SignportError(f"{path}: damaged, or not a model of signport ({reason}); train again") from error
    return model


def load_checkpoint(path: Path) -> tuple[keras.Model, TrainingState]:
    """Loads a checkpoint: the model with its optimizer, and where the training stood.

    Raises:
        SignportError: Missing, damaged, or not a checkpoint.
    """
    return load_model(path), read_state(path)


def read_state(path: Path) -> TrainingState:
    """Where the training of a checkpoint stood, without its model; raises as `load_checkpoint`."""
    if not path.is_file():
        raise SignportError(f"{path}: no such checkpoint; start the training anew")
    try:
        with zipfile.ZipFile(path) as archive:
            if _MEMBER not in archive.namelist():
                raise SignportError(f"{path}: a Keras model, but not a checkpoint of signport")
            entry = archive.getinfo(_MEMBER)
            if max(entry.file_size, entry.compress_size) > _MOST_BYTES:
                raise zipfile.BadZipFile(f"{_MEMBER} says that it holds more than {_MOST_BYTES:,} bytes")
            value = json.loads(archive.read(_MEMBER))
        return TrainingState(
            family=value["family"],
            recipe_digest=value["recipe_digest"],
            classes=tuple(value["classes"]),
            history=tuple(value["history"]),
        )
    except (*DAMAGED_ZIP, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SignportError(f"{path}: damaged, or not a checkpoint of signport ({reason}); train again") from error
