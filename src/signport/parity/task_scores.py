"""What a bundle's own models say to a hand, outside MediaPipe: what any MediaPipe's gesture scores are held against."""

from dataclasses import replace

import cv2
import numpy as np

from signport.errors import SignportError
from signport.export.metadata import read_labels
from signport.landmarks.asset_bundle import CANNED_CLASSIFIER, CUSTOM_CLASSIFIER, GESTURE_EMBEDDER
from signport.landmarks.features import mediapipe_handedness, mediapipe_matrix
from signport.models.litert import LiteRtModel
from signport.parity.answers import TaskAnswer
from signport.parity.job import TaskJob, task_models


def decoded(image: bytes) -> np.ndarray:
    """A golden image: PNG → RGB uint8 (height, width, 3).

    Raises:
        SignportError: It is no image.
    """
    found = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise SignportError("a golden image is unreadable; run `signport export` again")
    return np.ascontiguousarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB))


def with_own_scores(task: TaskJob, answer: TaskAnswer) -> TaskAnswer:
    """Fills in `labels`, `canned_labels` and every found hand's `own`.

    The scores are those of the bundle's embedder and custom head in LiteRT, on the landmarks, world landmarks and
    handedness that the recognizer itself returned.

    Args:
        task: The bundle and its images.
        answer: What a recognizer answered.

    Raises:
        SignportError: The bundle is damaged.
    """
    models = task_models(task.path)
    embedder = LiteRtModel(models[GESTURE_EMBEDDER])
    canned = tuple(read_labels(models[CANNED_CLASSIFIER]))
    if CUSTOM_CLASSIFIER not in models:
        return replace(answer, canned_labels=canned)
    head = LiteRtModel(models[CUSTOM_CLASSIFIER])
    sizes = [decoded(image).shape[1::-1] for image in task.images]
    hands = []
    for hand in answer.hands:
        if not hand.found:
            hands.append(hand)
            continue
        embedding = embedder.predict(
            [
                mediapipe_matrix(np.array([hand.landmarks], np.float32), np.array([sizes[hand.image]])),
                mediapipe_handedness(np.array([hand.left])),
                mediapipe_matrix(np.array([hand.world_landmarks], np.float32)),
            ]
        )
        own = tuple(float(score) for score in head.predict([embedding])[0])
        hands.append(replace(hand, own=own))
    labels = tuple(read_labels(models[CUSTOM_CLASSIFIER]))
    return replace(answer, hands=tuple(hands), labels=labels, canned_labels=canned)
