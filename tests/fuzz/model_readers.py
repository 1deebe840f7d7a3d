"""Readers of models, and of what lies in the folder of a run."""

import contextlib
import json
import os
import signal
import traceback
from pathlib import Path

from tests.fuzz import seeds, texts

from signport.errors import SignportError


def bundle(content: bytes) -> None:
    from signport.parity.inspection import describe_bundle

    json.dumps(describe_bundle(content, "x.task", "x"))


def bundle_models(path: Path) -> None:
    from signport.landmarks.hand_detector import hand_landmarker_task
    from signport.parity.job import task_models
    from signport.training.base_models import _from_bundle

    for read in (task_models, _from_bundle, hand_landmarker_task):
        with contextlib.suppress(SignportError):
            read(path)


def model(content: bytes) -> None:
    from signport.parity.inspection import describe_model

    json.dumps(describe_model(content, "x.tflite"))


def model_parts(content: bytes) -> None:
    from signport.export import flatbuffer, metadata, packing

    for read in (
        flatbuffer.operators,
        flatbuffer.operator_counts,
        flatbuffer.float_islands,
        flatbuffer.variable_tensors,
        lambda content: flatbuffer.get_metadata(content, metadata.METADATA_NAME),
        metadata.describe,
        metadata.read_labels,
        packing.int4_tensors,
    ):
        with contextlib.suppress(SignportError):
            read(content)


def inference(content: bytes) -> None:
    """As `require_runs`, in a child that need not start anew: LiteRT's own crashes are for it to survive."""
    from signport.models.litert import run_on_zeros

    reading, writing = os.pipe()
    if not (child := os.fork()):
        status, said = 0, b""
        try:
            for number in (signal.SIGALRM, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
                signal.signal(number, signal.SIG_DFL)  # libFuzzer has its own
            signal.alarm(20)
            run_on_zeros(content)
        except (SignportError, MemoryError):
            status = 1
        except BaseException:  # noqa: BLE001  told to the parent
            status, said = 2, traceback.format_exc().encode()[-2000:]
        os.write(writing, said)
        os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status != -signal.SIGALRM, "LiteRT hangs"
    assert status != 2, said.decode()
    if status:
        raise SignportError(f"LiteRT refuses it, or crashes on it: {status}")


def card(path: Path) -> None:
    from signport.export.app.run_model import RunModel
    from signport.export.golden import GOLDEN_FILE
    from signport.export.stream_card import StreamCard
    from signport.parity.inspection import inspect
    from signport.parity.job import load_job

    (path.parent / "labels.txt").write_text("A\nB\n")
    (path.parent / GOLDEN_FILE).write_bytes(seeds.golden()[0])
    for read in (RunModel.read, lambda _: StreamCard.read(path), load_job, lambda folder: json.dumps(inspect(folder))):
        with contextlib.suppress(SignportError):
            read(path.parent)


def run(path: Path) -> None:
    from signport.parity.inspection import inspect
    from signport.training.run import Run

    (path.parent / "recipe.yaml").write_bytes(texts.recipes()[0])
    run = Run.open(path.parent)
    _ = run.classes, run.metrics, run.cache_path, run.cache_digest
    json.dumps(inspect(path.parent))


def split(path: Path) -> None:
    from signport.datasets.cache import LandmarkCache
    from signport.files import sha256_file
    from signport.training.run import Run

    hands = path.parent / "hands.parquet"
    hands.write_bytes(seeds.cache_parquet()[0])
    record = {**json.loads(texts.run_json()[0]), "cache": {"path": "hands.parquet", "sha256": sha256_file(hands)}}
    (path.parent / "run.json").write_text(json.dumps(record))
    (path.parent / "recipe.yaml").write_bytes(texts.recipes()[0])
    assert len(LandmarkCache.read(hands)) == 4
    Run.open(path.parent).split()


def checkpoint(path: Path) -> None:
    from signport.training.checkpoint import read_state

    _ = read_state(path).epoch


def golden(path: Path) -> None:
    from signport.export.golden import read_golden
    from signport.export.graph_tensors import read_outlines
    from signport.parity.job import load_job

    path.with_name("tensors.npz").write_bytes(path.read_bytes())
    (path.parent / "card.json").write_bytes(texts.card()[0])
    for read in (read_golden, lambda folder: read_outlines(folder, "answer_int8"), load_job):
        with contextlib.suppress(SignportError):
            read(path.parent)


def recipe(path: Path) -> None:
    from signport.training.recipe import load_recipe

    recipe = load_recipe(path)
    assert load_recipe(path).digest == recipe.digest
    recipe.to_yaml()
