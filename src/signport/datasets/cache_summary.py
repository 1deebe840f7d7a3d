"""What a landmark cache holds, in numbers."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from signport.datasets.cache import LandmarkCache


def class_counts(cache: LandmarkCache) -> dict[str, dict[str, int]]:
    """For each class, in class order: `samples`, and how many inputs were skipped for each reason."""
    counts = {name: {"samples": samples} for name, samples in cache.per_class().items()}
    for reason in sorted({entry.reason for entry in cache.header.skipped if entry.label is not None}):
        for name, row in counts.items():
            row[reason] = sum(entry.label == name and entry.reason == reason for entry in cache.header.skipped)
    return counts


def summarize(cache: LandmarkCache) -> dict[str, Any]:
    """Sums up a cache.

    Returns:
        `topology`, `samples`, `classes` (see `class_counts`), `groups` (number of signers or recordings known),
        `ungrouped` (samples without one), `extractor`, `skipped` (reason → number), `missing_points` and `missing_z`
        (share of points without a position, and of points that have one but no depth), `frames` (least and most frames
        a sample), `digest`.
    """
    points = cache.table["landmarks"].combine_chunks().flatten().to_numpy().reshape(-1, 3)
    missing = np.isnan(points[:, :2]).any(axis=1)
    frames = cache.table["num_frames"].to_numpy()
    return {
        "topology": cache.header.topology,
        "samples": len(cache),
        "classes": class_counts(cache),
        "groups": len({group for group in cache.groups if group is not None}),
        "ungrouped": sum(group is None for group in cache.groups),
        "extractor": cache.header.extractor,
        "skipped": dict(Counter(entry.reason for entry in cache.header.skipped).most_common()),
        "missing_points": float(missing.mean()) if len(points) else 0.0,
        "missing_z": float((np.isnan(points[:, 2]) & ~missing).mean()) if len(points) else 0.0,
        "frames": [int(frames.min()), int(frames.max())] if len(frames) else [0, 0],
        "digest": cache.digest,
    }


def skipped_rows(cache: LandmarkCache) -> list[dict[str, Any]]:
    """`source`, `label` and `reason` of every input that gave no sample."""
    return [asdict(entry) for entry in cache.header.skipped]
