"""Edge cases: what a camera gives on a bad day, made from one real sample, so that no device answers it with NaN."""

from collections.abc import Callable
from functools import partial

import numpy as np

from signport.landmarks.topology import Topology

_HUGE, _TINY = np.float32(1e6), np.float32(1e-6)


def edge_cases(inputs: dict[str, np.ndarray], topology: Topology) -> dict[str, dict[str, np.ndarray]]:
    """The edge cases of a model.

    All missing, one hand missing, a clip of one frame (where the model takes those), all zeros, and coordinates that
    are huge or tiny. Of a model that takes no landmarks (a head on an embedding) it is all zeros only.

    Args:
        inputs: Name → float32 (samples, …); the first sample is what the cases are made from. Landmarks are
            (samples, points, 3) or (samples, frames, points, 3).
        topology: The landmark layout.

    Returns:
        Case → input name → float32 (1, …).
    """
    base = {name: values[:1].astype(np.float32) for name, values in inputs.items()}
    landmarks = {name for name, values in base.items() if values.shape[-2:] == (topology.num_points, 3)}

    def case(change: Callable[[np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
        return {name: change(values) if name in landmarks else values for name, values in base.items()}

    cases = {"all zeros": {name: np.zeros_like(values) for name, values in base.items()}}
    if not landmarks:
        return cases
    cases["all missing"] = case(lambda values: np.full_like(values, np.nan))
    for side in ("left", "right"):
        part = topology.part(f"{side}_hand") if topology.is_body else slice(0, 0)
        if part.stop:
            cases[f"{side} hand missing"] = case(partial(_without, part=part))
    if any(base[name].ndim == 4 for name in landmarks):
        cases["one frame"] = case(_first_frame)
    cases["huge coordinates"] = case(lambda values: values * _HUGE)
    cases["tiny coordinates"] = case(lambda values: values * _TINY)
    return cases


def _without(values: np.ndarray, part: slice) -> np.ndarray:
    found = values.copy()
    found[..., part, :] = np.nan
    return found


def _first_frame(values: np.ndarray) -> np.ndarray:
    found = np.full_like(values, np.nan)
    found[:, 0] = values[:, 0]
    return found
