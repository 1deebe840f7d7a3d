"""Frames as cameras' loops have them → the landmark layout that a model takes."""

from collections.abc import Mapping

import numpy as np

from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, TOPOLOGIES, Topology, topology_named

Frame = np.ndarray | Mapping[str, np.ndarray | None] | None

# MediaPipe's face landmarker adds 10 iris points behind the mesh, which no layout of ours takes.
_IRIS_POINTS = 10


class FrameLayout:
    """Turns frames into one layout.

    Attributes:
        topology: The layout that is wanted.
    """

    def __init__(self, topology: Topology, source: str | None = None) -> None:
        """Prepares for frames of any layout that holds the wanted points, or of `source` alone.

        Raises:
            SignportError: `source` is no layout, or lacks points.
        """
        self.topology = topology
        self._columns: dict[str, np.ndarray] = {}
        self._source = topology_named(source) if source else None
        if self._source is not None:
            self._columns_in(self._source)

    def convert(self, frame: Frame) -> np.ndarray:
        """A frame in the wanted layout, float32 (points, 3), NaN where missing; see `Stream.push`.

        Raises:
            SignportError: The frame has another shape, unknown parts, or lacks points.
        """
        if frame is None:
            return np.full((self.topology.num_points, 3), np.nan, np.float32)
        if isinstance(frame, Mapping):
            return np.asarray(_assembled(frame)[self._columns_in(HOLISTIC_543)])
        values = np.asarray(frame, np.float32)
        if values.ndim != 2 or values.shape[1] != 3:
            raise SignportError(f"frame: shape {values.shape}; push (points, 3), parts by name, or None")
        source = self._source or topology_of_size(len(values), "frame", wanted=self.topology)
        if source.num_points != len(values):
            raise SignportError(f"frame: {len(values)} points; topology {source.name} has {source.num_points}")
        return np.asarray(values[self._columns_in(source)])

    def _columns_in(self, source: Topology) -> np.ndarray:
        if source.name not in self._columns:
            columns = self.topology.indices_in(source)
            if -1 in columns:
                raise SignportError(
                    f"frame: topology {source.name} lacks {columns.count(-1)} points of the model's "
                    f"{self.topology.name}, such as {self.topology.points[columns.index(-1)]}; push "
                    f"{self.topology.name}"
                )
            self._columns[source.name] = np.array(columns)
        return self._columns[source.name]


def topology_of_size(points: int, what: str, wanted: Topology | None = None) -> Topology:
    """The layout with this number of points, `wanted` if it fits.

    Args:
        points: How many.
        what: What has so many, for the message.
        wanted: The layout that comes first.

    Raises:
        SignportError: No layout has so many.
    """
    for one in (wanted, *TOPOLOGIES.values()):
        if one is not None and one.num_points == points:
            return one
    known = ", ".join(f"{one.num_points} ({name})" for name, one in TOPOLOGIES.items())
    raise SignportError(f"{what}: {points} points; topologies have {known}")


def _assembled(parts: Mapping[str, np.ndarray | None]) -> np.ndarray:
    """Parts by name → float32 (543, 3), NaN where missing."""
    whole = np.full((HOLISTIC_543.num_points, 3), np.nan, np.float32)
    for name, values in parts.items():
        rows = HOLISTIC_543.part(name)
        size = rows.stop - rows.start
        if not size:
            raise SignportError(f"frame: part {name!r} is unknown; it can be pose, left_hand, right_hand, face")
        if values is None:
            continue
        points = np.asarray(values, np.float32)
        if name == "face" and points.shape == (size + _IRIS_POINTS, 3):
            points = points[:size]
        if points.shape != (size, 3):
            raise SignportError(f"frame: {name} of shape {points.shape}; it must be ({size}, 3)")
        whole[rows] = points
    return whole
