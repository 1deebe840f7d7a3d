"""One exported run a family, small but real: trained on made-up landmarks, quantized, exported, all gates passed."""

import shutil
from pathlib import Path

from tests.export.conftest import hands
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
    "gesture_head": [*_QUICK, "training.epochs=12"],
    "lstm": [*_SIGNS, "model.frames=4", "model.units=[8,8,8]", "model.hidden=8"],
    "transformer": [*_SIGNS, "model.frames=4", "model.hidden=16", "model.heads=2", "model.layers=1"],
    "stgcn": [*_SIGNS, "model.frames=4", "model.blocks=1", "model.channels=8"],
}
FAMILIES = tuple(_SETTINGS)


def family_run(tmp_path_factory, family: str) -> Path:
    """The folder of a family's exported run, made once a session; copy it before a change."""
    folder = tmp_path_factory.getbasetemp() / "family-runs"
    if (folder / family / "export" / "card.json").is_file():
        return folder / family
    more = {}
    if family in ("mlp", "gesture_embedder", "gesture_head"):
        data = folder / "hands.parquet"
        if not data.is_file():
            folder.mkdir(exist_ok=True)
            hands(data, CLASSES, seed=1)
    else:
        data = folder / "signs.parquet"
        if not data.is_file():
            folder.mkdir(exist_ok=True)
            made_up_clips("isl_136", CLASSES, per_class=60).write(data)
    if family == "gesture_head":
        more["embedder"] = family_run(tmp_path_factory, "gesture_embedder")
    run = sp.train(family, data, runs=folder, name=family, overrides=_SETTINGS[family], **more)
    sp.export_tflite(run)
    return run.path


def fresh_family_run(tmp_path_factory, tmp_path: Path, family: str) -> Path:
    """A copy of it, to put faults into."""
    return Path(shutil.copytree(family_run(tmp_path_factory, family), tmp_path / family))
