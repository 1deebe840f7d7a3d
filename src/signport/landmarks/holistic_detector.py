"""MediaPipe Holistic: from the frames of a clip to pose, face and both hands.

Of what MediaPipe 0.10.21 can run from its wheel's models this finds most: on the clips of MSL-150 it has both hands in
.98 to 1.00 of the frames that show them, where HandLandmarker for two hands has them in .47 to .76, and it is quicker
(28 against 40 ms a frame). PoseLandmarker refuses the wheel's pose models (they lack metadata), and FaceLandmarker puts
the wheel's face model beside the face; Holistic finds the face from the pose and is right.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from signport.errors import SignportError
from signport.files import sha256_bytes
from signport.landmarks.asset_bundle import bundle_bytes
from signport.landmarks.hand_detector import hand_landmarker_task, landmark_points, left_probability
from signport.landmarks.hand_sides import SIDES, FoundHand, LastSeen, tell_sides
from signport.landmarks.mediapipe_runtime import (
    import_mediapipe,
    mediapipe_version,
    quiet_native_log,
    wheel_models_folder,
)
from signport.landmarks.topology import HOLISTIC_543

# What holistic_landmark_cpu.binarypb loads, and the graph itself, in the wheel's `mediapipe/modules`.
_WHEEL_FILES = (
    "holistic_landmark/holistic_landmark_cpu.binarypb",
    "holistic_landmark/hand_recrop.tflite",
    "pose_detection/pose_detection.tflite",
    "pose_landmark/pose_landmark_full.tflite",
    "hand_landmark/hand_landmark_full.tflite",
    "face_detection/face_detection_short_range.tflite",
    "face_landmark/face_landmark.tflite",
)
_PARTS = {part: HOLISTIC_543.part(part) for part in ("pose", "face", "left_hand", "right_hand")}
_WRISTS = {side: HOLISTIC_543.index[f"pose.{side}_wrist"] for side in SIDES}


def holistic_models_sha256() -> str:
    """SHA-256 over all models that `HolisticDetector` uses.

    Raises:
        SignportError: The installed MediaPipe ships no Holistic (0.10.30 on), or is not installed.
    """
    folder = wheel_models_folder()
    models = {"hand_landmarker.task": hand_landmarker_task()}
    for name in _WHEEL_FILES:
        try:
            models[name] = (folder / name).read_bytes()
        except OSError:
            raise SignportError(
                f"{folder / name}: mediapipe {mediapipe_version()} ships no Holistic models; install mediapipe==0.10.21"
            ) from None
    return sha256_bytes(bundle_bytes(models))


class HolisticDetector:
    """Finds a person's pose, face and hands in clips.

    Every clip starts with nothing remembered, so what is found in it doesn't depend on the clips before.

    In a frame without a pose, which leaves Holistic blind (a clip that shows nothing but hands), MediaPipe's
    HandLandmarker looks for the hands.

    Args:
        min_detection_confidence: Least score of the person and palm detectors, 0 to 1.
        min_tracking_confidence: Least score with which the pose is followed into the next frame, 0 to 1; below it the
            person is looked for anew.

    Example:
        >>> with HolisticDetector() as detector:
        ...     (points,) = detector.follow([np.zeros((64, 64, 3), np.uint8)])
        >>> points.shape, bool(np.isnan(points).all())
        ((543, 3), True)
    """

    def __init__(self, min_detection_confidence: float = 0.5, *, min_tracking_confidence: float = 0.5) -> None:
        for option, value in (
            ("min_detection_confidence", min_detection_confidence),
            ("min_tracking_confidence", min_tracking_confidence),
        ):
            if not 0 <= value <= 1:
                raise SignportError(f"{option} is {value}; give a number from 0 to 1")
        self.version = mediapipe_version()
        self.model_sha256 = holistic_models_sha256()
        self._confidences = {
            "min_detection_confidence": min_detection_confidence,
            "min_tracking_confidence": min_tracking_confidence,
        }
        with quiet_native_log():
            self._mediapipe = import_mediapipe()
            tasks = self._mediapipe.tasks
            self._hands = tasks.vision.HandLandmarker.create_from_options(
                tasks.vision.HandLandmarkerOptions(
                    base_options=tasks.BaseOptions(model_asset_buffer=hand_landmarker_task()),
                    running_mode=tasks.vision.RunningMode.IMAGE,
                    num_hands=len(SIDES),
                    min_hand_detection_confidence=min_detection_confidence,
                )
            )
            # The graphs' threads log once more at their first image.
            list(self.follow([np.zeros((64, 64, 3), np.uint8)]))

    def follow(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Finds the person in the frames of one clip, in turn.

        Args:
            frames: RGB, uint8 (height, width, 3), all of one size, in the order of time. MediaPipe smooths the pose
                from frame to frame as it does at 30 frames a second.

        Yields:
            For each frame float32 (543 points, 3), laid out as `holistic_543`: x in image widths, y in image heights, z
            in image widths (relative to the hips for the pose, to the wrist for a hand, to the head's centre for the
            face), as MediaPipe gives them; NaN where a part was not found. `left_hand` and `right_hand` are the
            person's own, told apart by `tell_sides`.
        """
        last_seen = LastSeen.nothing()
        with contextlib.ExitStack() as running:
            holistic = None
            for frame in frames:
                if holistic is None:
                    with quiet_native_log():  # the graph's threads log until they have worked on its first frame
                        graph = self._mediapipe.solutions.holistic
                        holistic = running.enter_context(graph.Holistic(**self._confidences))
                        found = holistic.process(frame)
                else:
                    found = holistic.process(frame)
                size = (frame.shape[1], frame.shape[0])
                points, hands = self._parts(found, frame)
                wrists = {side: points[row, :2] for side, row in _WRISTS.items()} if found.pose_landmarks else None
                told = tell_sides(hands, wrists, last_seen, size)
                for side, hand in told.items():
                    points[_PARTS[f"{side}_hand"]] = hand.points
                last_seen = last_seen.after(told, size)
                yield points

    def _parts(self, found: Any, frame: np.ndarray) -> tuple[np.ndarray, list[FoundHand]]:
        """Pose and face in place, and the hands, whose sides are still to be told."""
        points = np.full((HOLISTIC_543.num_points, 3), np.nan, np.float32)
        if found.face_landmarks is not None:
            points[_PARTS["face"]] = _points(found.face_landmarks.landmark)
        if found.pose_landmarks is None:
            return points, self._hands_alone(frame)
        points[_PARTS["pose"]] = _points(found.pose_landmarks.landmark)
        hands = {side: getattr(found, f"{side}_hand_landmarks") for side in SIDES}
        return points, [
            FoundHand(_points(hand.landmark), float(side == "left")) for side, hand in hands.items() if hand is not None
        ]

    def _hands_alone(self, frame: np.ndarray) -> list[FoundHand]:
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))
        result = self._hands.detect(image)
        # What HandLandmarker of 0.10.21 calls "Left" in an image that is not mirrored IS the person's left hand, unlike
        # what `mediapipe.solutions.hands` says and MediaPipe's guide still does: it agrees with the pose's wrist in 390
        # of 396 hands (MSL-150's clips and MediaPipe's photographs of people).
        return [
            FoundHand(
                _points(landmarks),
                left_probability(category),
            )
            for landmarks, (category, *_) in zip(result.hand_landmarks, result.handedness, strict=True)
        ]

    def close(self) -> None:
        """Ends MediaPipe's graphs and their threads."""
        self._hands.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _points(landmarks: Any) -> np.ndarray:
    return landmark_points(landmarks).astype(np.float32)
