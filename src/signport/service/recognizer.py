"""The exported model: landmarks in, class probabilities out, never on the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from signport.errors import SignportError
from signport.export.stream import BACKGROUND, Stream
from signport.export.stream_card import StreamCard, model_file
from signport.files import read_json
from signport.landmarks.frame_indices import frame_indices
from signport.service.worker_pool import PoolFullError

# LiteRT lets go of Python's lock while it works. Two threads keep a slow model from making others wait for one answer;
# more would only share the same cores with the workers.
_THREADS = 2
_MOST_WAITING = 64

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class Recognition:
    """What the model says.

    Attributes:
        letter: The most probable class; None where that is the background class `None`.
        confidence: Its probability, 0 to 1.
        scores: The probability of each class.
    """

    letter: str | None
    confidence: float
    scores: dict[str, float]


class Recognizer:
    """An exported model with LiteRT; TensorFlow is not imported.

    Attributes:
        name: The model's, as its card has it.
        card: What is known of the model.
        is_sequence: Whether it takes clips; it takes single frames otherwise.
        form: The exported format; None where a `.tflite` was named.
    """

    def __init__(self, source: Path, form: str) -> None:
        """Loads a model.

        Args:
            source: A run, its export folder, or a `.tflite` with its `card.json` beside it.
            form: The format, where it is no `.tflite`.

        Raises:
            SignportError: Nothing exported there, or a model that doesn't turn landmarks into class probabilities.
        """
        self._path, card = model_file(source, form)
        try:
            self.card = StreamCard.read(card)
        except SignportError as error:
            raise SignportError(str(error).replace("a stream takes", "the service takes")) from None
        self.form = None if source.suffix == ".tflite" else form
        self.is_sequence = len(self.card.shape) == 4
        if not self.is_sequence and self.card.topology.is_body:
            raise SignportError(
                f"{card}: topology: {self.card.topology.name} in single frames; the service takes models of one hand "
                "or of clips"
            )
        self.name = str(self.described().get("name", card.parent.name))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="model")
        self._own = threading.local()
        self._waiting = 0
        self.card.load(self._path)  # an unusable file is told at once; each thread loads its own

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

    def described(self) -> dict[str, Any]:
        """The model's card, with its layout's edges as `connections`."""
        return {**read_json(self.card.path), "connections": [list(edge) for edge in self.card.topology.edges]}

    def stream(self, threshold: float | None, frame_rate: float | None) -> Stream:
        """A stream of this model, that repeats its label for as long as it holds.

        Raises:
            SignportError: A setting out of its range.
        """
        if threshold is None:
            return Stream(self._path, repeat=True, frame_rate=frame_rate)
        return Stream(self._path, repeat=True, threshold=threshold, frame_rate=frame_rate)

    async def recognize(self, landmarks: np.ndarray) -> Recognition:
        """Asks the model.

        Args:
            landmarks: float32 (points, 3), or (frames, points, 3) for models of clips, in the model's layout, NaN where
                missing. Longer clips are thinned out, as `LandmarkCache.clips` does for training.

        Raises:
            PoolFullError: Too many wait for the model.
        """
        return await self.run(self._recognize, landmarks)

    async def run(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Runs work on the model's threads.

        Raises:
            PoolFullError: Too much waits already.
        """
        if self._waiting >= _MOST_WAITING:
            raise PoolFullError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _recognize(self, landmarks: np.ndarray) -> Recognition:
        if not hasattr(self._own, "model"):
            self._own.model = self.card.load(self._path)
        if self.is_sequence:
            landmarks = fitted(landmarks, self.card.length)
        probabilities = self._own.model.predict([landmarks[np.newaxis]])[0]
        best = int(probabilities.argmax())
        name = self.card.classes[best]
        scores = {label: float(score) for label, score in zip(self.card.classes, probabilities, strict=True)}
        return Recognition(None if name == BACKGROUND else name, scores[name], scores)


def fitted(clip: np.ndarray, frames: int) -> np.ndarray:
    """A clip as long as the model takes, as `LandmarkCache.clips` makes it: thinned out evenly, or ended with NaN.

    Args:
        clip: float32 (frames, points, 3).
        frames: The length that is wanted.
    """
    if len(clip) > frames:
        return np.asarray(clip[frame_indices(len(clip), frames)])
    missing = np.full((frames - len(clip), *clip.shape[1:]), np.nan, np.float32)
    return np.concatenate([clip, missing])
