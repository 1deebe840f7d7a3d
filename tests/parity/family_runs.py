"""One exported run a family, small but real: trained on made-up landmarks, quantized, exported, all gates passed."""

import shutil
from pathlib import Path

from tests.made_up_hands import hands
from tests.session import only_one, session_folder
from tests.training.tiny_sequence import made_up_clips

import signport as sp

CLASSES = ("A", "B", "C", "None")
_QUICK = ["data.augmentation.copies=0", "quantization.epochs=0", "logging.tensorboard=false"]
_SIGNS = [
    "training.epochs=15",
    "training.learning_rate=0.003",
    "training.batch_size=16",
    "data.validation=0.2",
    "data.test=0.2",
    "quantization.epochs=0",
    "logging.tensorboard=false",
]
_SETTINGS = {
    "mlp": [*_QUICK, "training.epochs=12", "model.hidden=[32,16]"],
    "gesture_embedder": [*_QUICK, "training.epochs=12", "model.hidden=[32]"],
    # Long enough to be sure of a hand: where no class passes .5, MediaPipe reports no hand at all.
    "gesture_head": [*_QUICK, "training.epochs=40"],
    "lstm": [*_SIGNS, "model.frames=4", "model.units=[8,8,8]", "model.hidden=8"],
    "transformer": [*_SIGNS, "model.frames=4", "model.hidden=16", "model.heads=2", "model.layers=1"],
    "stgcn": [*_SIGNS, "model.frames=4", "model.blocks=1", "model.channels=8"],
    # A kernel beyond 32 frames of 32 channels: smaller filters stay in float in the dynamic-range file.
    "conv_transformer": [
        *_SIGNS,
        "model.frames=4",
        "model.hidden=16",
        "model.heads=2",
        "model.stages=1",
        "model.blocks=1",
        "model.kernel=32",
    ],
}
FAMILIES = tuple(_SETTINGS)


def family_run(tmp_path_factory, family: str) -> Path:
    """The folder of a family's exported run, made once a session by whoever asks first; copy it before a change."""
    folder = session_folder(tmp_path_factory) / "family-runs"
    if (folder / family / "export" / "card.json").is_file():
        return folder / family
    embedder = family_run(tmp_path_factory, "gesture_embedder") if family == "gesture_head" else None
    with only_one(folder, family):
        if not (folder / family / "export" / "card.json").is_file():
            _make(folder, family, embedder)
    return folder / family


def _make(folder: Path, family: str, embedder: Path | None) -> None:
    hand = family in ("mlp", "gesture_embedder", "gesture_head")
    data = folder / ("hands.parquet" if hand else "signs.parquet")
    with only_one(folder, data.name):
        if not data.is_file():
            if hand:
                hands(data, CLASSES, seed=1)
            else:
                made_up_clips("isl_136", CLASSES, per_class=60).write(data)
    making = folder / f"making-{family}"
    more = {} if embedder is None else {"embedder": embedder}
    run = sp.train(family, data, runs=making, name=family, overrides=_SETTINGS[family], **more)
    sp.export_tflite(run)
    run.path.rename(folder / family)


def fresh_family_run(tmp_path_factory, tmp_path: Path, family: str) -> Path:
    """A copy of it, to put faults into."""
    return Path(shutil.copytree(family_run(tmp_path_factory, family), tmp_path / family))
