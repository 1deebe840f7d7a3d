"""Vectors of body landmarks, one a frame, as projects and tutorials store them: what each width means."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from signport.errors import SignportError, require_known
from signport.landmarks.topology import HOLISTIC_543, ISL_136, POSE_HANDS_75, UPPER_59, Topology, topology_named

XYZ, XYZ_VISIBILITY = 3, 4


@dataclass(frozen=True)
class Block:
    """One body part within a vector.

    Attributes:
        part: `pose`, `face`, `left_hand` or `right_hand`.
        points: How many of the part's points the vector holds, from the part's first on.
        values: Numbers a point: x, y, z, and for 4 also MediaPipe's visibility, which a cache does not keep.
    """

    part: str
    points: int
    values: int = XYZ


@dataclass(frozen=True)
class SequenceLayout:
    """A vector's parts in their order.

    Attributes:
        name: What messages and `--layout` call it.
        blocks: The parts.
        topology: The layout in which a cache holds these points.
    """

    name: str
    blocks: tuple[Block, ...]
    topology: Topology

    @property
    def width(self) -> int:
        """Numbers a frame."""
        return sum(block.points * block.values for block in self.blocks)

    @cached_property
    def points(self) -> frozenset[str]:
        """Names of the points that the vector holds."""
        return frozenset(
            name
            for block in self.blocks
            for name in self.topology.points[self.topology.part(block.part)][: block.points]
        )

    @cached_property
    def _first(self) -> dict[str, int]:
        return {block.part: self.topology.part(block.part).start for block in self.blocks}

    def landmarks(self, values: np.ndarray) -> np.ndarray:
        """Frames' vectors → landmarks.

        A part whose numbers are all 0 in a frame was not found: MediaPipe's tutorials write zeros then, and no real
        part has every point in the picture's top left corner.

        Args:
            values: (frames, width) numbers.

        Returns:
            float32 (frames, points of `topology`, 3); NaN for what was not found or is not in the vector.
        """
        landmarks = np.full((len(values), self.topology.num_points, 3), np.nan, np.float32)
        start = 0
        for block in self.blocks:
            end = start + block.points * block.values
            part = values[:, start:end].reshape(len(values), block.points, block.values)[:, :, :XYZ].astype(np.float32)
            part[(part == 0).all(axis=(1, 2))] = np.nan
            first = self._first[block.part]
            landmarks[:, first : first + block.points] = part
            start = end
        return landmarks


_HANDS = (Block("left_hand", 21), Block("right_hand", 21))
_FACE = Block("face", 468)

LAYOUTS = {
    layout.name: layout
    for layout in (
        # The published MSL-150 sequences: MediaPipe's pose down to the hips, then the signer's left and right hand
        # (told apart by the pose's wrists: .03 picture widths from the one, .13 and more from the other).
        SequenceLayout("pose25_visibility_hands", (Block("pose", 25, XYZ_VISIBILITY), *_HANDS), POSE_HANDS_75),
        SequenceLayout("pose_hands_75", (Block("pose", 33), *_HANDS), POSE_HANDS_75),
        SequenceLayout("pose_visibility_hands", (Block("pose", 33, XYZ_VISIBILITY), *_HANDS), POSE_HANDS_75),
        SequenceLayout("upper_59", (Block("pose", 17), *_HANDS), UPPER_59),
        SequenceLayout("isl_136", (Block("pose", 33), *_HANDS, Block("face", 61)), ISL_136),
        SequenceLayout("holistic_543", (Block("pose", 33), _FACE, *_HANDS), HOLISTIC_543),
        # Kaggle's order of rows within a frame: types by name.
        SequenceLayout("kaggle_543", (_FACE, _HANDS[0], Block("pose", 33), _HANDS[1]), HOLISTIC_543),
        # The "action detection" tutorials' extract_keypoints.
        SequenceLayout("holistic_visibility", (Block("pose", 33, XYZ_VISIBILITY), _FACE, *_HANDS), HOLISTIC_543),
    )
}
# Points that MediaPipe finds twice, once in a part and once in another, and so lie close together in every person.
_SAME_PLACE = (
    ("pose.nose", "face.1"),
    ("pose.left_eye_outer", "face.263"),
    ("pose.right_eye_outer", "face.33"),
    ("pose.mouth_left", "face.291"),
    ("pose.mouth_right", "face.61"),
    ("pose.left_wrist", "left_hand.wrist"),
    ("pose.right_wrist", "right_hand.wrist"),
)


def layout_named(name: str) -> SequenceLayout:
    """Returns the layout called `name`.

    Raises:
        SignportError: No layout has that name.
    """
    require_known("layout", name, LAYOUTS)
    return LAYOUTS[name]


def layout_for(values: Sequence[np.ndarray], source: object) -> SequenceLayout:
    """Finds the layout of vectors by their width, and by their content where two layouts have the same.

    Args:
        values: Clips, (frames, width) each, all of one width.
        source: Where the first clip is from, for the message.

    Raises:
        SignportError: No layout has that width.
    """
    width = values[0].shape[1]
    candidates = [layout for layout in LAYOUTS.values() if layout.width == width]
    if not candidates:
        raise SignportError(f"{source}: {width} numbers a frame; expected {widths()}")
    if len(candidates) == 1:
        return candidates[0]
    clips = np.concatenate(values)
    return min(candidates, key=lambda layout: _spread(layout.landmarks(clips), layout.topology))


def widths() -> str:
    """Every width that is read, with its layout, for messages."""
    return ", ".join(f"{layout.width} ({layout.name})" for layout in LAYOUTS.values())


def _spread(landmarks: np.ndarray, topology: Topology) -> float:
    """How far apart, on average, the points are that should coincide; infinite if no two of them were found."""
    one, other = (landmarks[:, [topology.index[pair[side]] for pair in _SAME_PLACE], :2] for side in (0, 1))
    distances = np.linalg.norm(one - other, axis=2)
    found = np.isfinite(distances)
    return float(distances[found].mean()) if found.any() else float("inf")


def columns_of(target: str | None, layout: SequenceLayout) -> tuple[Topology, np.ndarray | None]:
    """Which points of a layout's topology a cache shall keep.

    Args:
        target: Name of the topology that is wanted; None keeps the layout's own.
        layout: The layout that is read.

    Returns:
        The topology, and the indices of its points within the layout's own topology; None to keep all as they are.

    Raises:
        SignportError: Unknown topology, or one with points that the layout does not hold.
    """
    own = layout.topology
    if target is None or target == own.name:
        return own, None
    wanted = topology_named(target)
    lacking = [name for name in wanted.points if name not in layout.points]
    if lacking:
        fitting = [own.name, *(name for name in ("upper_59", "pose_hands_75", "isl_136") if _fits(name, layout))]
        raise SignportError(
            f"topology {target!r} has {len(lacking)} points that the files do not hold (the first is {lacking[0]}); "
            f"choose one of: {', '.join(dict.fromkeys(fitting))}"
        )
    return wanted, np.array(wanted.indices_in(own))


def _fits(name: str, layout: SequenceLayout) -> bool:
    return layout.points.issuperset(topology_named(name).points)
