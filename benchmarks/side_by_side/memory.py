"""Peak memory of each stage of a small static run, each started as a user starts it; shared memory counts twice."""

import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from capture import hand_model
from conversion import calibration_samples
from processes import HERE, PYTHON, SIGNPORT, Ran, run, run_each, started
from table import Found, Row

PER_CLASS, EPOCHS = 25, 30
_SERVING = "import fastapi, mediapipe, tensorflow, uvicorn"
_IDLE_SECONDS = 5.0
_START_SECONDS = 120.0


def measure(places: Any) -> Found:
    """A row a stage, beside the program of few lines that does about the same."""
    folder = places.scratch("memory")
    hands, cache, model = folder / "hands", folder / "hands.parquet", folder / "runs" / "mlp"
    drawing = ["render", "hands", hands, "--classes", "digits", "--per-class", PER_CLASS, "--no-detect"]
    run([*SIGNPORT, *drawing])
    images = sorted(hands.glob("*/*.png"))
    training = ["train", "mlp", "--data", cache, "--runs", model.parent, "--name", model.name]
    stages = {
        "capture, 1 process": ["capture", "images", hands, cache],
        "capture, 2 processes": ["capture", "images", hands, folder / "again.parquet", "--workers", 2],
        "train": [*training, "--set", f"training.epochs={EPOCHS}"],
        "evaluate": ["evaluate", model, "--data", cache],
        "export": ["export", model],
        "parity, desktop": ["parity", model, "--targets", "desktop"],
    }
    found = Found()
    ours = run_each("Peak memory", {name: [*SIGNPORT, *arguments] for name, arguments in stages.items()}, found.notes)
    samples = folder / "calibration.npz"
    calibration_samples(model, samples)
    plain = {
        "capture, 1 process": ("a loop over MediaPipe", "plain_images.py", [hand_model(folder), folder / "x", *images]),
        "train": ("Keras `fit`", "plain_train.py", [cache, folder / "plain.keras", EPOCHS]),
        "export": ("`TFLiteConverter`", "plain_convert.py", ["mlp", model / "model.keras", samples, folder]),
    }
    titles = {name: title for name, (title, *_) in plain.items()}
    scripts = {name: [PYTHON, HERE / script, *more] for name, (_, script, more) in plain.items()}
    theirs = run_each("Peak memory", scripts, found.notes)
    for name, one in ours.items():
        other = (titles[name], theirs[name]) if name in theirs else None
        found.rows.append(_row(name, other, one, len(images)))
    found.rows.append(_serving(model))
    return found


def _row(stage: str, theirs: tuple[str, Ran] | None, ours: Ran, images: int) -> Row:
    how = f"{images} drawn hands, `mlp`; ours with all its processes; {ours.processor_seconds:.0f} s"
    if theirs is None:
        return Row(f"peak memory, {stage}", "–", f"{ours.peak_mib:,.0f} MiB", None, how)
    title, plain = theirs
    return Row(
        f"peak memory, {stage}",
        f"{plain.peak_mib:,.0f} MiB ({title})",
        f"{ours.peak_mib:,.0f} MiB",
        plain.peak_mib / ours.peak_mib,
        f"{how}, theirs {plain.processor_seconds:.0f} s",
    )


def _serving(model: Path) -> Row:
    """What the service holds when it is ready and nobody asks."""
    with started([*SIGNPORT, "serve", model, "--port", 0]) as (process, sampler, log):
        end = time.monotonic() + _START_SECONDS
        while not (address := re.search(r"http://[\d.]+:\d+", log.read_text(encoding="utf-8"))):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"signport serve did not start: {log.read_text(encoding='utf-8')}")
            time.sleep(0.2)
        while not _is_healthy(address.group()):  # it listens before its workers are there
            if time.monotonic() > end:
                raise RuntimeError(f"signport serve is not healthy: {log.read_text(encoding='utf-8')}")
            time.sleep(0.2)
        time.sleep(_IDLE_SECONDS)
        idle = sampler.now_mib
    imported = run([PYTHON, "-c", _SERVING])
    return Row(
        "memory, serve, idle",
        f"{imported.peak_mib:,.0f} MiB (imports of FastAPI, MediaPipe, TensorFlow)",
        f"{idle:,.0f} MiB",
        imported.peak_mib / idle,
        "ours is ready to answer, with its workers",
    )


def _is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=_START_SECONDS):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return False
