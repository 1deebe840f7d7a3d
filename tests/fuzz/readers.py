"""Every reader of signport that may be given a stranger's file, as a function of its bytes.

A reader may refuse what it is given, with the errors that it documents, and must do nothing else: no other exception,
no crash, no hang, no gigabyte of memory. `test_readers.py` tries some hundred inputs on each, `tools/fuzz.py` any
number.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz import data_readers, model_readers, seeds, service_readers, texts
from tests.fuzz.scratch import as_file

from signport.errors import SignportError


@dataclass(frozen=True)
class Reader:
    """What is fuzzed.

    Attributes:
        read: Reads one input.
        seeds: Small valid inputs.
        refusals: What it may raise.
    """

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    refusals: tuple[type[Exception], ...] = (SignportError,)

    def __call__(self, content: bytes) -> bool:
        """Reads one input; whether it was accepted."""
        try:
            self.read(content)
        except self.refusals as error:
            told = str(error)
        else:
            return True
        assert "\n" not in told, f"the refusal has more than one line: {told}"
        return False


def _refusals(*names: str) -> tuple[type[Exception], ...]:
    from fastapi import HTTPException

    from signport.datasets.sequence_import import SkipClipError
    from signport.service.landmark_json import WrongLandmarksError
    from signport.service.messages import BrokenMessageError

    known = {
        "skip": SkipClipError,
        "http": HTTPException,
        "landmarks": WrongLandmarksError,
        "message": BrokenMessageError,
    }
    return (SignportError, *(known[name] for name in names))


READERS = {
    "task": Reader(model_readers.bundle, seeds.task),
    "task-models": Reader(as_file("x.task", model_readers.bundle_models), seeds.task),
    "tflite": Reader(model_readers.model, seeds.tflite),
    "tflite-parts": Reader(model_readers.model_parts, seeds.tflite),
    "tflite-litert": Reader(model_readers.inference, seeds.tflite),
    "npz": Reader(as_file("x.npz", data_readers.npz), seeds.npz),
    "npy-clip": Reader(as_file("x.npy", data_readers.clip), seeds.npy, _refusals("skip")),
    "npy-frame": Reader(as_file("frames/1.npy", data_readers.frames), seeds.npy, _refusals("skip")),
    "csv": Reader(as_file("x.csv", data_readers.csv), seeds.csv_table),
    "csv-lists": Reader(as_file("list.csv", data_readers.small_tables), texts.small_tables),
    "json-labels": Reader(as_file("labels.json", data_readers.labels_json), texts.gloss_json),
    "cache": Reader(as_file("cache.parquet", data_readers.cache), seeds.cache_parquet),
    "cache-header": Reader(data_readers.header, seeds.cache_header),
    "parquet-clip": Reader(as_file("clip.parquet", data_readers.parquet_clip), seeds.parquet_clip, _refusals("skip")),
    "picture": Reader(service_readers.picture, seeds.pictures, _refusals("http")),
    "video": Reader(as_file("video", service_readers.video), seeds.videos),
    "upload": Reader(service_readers.upload, seeds.multipart, _refusals("http")),
    "body": Reader(service_readers.body, texts.hand_json),
    "frame": Reader(service_readers.frame, texts.frame_json, _refusals("landmarks")),
    "message": Reader(service_readers.message, texts.messages, _refusals("message")),
    "recipe": Reader(as_file("recipe.yaml", model_readers.recipe), texts.recipes),
    "card": Reader(as_file("export/card.json", model_readers.card), texts.card),
    "run": Reader(as_file("run/run.json", model_readers.run), texts.run_json),
    "split": Reader(as_file("split/split.json", model_readers.split), texts.split),
    "checkpoint": Reader(as_file("x.keras", model_readers.checkpoint), seeds.checkpoint),
    "golden": Reader(as_file("golden/golden.npz", model_readers.golden), seeds.golden),
}
