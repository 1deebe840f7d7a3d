"""Hands of images as a tutorial finds them: `python plain_images.py MODEL OUT IMAGE…`, one process, nothing else."""

import sys

import mediapipe as mp
import numpy as np

options = mp.tasks.vision.HandLandmarkerOptions(base_options=mp.tasks.BaseOptions(model_asset_path=sys.argv[1]))
found = []
with mp.tasks.vision.HandLandmarker.create_from_options(options) as landmarker:
    for path in sys.argv[3:]:
        result = landmarker.detect(mp.Image.create_from_file(path))
        if result.hand_landmarks:
            found.append([(point.x, point.y, point.z) for point in result.hand_landmarks[0]])
np.savez_compressed(sys.argv[2], landmarks=np.array(found, np.float32))
