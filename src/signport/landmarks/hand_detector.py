"""MediaPipe's HandLandmarker: from an image to 21 hand landmarks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from signport.errors import SignportError, first_line
from signport.files import sha256_bytes
from signport.landmarks.asset_bundle import LANDMARKER, bundle_bytes, read_bundle, require_models
from signport.landmarks.mediapipe_runtime import (
    import_mediapipe,
    mediapipe_version,
    quiet_native_log,
    wheel_models_folder,
)

# Entry name in the bundle → file in the wheel's `mediapipe/modules`. The names are what MediaPipe's
# hand_landmarker_graph.cc and hand_detector_graph.cc look for.
_WHEEL_MODELS = {
    "hand_detector.tflite": Path("palm_detection/palm_detection_full.tflite"),
    "hand_landmarks_detector.tflite": Path("hand_landmark/hand_landmark_full.tflite"),
}
# One hand, as GestureRecognizer and Model Maker look for by default: what a model is trained on must be chosen by the
# same rule as what the app hands it. (Looking for two and taking the larger finds 1 hand more in 360 photographs.)
_HANDS_LOOKED_FOR = 1


def hand_landmarker_task(path: str | Path | None = None) -> bytes:
    """The hand landmark models as the task bundle that MediaPipe's HandLandmarker loads.

    Args:
        path: A `hand_landmarker.task`, or a `gesture_recognizer.task` with one inside; None takes the models of the
            installed MediaPipe wheel.

    Returns:
        A canonical bundle: the same two models give the same bytes, wherever they came from.

    Raises:
        SignportError: The file is no bundle or lacks a model, or the wheel ships no models (MediaPipe 0.10.30 on).
    """
    if path is None:
        models = wheel_hand_models()
    else:
        models = read_bundle(path)
        title = str(path)
        if LANDMARKER in models:
            title = f"{path}: {LANDMARKER}"
            models = read_bundle(models[LANDMARKER], name=title)
        require_models(models, _WHEEL_MODELS, title)
    return bundle_bytes({name: models[name] for name in _WHEEL_MODELS})


def wheel_hand_models() -> dict[str, bytes]:
    """The installed MediaPipe wheel's palm detector and hand landmark model, by their names in a bundle.

    Raises:
        SignportError: The wheel ships none (MediaPipe 0.10.30 on), or is not installed.
    """
    folder = wheel_models_folder()
    models: dict[str, bytes] = {}
    for name, file in _WHEEL_MODELS.items():
        try:
            models[name] = (folder / file).read_bytes()
        except OSError:
            raise SignportError(
                f"{folder / file}: mediapipe {mediapipe_version()} ships no hand models; "
                "install mediapipe==0.10.21 or give a hand_landmarker.task with --model"
            ) from None
    return models


@dataclass(frozen=True)
class HandDetection:
    """A hand found in an image.

    Attributes:
        landmarks: float32 (21 points, 3): x in image widths, y in image heights, z in image widths relative to the
            wrist, as MediaPipe gives them; x and y leave 0..1 where a point lies outside the image.
        world_landmarks: float32 (21 points, 3) in metres, the hand's own centre as origin.
        handedness: MediaPipe's probability that the hand is the person's own left one, in a picture that isn't mirrored
            (so for 390 of 396 hands that lie on a wrist of the same person's pose, in clips of MSL-150).
        image_size: (width, height) in pixels.
    """

    landmarks: np.ndarray
    world_landmarks: np.ndarray
    handedness: float
    image_size: tuple[int, int]


class HandDetector:
    """Finds hands in each image, one unless told otherwise; every image stands alone (MediaPipe's IMAGE mode).

    Args:
        min_detection_confidence: Least score of the palm detector, 0 to 1.
        model: A `hand_landmarker.task` or `gesture_recognizer.task`; None takes the installed wheel's models.
        min_presence_confidence: Least score with which the landmark model must confirm a hand, 0 to 1.
        num_hands: How many hands are looked for, 1 or more.

    Example:
        >>> with HandDetector() as detector:
        ...     detector.detect(np.zeros((64, 64, 3), np.uint8)) is None
        True
    """

    def __init__(
        self,
        min_detection_confidence: float = 0.5,
        model: str | Path | None = None,
        *,
        min_presence_confidence: float = 0.5,
        num_hands: int = _HANDS_LOOKED_FOR,
    ) -> None:
        for option, value in (
            ("min_detection_confidence", min_detection_confidence),
            ("min_presence_confidence", min_presence_confidence),
        ):
            if not 0 <= value <= 1:
                raise SignportError(f"{option} is {value}; give a number from 0 to 1")
        if num_hands < 1:
            raise SignportError(f"num_hands is {num_hands}; give 1 or more")
        task = hand_landmarker_task(model)
        self.model_sha256 = sha256_bytes(task)
        self.version = mediapipe_version()
        with quiet_native_log():
            self._mediapipe = import_mediapipe()
            tasks = self._mediapipe.tasks
            options = tasks.vision.HandLandmarkerOptions(
                base_options=tasks.BaseOptions(model_asset_buffer=task),
                running_mode=tasks.vision.RunningMode.IMAGE,
                num_hands=num_hands,
                min_hand_detection_confidence=min_detection_confidence,
                min_hand_presence_confidence=min_presence_confidence,
            )
            try:
                self._landmarker = tasks.vision.HandLandmarker.create_from_options(options)
            except (RuntimeError, ValueError) as error:
                raise SignportError(
                    f"{model or 'MediaPipe wheel'}: MediaPipe cannot load these hand models "
                    f"({first_line(error)}); give another hand_landmarker.task"
                ) from error
            # The graph's threads log once more at their first image.
            self._run(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray, *, border: float = 0.0) -> HandDetection | None:
        """Finds the hand in an image: where there are several, the one with the best palm score.

        Args:
            image: RGB, uint8 (height, width, 3).
            border: How much the image is widened on each side by repeating its outermost pixels before detection, in
                image widths and heights. Crops that end at the fingertips need about .25. Landmarks are given in
                terms of the image as it is, whatever the border.

        Returns:
            The hand, or None where none was found.

        Raises:
            SignportError: `border` is negative, or `image` is no RGB image of uint8.
        """
        hands = self.detect_all(image, border=border)
        return hands[0] if hands else None

    def detect_all(self, image: np.ndarray, *, border: float = 0.0) -> list[HandDetection]:
        """Finds at most `num_hands` hands in an image; arguments and errors are those of `detect`.

        Returns:
            The hands, the one with the best palm score first.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise SignportError(f"image of shape {image.shape} and type {image.dtype}; give uint8 (height, width, 3)")
        if not 0 <= border <= 2:
            raise SignportError(f"border is {border}; give a fraction of the image from 0 to 2, such as 0.25")
        height, width = image.shape[:2]
        pad_x, pad_y = round(border * width), round(border * height)
        if pad_x or pad_y:
            image = np.pad(image, ((pad_y, pad_y), (pad_x, pad_x), (0, 0)), mode="edge")
        result = self._run(image)
        scale = np.array([image.shape[1] / width, image.shape[0] / height, image.shape[1] / width])
        offset = np.array([pad_x / width, pad_y / height, 0.0])
        return [
            HandDetection(
                landmarks=(landmark_points(landmarks) * scale - offset).astype(np.float32),
                world_landmarks=landmark_points(world_landmarks).astype(np.float32),
                handedness=left_probability(category),
                image_size=(width, height),
            )
            for landmarks, world_landmarks, (category, *_) in zip(
                result.hand_landmarks, result.hand_world_landmarks, result.handedness, strict=True
            )
        ]

    def _run(self, image: np.ndarray) -> Any:
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        return self._landmarker.detect(picture)

    def close(self) -> None:
        """Ends MediaPipe's graph and its threads."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def left_probability(category: Any) -> float:
    """MediaPipe's probability of a left hand, out of the side that it names with a score."""
    return float(category.score if category.category_name == "Left" else 1.0 - category.score)


def landmark_points(landmarks: Any) -> np.ndarray:
    """MediaPipe's landmarks as float64 (points, 3)."""
    return np.array([(point.x, point.y, point.z) for point in landmarks], np.float64)
