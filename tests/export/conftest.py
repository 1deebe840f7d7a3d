"""One small pipeline for all export tests: embedder and two heads, trained, exported and bundled once a session."""

import json
import shutil
from dataclasses import dataclass

import pytest
from tests.made_up_hands import hands
from tests.parity.family_runs import family_run
from tests.session import only_one, session_folder

from signport.export.bundle import Bundled, bundle
from signport.export.export_folder import TASK_CARD_FILE, TASK_FILE
from signport.export.exporter import export
from signport.training.run import Run
from signport.training.train import train


@dataclass(frozen=True)
class Pipeline:
    embedder: Run
    head: Run
    canned: Run
    bundled: Bundled


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory) -> Pipeline:
    embedder = Run.open(family_run(tmp_path_factory, "gesture_embedder"))
    folder = session_folder(tmp_path_factory) / "pipeline"
    with only_one(folder, "pipeline"):
        if not (folder / "head").is_dir():
            making = shutil.copytree(family_run(tmp_path_factory, "gesture_head"), folder / "making-head")
            gestures = hands(folder / "gestures.parquet", ("None", "Open_Palm", "Victory"), seed=2)
            quick = ["training.epochs=40", "data.augmentation.copies=0", "quantization.epochs=1"]
            canned = train(
                "gesture_head", gestures, runs=folder, name="canned", overrides=quick, embedder=embedder.path
            )
            export(canned)
            bundle(making, canned=canned)
            making.rename(folder / "head")
    head = Run.open(folder / "head")
    card = json.loads((head.export_folder / TASK_CARD_FILE).read_text(encoding="utf-8"))
    return Pipeline(embedder, head, Run.open(folder / "canned"), Bundled(head.export_folder / TASK_FILE, card))
