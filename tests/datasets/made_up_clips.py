"""Clips whose every value says where it came from."""

import numpy as np

from signport.landmarks.topology import Topology


def made_up_clip(topology: Topology, frames: int, length: int, seed: int = 0) -> np.ndarray:
    """A body that moves to the right with time: float32 (frames, points, 3), the frames from `length` on missing."""
    random = np.random.default_rng(seed)
    clip = random.uniform(0.3, 0.7, (1, topology.num_points, 3)) + np.zeros((frames, 1, 1))
    clip[..., 0] += 0.2 * np.arange(frames)[:, None] / frames
    for side, x in (("left", 0.6), ("right", 0.4)):
        if (index := topology.index.get(f"pose.{side}_shoulder")) is not None:
            clip[:, index, :2] = [x, 0.5]
    clip[length:] = np.nan
    return clip.astype(np.float32)
