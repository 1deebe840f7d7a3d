"""Landmarks of clips as a tutorial finds them: `python plain_videos.py OUT CLIP…`, one process, nothing else."""

import sys

import cv2
import mediapipe as mp
import numpy as np

PARTS = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}
clips = []
for path in sys.argv[2:]:
    video, frames = cv2.VideoCapture(path), []
    with mp.solutions.holistic.Holistic() as holistic:
        while True:
            read, frame = video.read()
            if not read:
                break
            found = holistic.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            row: list[tuple[float, ...] | list[float]] = []
            for part, points in PARTS.items():
                marks = getattr(found, f"{part}_landmarks")
                row += [[np.nan] * 3] * points if marks is None else [(p.x, p.y, p.z) for p in marks.landmark]
            frames.append(row)
    clips.append(np.array(frames, np.float32))
np.savez_compressed(sys.argv[1], *clips)
