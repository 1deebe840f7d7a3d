"""Video files, frame by frame, with OpenCV's FFmpeg."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A video is the work of strangers: what it names (playlists do) is not fetched from elsewhere, and what the decoder has
# to say about a damaged one is said by the reason why it was skipped.
_DECODER_SETTINGS = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "protocol_whitelist;file",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_LOG_LEVEL": "SILENT",
}
# Containers state durations to the frame, or nearly: what ends this early was cut off.
_WHOLE = 0.9


def prepare_decoder() -> None:
    """Sets what OpenCV reads from the environment; how much it logs, it reads when it is imported."""
    os.environ.update(_DECODER_SETTINGS)


class VideoFile:
    """A video that is read once, from its first frame to its last; never more than one frame is in memory.

    Args:
        path: The file.

    Attributes:
        frame_rate: Frames a second, as the container says; NaN if it doesn't.
        num_frames: Frames read so far.
        image_size: (width, height) in pixels, turned as the container says; (0, 0) before the first frame.

    Example:
        >>> VideoFile("gone.mp4").is_open
        False
    """

    def __init__(self, path: str | Path) -> None:
        prepare_decoder()
        import cv2

        self._cv2 = cv2
        # An absolute path is never taken for a protocol, and FFmpeg never takes it for a pattern of image files. One
        # thread: the processes share out the cores already, and a damaged stream is decoded the same way every time.
        self._capture = cv2.VideoCapture(
            os.path.abspath(path),  # noqa: PTH100 (a link's name stays: some formats go by it)
            cv2.CAP_FFMPEG,
            [cv2.CAP_PROP_N_THREADS, 1],
        )
        rate = self._capture.get(cv2.CAP_PROP_FPS) if self.is_open else 0.0
        self.frame_rate = float(rate) if rate > 0 else float("nan")
        self.num_frames = 0
        self.image_size = (0, 0)
        self._last_ms = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the file is a video at all."""
        return bool(self._capture.isOpened())

    def frames(self) -> Iterator[Any]:
        """Yields the frames: RGB, uint8 (height, width, 3)."""
        while True:
            read, frame = self._capture.read()
            if not read:
                return
            self.num_frames += 1
            self.image_size = (frame.shape[1], frame.shape[0])
            self._last_ms = self._capture.get(self._cv2.CAP_PROP_POS_MSEC)
            yield self._cv2.cvtColor(frame, self._cv2.COLOR_BGR2RGB)

    @property
    def stated_frames(self) -> int:
        """How many frames the container says that it holds; 0 where it doesn't."""
        return max(0, int(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT)))

    @property
    def is_cut_short(self) -> bool:
        """Whether the frames read end well before the duration that the container states."""
        stated = self.stated_frames / self.frame_rate
        read = self._last_ms / 1000 + 1 / self.frame_rate
        return bool(stated > 0 and read < _WHOLE * stated)  # false where the frame rate is unknown, too
