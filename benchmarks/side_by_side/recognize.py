"""Asks a `gesture_recognizer.task` about images: `python recognize.py TASK IMAGES`, class folders; prints JSON.

MediaPipe's GestureRecognizer, an image at a time. Its canned gestures are held back, and the custom head's best class
counts whatever its score. The images are cropped at the fingertips, so that a border is repeated around them, whichever
bundle is asked.
"""

import json
import sys
from pathlib import Path

import cv2

from signport.landmarks.mediapipe_runtime import import_mediapipe

BORDER = 0.25
_NO_THRESHOLD = 1e-6


def main() -> None:
    task, images = Path(sys.argv[1]), Path(sys.argv[2])
    mediapipe = import_mediapipe()
    from mediapipe.tasks.python.components.processors.classifier_options import ClassifierOptions

    tasks = mediapipe.tasks
    options = tasks.vision.GestureRecognizerOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=task.read_bytes()),
        custom_gesture_classifier_options=ClassifierOptions(score_threshold=_NO_THRESHOLD),
        canned_gesture_classifier_options=ClassifierOptions(score_threshold=_NO_THRESHOLD, category_allowlist=["None"]),
    )
    counts = {"images": 0, "found": 0, "right": 0}
    with tasks.vision.GestureRecognizer.create_from_options(options) as recognizer:
        for path in sorted(images.glob("*/*")):
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            across, down = (round(BORDER * side) for side in (picture.shape[1], picture.shape[0]))
            picture = cv2.copyMakeBorder(picture, down, down, across, across, cv2.BORDER_REPLICATE)
            found = recognizer.recognize(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture))
            counts["images"] += 1
            counts["found"] += bool(found.gestures)
            counts["right"] += bool(found.gestures) and found.gestures[0][0].category_name == path.parent.name
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
