"""A process that finds landmarks in pictures and clips; `worker_pool` starts it, with its options as JSON.

Strangers' bytes are decoded here and nowhere else: when a decoder crashes, hangs or wants all memory, this process ends
and the service goes on. It answers one message at a time, holds what it is sent in memory only, and ends by itself when
its standard input does.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.child_process import answer_pipe, leave_interrupts_to_the_parent
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, topology_named
from signport.landmarks.video_file import VideoFile, prepare_decoder
from signport.service import messages

# What a worker may take beyond what it needs at rest: for its libraries, and for each pixel of the largest picture. The
# coefficients of a progressive JPEG take 6 bytes, and 4 copies on the way to the landmarks 3 each.
_MEMORY, _MEMORY_A_PIXEL = 2**28, 24
# The size of this process's address space in pages, and more (Linux).
_MEMORY_IN_USE = Path("/proc/self/statm")
# How much longer than the service waits a job may take before the kernel ends the process, and how long its end may
# take: only where the service is no longer there to do it.
_GRACE_S = 5.0

Reply = tuple[dict[str, Any], bytes]


@dataclass(frozen=True)
class LookingOptions:
    """What a worker is started with.

    Attributes:
        topology: The model's landmark layout: `hand`, or a body layout.
        min_detection_confidence: Least score of the palm and person detectors, 0 to 1.
        min_tracking_confidence: Least score with which a body is followed, 0 to 1.
        max_num_hands: How many hands are looked for.
        max_pixels: Largest picture, width × height.
        max_clip_frames: Longest clip, in frames.
        max_clip_seconds: Longest clip, in seconds.
    """

    topology: str
    min_detection_confidence: float
    min_tracking_confidence: float
    max_num_hands: int
    max_pixels: int
    max_clip_frames: int
    max_clip_seconds: float


class _Hands:
    """Looks for hands; every picture stands alone, and there is no other job."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector

    def answer(self, _job: str, content: bytes) -> Reply:
        import numpy as np

        image = _decoded(content)
        if image is None:
            return {"status": "unreadable"}, b""
        hands = self._detector.detect_all(image)
        points = np.array([hand.landmarks for hand in hands], "<f4")
        left = [hand.handedness for hand in hands]
        return {"status": "looked", "left": left, "image_size": image.shape[1::-1]}, points.tobytes()


class _Bodies:
    """Follows a person: through a clip, or through the pictures of one live connection."""

    def __init__(self, detector: Any, options: LookingOptions) -> None:
        self._detector = detector
        self._options = options
        self._rows = topology_named(options.topology).indices_in(HOLISTIC_543)
        self._following: _Following | None = None

    def answer(self, job: str, content: bytes) -> Reply:
        if job == "clip":
            return self._clip(content)
        if job == "forget":
            self.forget()
            return {"status": "forgotten"}, b""
        image = _decoded(content)
        if image is None:
            return {"status": "unreadable"}, b""
        if self._following is None or self._following.shape != image.shape:
            self.forget()
            self._following = _Following(self._detector, image.shape)
        points = self._following.step(image)[self._rows]
        return {"status": "looked", "image_size": image.shape[1::-1]}, points.astype("<f4").tobytes()

    def forget(self) -> None:
        """Ends what follows a live connection's pictures, if anything does."""
        if self._following is not None:
            self._following.close()
        self._following = None

    def _clip(self, content: bytes) -> Reply:
        with _in_memory(content) as path:
            video = VideoFile(path)
            if not video.is_open:
                return {"status": "unreadable"}, b""
            return self._followed(video)

    def _followed(self, video: VideoFile) -> Reply:
        import cv2
        import numpy as np

        try:
            clip = [points[self._rows] for points in self._detector.follow(self._within_limits(video))]
        except _RefusedClipError as refused:
            return {"status": str(refused)}, b""
        except (cv2.error, MemoryError):
            return {"status": "unreadable"}, b""
        if not clip:
            return {"status": "unreadable"}, b""
        if video.is_cut_short:
            return {"status": "cut short"}, b""
        return {"status": "looked", "frames": len(clip)}, np.array(clip, "<f4").tobytes()

    def _within_limits(self, video: VideoFile) -> Iterator[Any]:
        self._check_length(video, video.stated_frames)
        for frame in video.frames():
            if frame.shape[0] * frame.shape[1] > self._options.max_pixels:
                raise _RefusedClipError("too many pixels")
            self._check_length(video, video.num_frames)
            yield frame

    def _check_length(self, video: VideoFile, frames: int) -> None:
        # NaN, for a rate that is unknown, is never more than anything.
        if frames > self._options.max_clip_frames or frames / video.frame_rate > self._options.max_clip_seconds:
            raise _RefusedClipError("too long")


class _RefusedClipError(Exception):
    """A clip is over a limit; its text is the status."""


class _Following:
    """`HolisticDetector.follow`, which takes frames from an iterator, made to take them one by one."""

    def __init__(self, detector: Any, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._frames: deque[Any] = deque()
        self._points = detector.follow(self._fed())

    def _fed(self) -> Iterator[Any]:
        while True:
            yield self._frames.popleft()

    def step(self, image: Any) -> Any:
        self._frames.append(image)
        return next(self._points)

    def close(self) -> None:
        """Ends MediaPipe's graph, now: what waits for the garbage collector hangs at the end of the process."""
        self._points.close()


def _decoded(content: bytes) -> Any:
    """RGB uint8 (height, width, 3), turned as its EXIF orientation says; None if unreadable."""
    import cv2
    import numpy as np

    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError):
        return None
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Content as a file without a name: OpenCV's FFmpeg reads from paths alone."""
    # Where there are no files in memory (macOS), it lies on disk, under no name.
    has_memory = hasattr(os, "memfd_create")
    with os.fdopen(os.memfd_create("clip"), "w+b") if has_memory else tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _limit_memory(max_pixels: int) -> None:
    """Makes an allocation fail that a decoder asks for on the word of a bomb's header."""
    if not _MEMORY_IN_USE.exists():
        return
    in_use = int(_MEMORY_IN_USE.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    most = in_use + _MEMORY + _MEMORY_A_PIXEL * max_pixels
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@contextlib.contextmanager
def _looking(options: LookingOptions) -> Iterator[Callable[[str, bytes], Reply]]:
    # Read by OpenCV when it is imported; a second line of defence behind `picture_size`.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(options.max_pixels)
    prepare_decoder()
    if topology_named(options.topology).is_body:
        from signport.landmarks.holistic_detector import HolisticDetector

        with HolisticDetector(
            options.min_detection_confidence, min_tracking_confidence=options.min_tracking_confidence
        ) as detector:
            bodies = _Bodies(detector, options)
            yield bodies.answer
            bodies.forget()
    else:
        from signport.landmarks.hand_detector import HandDetector

        with HandDetector(options.min_detection_confidence, num_hands=options.max_num_hands) as detector:
            yield _Hands(detector).answer


def main() -> None:
    """Answers until standard input ends."""
    leave_interrupts_to_the_parent()
    answers = answer_pipe()

    def send(header: dict[str, Any], payload: bytes = b"") -> None:
        answers.write(messages.pack(header, payload))
        answers.flush()

    try:
        options = LookingOptions(**json.loads(sys.argv[1]))
        with _looking(options) as answer:
            _limit_memory(options.max_pixels)
            send({"status": "ready"})
            while message := messages.read(sys.stdin.buffer):
                header, payload = message
                if header["do"] == "ping":
                    send({"status": "ready"})
                    continue
                signal.setitimer(signal.ITIMER_REAL, header["seconds"] + _GRACE_S)
                reply = answer(header["do"], payload)
                signal.setitimer(signal.ITIMER_REAL, 0)
                send(*reply)
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S)  # closing may hang as well
    except SignportError as error:
        send({"status": "failed", "detail": str(error)})


if __name__ == "__main__":
    main()
