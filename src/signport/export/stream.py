"""Streaming: an exported model on a sliding window of live frames, a label when it is sure and nothing otherwise."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.export.live_frame import Frame, FrameLayout
from signport.export.stream_card import StreamCard, model_file
from signport.landmarks.topology import Topology

# The background class as exported files spell it: MediaPipe knows it by this spelling only.
BACKGROUND = "None"
# A label that was given stays until its score falls below this share of the threshold.
_RELEASE = 0.5
# The least share of the window that has to show a hand, unless told otherwise.
_SIGNING_SHARE = 8


@dataclass(frozen=True)
class Answer:
    """A sign that was recognized.

    Attributes:
        label: The class name.
        score: Its smoothed probability, 0 to 1.
        frame: Number of the pushed frame that decided it, counted from 0.
    """

    label: str
    score: float
    frame: int


class Stream:
    """Recognizes signs in live frames, with the graph that was exported for whole clips.

    The window holds the latest frames. It fills from the start: until there are as many as the model takes, missing
    frames stand at its end, exactly as `LandmarkCache.clips` pads in training; so after the last frame of a clip that
    fits, `scores` is what the file answers to the whole clip.

    A class whose smoothed probability reaches `threshold` and is the best for `hold` answers of the model in a row
    becomes the label. It stays the label until another class has done the same, its own score falls under half the
    threshold, or the hands have left the window; so a score that wavers around the threshold gives one label, not ten.
    The class `None` is nobody's label.

    One stream belongs to one thread; several streams may run side by side, each with its own.

    Examples:
        A frame is an array of points, or what was found: {"pose": (33, 3), "left_hand": (21, 3) or None, …}.

        >>> stream = sp.Stream("runs/mlp-001", threshold=0.5)
        >>> for frame in sp.LandmarkCache.read("hands.parquet").landmarks[:5]:  # five times an A
        ...     if answer := stream.push(frame):
        ...         print(answer.label)
        A
    """

    def __init__(
        self,
        source: Any,
        *,
        threshold: float = 0.6,
        stride: int = 1,
        smoothing: float = 0.5,
        min_frames: int | None = None,
        hold: int = 3,
        repeat: bool = False,
        frames: int | None = None,
        form: str = "float32",
        topology: str | None = None,
        frame_rate: float | None = None,
    ) -> None:
        """Loads an exported model; imports no TensorFlow.

        Args:
            source: A run, its folder, a copy of its export folder, or a `.tflite` with its `card.json` beside it.
            threshold: Least smoothed probability of a label, 0 to 1.
            stride: The model answers at every `stride`-th frame.
            smoothing: Weight of the earlier answers in the smoothed probabilities, 0 (none) to 0.99.
            min_frames: Least number of frames in the window that show a hand, before a label is given; None: an eighth
                of the window.
            hold: How many answers of the model in a row must name a class before it becomes the label.
            repeat: Whether the label is given again at every answer of the model for as long as it holds.
            frames: How many of the latest frames the model sees, at most as many as it takes; None takes the card's
                `clip_frames`, where it has them, or all that fit. A window much longer than the clips of the training
                data shows the model what it has never seen.
            form: The format, where `source` is a run or an export folder.
            topology: The layout that arrays are pushed in; None tells it by the number of points.
            frame_rate: Frames a second that are pushed. Where it is not the card's `frame_rate`, frames are left out
                or repeated so that signs keep the speed that the model knows. None takes frames as they come.

        Raises:
            SignportError: Nothing exported there, a model that takes no landmarks or names no classes, or a setting
                out of its range.
        """
        path, card = model_file(source, form)
        self._card = StreamCard.read(card)
        self._model = self._card.load(path)
        self._layout = FrameLayout(self._card.topology, topology)
        self._hand_rows = self._card.hand_rows()
        length = self._card.length
        if frames is None:
            frames = min(self._card.clip_frames or length, length)
        self._frames = int(_within("frames", frames, 1, length))
        if min_frames is None:
            min_frames = math.ceil(self._frames / _SIGNING_SHARE)
        self._least = int(_within("min_frames", min_frames, 1, self._frames))
        self._stride = int(_within("stride", stride, 1))
        self._hold = int(_within("hold", hold, 1))
        self._threshold = _within("threshold", threshold, 0, 1)
        self._smoothing = _within("smoothing", smoothing, 0, 0.99)
        self._repeat = repeat
        self._speed = 1.0 if frame_rate is None else self._speed_at(_within("frame_rate", frame_rate, 1, 1000))
        self.reset()

    def reset(self) -> None:
        """Forgets all frames and answers: the next frame is the first."""
        self._latest: deque[np.ndarray] = deque(maxlen=self._frames)
        self._hands: deque[bool] = deque(maxlen=self._frames)
        self._pushed = self._taken = 0
        self._scores: np.ndarray | None = None
        self._smoothed: np.ndarray | None = None
        self._label: int | None = None
        self._candidate: int | None = None
        self._in_a_row = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The class names, in the order of `scores`."""
        return self._card.classes

    @property
    def topology(self) -> Topology:
        """The layout that the model takes."""
        return self._card.topology

    @property
    def window(self) -> np.ndarray:
        """What the model sees, float32 (frames, points, 3): the latest frames, then NaN."""
        window = np.full((self._card.length, self.topology.num_points, 3), np.nan, np.float32)
        if self._latest:
            window[: len(self._latest)] = self._latest
        return window

    @property
    def scores(self) -> np.ndarray | None:
        """The model's last answer as it is, not smoothed: float32 (classes,); None before the first."""
        return self._scores

    @property
    def label(self) -> str | None:
        """The label that holds at the moment."""
        return None if self._label is None else self.labels[self._label]

    def push(self, frame: Frame) -> Answer | None:
        """Takes the next frame.

        Args:
            frame: Landmarks as MediaPipe gives them, NaN where missing: float32 (points, 3) in the model's layout or
                in another body layout that holds its points; or parts by name, each (points, 3) or None: `pose` (33),
                `left_hand` (21), `right_hand` (21), `face` (468 or 478), a part that is not named being missing. None
                is a frame in which nothing was found.

        Returns:
            A new label; None while there is none, or it is the one that was given already.

        Raises:
            SignportError: A frame of another shape or with unknown parts; the stream is as it was before.
        """
        points = self._layout.convert(frame)
        number, self._pushed = self._pushed, self._pushed + 1
        due = False
        for _ in range(math.ceil(self._pushed * self._speed) - math.ceil(number * self._speed)):
            self._latest.append(points)
            self._hands.append(bool(np.isfinite(points[self._hand_rows]).any()))
            self._taken += 1
            due |= self._taken % self._stride == 0
        return self._answer(number) if due else None

    def _answer(self, number: int) -> Answer | None:
        scores: np.ndarray = self._model.predict([self.window.reshape(self._card.shape)])[0]
        self._scores = scores
        if sum(self._hands) < self._least:
            self._smoothed = self._label = self._candidate = None
            return None
        earlier = scores if self._smoothed is None else self._smoothed
        self._smoothed = self._smoothing * earlier + (1 - self._smoothing) * scores
        fresh = self._decide(self._smoothed)
        if self._label is None or not (fresh or self._repeat):
            return None
        return Answer(self.labels[self._label], float(self._smoothed[self._label]), number)

    def _decide(self, smoothed: np.ndarray) -> bool:
        """Moves the label on; whether it is a new one."""
        if self._label is not None and smoothed[self._label] < _RELEASE * self._threshold:
            self._label = None
        best = int(smoothed.argmax())
        confident = smoothed[best] >= self._threshold
        self._in_a_row = self._in_a_row + 1 if best == self._candidate and confident else int(confident)
        self._candidate = best if confident else None
        if self._in_a_row < self._hold or best == self._label:
            return False
        self._label = None if self.labels[best] == BACKGROUND else best
        return self._label is not None

    def _speed_at(self, frame_rate: float) -> float:
        """Frames of the model for each frame that is pushed."""
        if not self._card.frame_rate:
            raise SignportError(f"{self._card.path}: frame_rate: unknown; leave the stream's `frame_rate` out")
        return self._card.frame_rate / frame_rate


def _within(name: str, value: float, least: float, most: float = math.inf) -> float:
    if not least <= value <= most:
        upper = f" to {most:g}" if math.isfinite(most) else " or more"
        raise SignportError(f"Stream {name} {value}: give {least:g}{upper}")
    return value
