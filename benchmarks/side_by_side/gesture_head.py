"""A gesture head from images to `.task`: the genuine Model Maker against `tools/train_asl_model`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from processes import HERE, PYTHON, Ran, by_the_clock, in_turns, raw, run, times_less_work, work
from table import Found, Row

# Both trainers' settings; the defaults of tools/train_asl_model.
EPOCHS, BATCH, RATE = 30, 32, 0.005
TRAINING_SHARE = 0.7
# `None` is made of hands that are no sign of the vocabulary, as prepare_data.py does.
BACKGROUND = {"0": "None", "9": "None"}
# Entry of the base bundle → what Model Maker would download.
_DOWNLOADS = {
    "hand_detector.tflite": "palm_detection_full.tflite",
    "hand_landmarks_detector.tflite": "hand_landmark_full.tflite",
    "gesture_embedder.tflite": "gesture_embedder.tflite",
    "canned_gesture_classifier.tflite": "canned_gesture_classifier.tflite",
}


def measure(places: Any) -> Found:
    """Seconds to a `.task` and the accuracy of both, on photographs of students that neither has seen."""
    from signport.training.model_maker import require_model_maker

    bundle, photos = places.data / "models" / "gesture_recognizer.task", places.data / "photos-asl-digits"
    for needed in (bundle, photos):
        if not needed.exists():
            return Found(notes=[f"Gesture head: skipped, for there is no {needed} (`--data DIR` says where to look)."])
    require_model_maker()
    folder = places.scratch("gesture_head")
    counts = _split(photos, folder / "train", folder / "held-back")
    _lay_out(bundle, folder / "tmp" / "model_maker" / "gesture_recognizer")
    seeds = iter(range(places.rounds * 2))

    def theirs() -> tuple[Ran, dict[str, int]]:
        return _model_maker(folder, next(seeds) // 2)

    def ours() -> tuple[Ran, dict[str, int]]:
        return _signport(folder, bundle, next(seeds) // 2)

    turns = in_turns({"Model Maker": theirs, "signport": ours}, places.rounds)
    ran = [{name: found[0] for name, found in turn.items()} for turn in turns]
    answers = {name: [turn[name][1] for turn in turns] for name in turns[0]}
    accuracy = {name: mean(one["right"] / one["images"] for one in found) for name, found in answers.items()}
    one, hands = answers["signport"][0], [found[0]["hands"] for found in answers.values()]
    how = (
        f"{counts[0]} photographs of digits, {EPOCHS} epochs, batch {BATCH}, Google's embedder; hands found {hands[0]} "
    )
    how += f"and {hands[1]}: ours tries again with a border, and fine-tunes int8 and checks it; "
    how += by_the_clock(ran, "Model Maker", "signport")
    held = f"{counts[1]} photographs of other students, {one['found']} hands found; MediaPipe's GestureRecognizer"
    wrong = (1 - accuracy["Model Maker"]) / (1 - accuracy["signport"])
    rows = [
        Row(
            "gesture head: images to `.task`",
            f"{work(ran, 'Model Maker'):.0f} s (Model Maker)",
            f"{work(ran, 'signport'):.0f} s",
            times_less_work(ran, "Model Maker", "signport"),
            how,
        ),
        Row(
            "gesture head: accuracy of the `.task`",
            f"{accuracy['Model Maker']:.3f}",
            f"{accuracy['signport']:.3f}",
            wrong,
            f"{held}; mean of {len(turns)} seeds, ratio of errors",
        ),
    ]
    return Found(rows, raw={"images": counts, **raw(ran), "answers": answers})


def _split(photos: Path, train: Path, held_back: Path) -> tuple[int, int]:
    """Links photographs into class folders, students apart: they took their ten digits one after another."""
    files = sorted(_numbered(photos))
    cut = round(TRAINING_SHARE * len(files))
    cut += next(offset for offset, (_, digit, _) in enumerate(files[cut:]) if digit == "0")
    for folder, part in ((train, files[:cut]), (held_back, files[cut:])):
        for _, digit, path in part:
            place = folder / BACKGROUND.get(digit, digit) / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    return cut, len(files) - cut


def _numbered(photos: Path) -> Iterator[tuple[int, str, Path]]:
    for path in photos.glob("[0-9]/*"):
        yield int("".join(filter(str.isdigit, path.stem))), path.parent.name, path.resolve()


def _lay_out(bundle: Path, folder: Path) -> None:
    """Puts the models of a bundle where Model Maker keeps what it has downloaded."""
    from signport.landmarks.asset_bundle import LANDMARKER, RECOGNIZER, read_bundle

    outer = read_bundle(bundle)
    models = {**read_bundle(outer[LANDMARKER]), **read_bundle(outer[RECOGNIZER])}
    (folder / "gesture_embedder").mkdir(parents=True)
    for name, download in _DOWNLOADS.items():
        (folder / download).write_bytes(models[name])


def _model_maker(folder: Path, seed: int) -> tuple[Ran, dict[str, int]]:
    output = folder / f"model-maker-{seed}"
    settings = map(str, (EPOCHS, BATCH, RATE, seed))
    environment = {"TMPDIR": str(folder / "tmp"), "TF_USE_LEGACY_KERAS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    script = [PYTHON, HERE / "model_maker_script.py", folder / "train", output, *settings]
    ran = run(script, environment)
    hands = int(next(line for line in ran.output.splitlines() if line.startswith("hands ")).split()[1])
    return ran, _recognized(output / "gesture_recognizer.task", folder) | {"hands": hands}


def _signport(folder: Path, bundle: Path, seed: int) -> tuple[Ran, dict[str, int]]:
    from signport.datasets.cache import LandmarkCache

    output = folder / f"signport-{seed}"
    script = HERE.parents[1] / "tools" / "train_asl_model" / "train.py"
    options = {
        "data_dir": folder / "train", "output_dir": output, "base-bundle": bundle, "seed": seed,
        "epochs": EPOCHS, "batch_size": BATCH, "lr": RATE, "workers": os.cpu_count() or 1,
    }  # fmt: skip
    ran = run([PYTHON, script, *(part for name, value in options.items() for part in (f"--{name}", str(value)))])
    hands = len(LandmarkCache.read(output / "landmarks.parquet"))
    return ran, _recognized(output / "gesture_recognizer.task", folder) | {"hands": hands}


def _recognized(task: Path, folder: Path) -> dict[str, int]:
    said = run([PYTHON, HERE / "recognize.py", task, folder / "held-back"]).output.splitlines()
    counts: dict[str, int] = json.loads(next(line for line in said if line.startswith("{")))
    return counts
