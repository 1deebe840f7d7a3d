"""Named sets of landmarks: their points, their order and the edges between them."""

from dataclasses import dataclass
from functools import cached_property

from signport.errors import require_known


@dataclass(frozen=True)
class Topology:
    """A landmark layout.

    Attributes:
        name: The name that caches and cards carry.
        points: Point names; the index of a name is the point's index on the landmark axis.
        edges: Index pairs (from, to), in the order in which edge features are computed.

    Body layouts name their points `part.point`, the parts being `pose`, `face`, `left_hand` and `right_hand`; so one
    layout can be picked out of another by name.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def num_points(self) -> int:
        return len(self.points)

    @cached_property
    def index(self) -> dict[str, int]:
        """Point name → its index on the landmark axis."""
        return {name: number for number, name in enumerate(self.points)}

    @property
    def is_body(self) -> bool:
        """Whether this is a body layout, whose points are named `part.point`."""
        return "." in self.points[0]

    def part(self, name: str) -> slice:
        """Where the points of one part (`pose`, `face`, `left_hand`, `right_hand`) lie; empty if it has none.

        Example:
            >>> topology_named("pose_hands_75").part("left_hand")
            slice(33, 54, None)
        """
        rows = [number for number, point in enumerate(self.points) if point.startswith(f"{name}.")]
        return slice(rows[0], rows[-1] + 1) if rows else slice(0, 0)

    def indices_in(self, source: "Topology") -> list[int]:
        """Index in `source` of each point of this topology; -1 for a point that `source` lacks."""
        return [source.index.get(name, -1) for name in self.points]


_FINGERS = {
    "thumb": ("cmc", "mcp", "ip", "tip"),
    "index_finger": ("mcp", "pip", "dip", "tip"),
    "middle_finger": ("mcp", "pip", "dip", "tip"),
    "ring_finger": ("mcp", "pip", "dip", "tip"),
    "pinky": ("mcp", "pip", "dip", "tip"),
}

HAND = Topology(
    name="hand",
    points=("wrist", *(f"{finger}_{joint}" for finger, joints in _FINGERS.items() for joint in joints)),
    # The 21 edges of MediaPipe's HAND_CONNECTIONS: the palm's outline, then each finger from root to tip.
    edges=(
        (0, 1), (0, 5), (9, 13), (13, 17), (5, 9), (0, 17),
        (1, 2), (2, 3), (3, 4),
        (5, 6), (6, 7), (7, 8),
        (9, 10), (10, 11), (11, 12),
        (13, 14), (14, 15), (15, 16),
        (17, 18), (18, 19), (19, 20),
    ),
)  # fmt: skip

# The face's points, by their numbers in MediaPipe's face mesh (468 points); every list is a line along the face.
_FACE_LINES = {
    "lips_outer": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
    "lips_inner": (78, 178, 14, 402, 308, 311, 13, 81),
    "right_eye": (33, 163, 145, 154, 133, 157, 159, 161),
    "left_eye": (362, 381, 374, 390, 263, 388, 386, 384),
    "right_brow": (70, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 300),
    "nose": (168, 197, 4, 1, 2),
    "nostrils": (98, 2, 327),
}
_CLOSED_LINES = ("lips_outer", "lips_inner", "right_eye", "left_eye")
_FACE_MESH_SIZE = 468
# What of the mesh `isl_136` takes: mouth, eyes, brows and nose carry the grammar and mouthings of sign languages; the
# cheeks and the outline move with them. 61 points, each once.
FACE_61 = tuple(dict.fromkeys(number for line in _FACE_LINES.values() for number in line))

# MediaPipe's 33 pose points (`PoseLandmark`) and 35 `POSE_CONNECTIONS`. Left and right are the person's own.
_POSE = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
_POSE_EDGES = (
    (0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10),
    (11, 12), (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19),
    (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20),
    (11, 23), (12, 24), (23, 24), (23, 25), (25, 27), (27, 29), (27, 31), (29, 31),
    (24, 26), (26, 28), (28, 30), (28, 32), (30, 32),
)  # fmt: skip
_UPPER_POSE_POINTS = 17  # head, shoulders, elbows, wrists


def _face_edges() -> list[tuple[str, str]]:
    edges = []
    for name, line in _FACE_LINES.items():
        ends = (*line[1:], line[0]) if name in _CLOSED_LINES else line[1:]
        edges += [(f"face.{start}", f"face.{end}") for start, end in zip(line, ends, strict=False)]
    return edges


def _body_edges() -> list[tuple[str, str]]:
    """All edges that body layouts choose from, by point names."""
    edges = [(f"pose.{_POSE[start]}", f"pose.{_POSE[end]}") for start, end in _POSE_EDGES]
    for side in ("left", "right"):
        edges.append((f"pose.{side}_wrist", f"{side}_hand.wrist"))
        edges += [(f"{side}_hand.{HAND.points[start]}", f"{side}_hand.{HAND.points[end]}") for start, end in HAND.edges]
    # The face hangs on the pose's nose, eyes and mouth, and the pose's head on its shoulders, so that no part of the
    # graph is cut off from the rest.
    edges += [("pose.nose", "face.1"), ("pose.left_eye", "face.263"), ("pose.right_eye", "face.33")]
    edges += [("pose.mouth_left", "face.291"), ("pose.mouth_right", "face.61"), ("face.13", "face.0")]
    edges += [("face.168", "face.107"), ("face.168", "face.336")]
    edges += [("pose.nose", "pose.left_shoulder"), ("pose.nose", "pose.right_shoulder")]
    edges += [("pose.mouth_left", "pose.nose"), ("pose.mouth_right", "pose.nose")]
    return edges + _face_edges()


def _body(
    name: str, *, pose: int = len(_POSE), face: tuple[int, ...] = (), face_before_hands: bool = False
) -> Topology:
    pose_points = [f"pose.{point}" for point in _POSE[:pose]]
    hand_points = [f"{side}_hand.{point}" for side in ("left", "right") for point in HAND.points]
    face_points = [f"face.{number}" for number in face]
    middle = [*face_points, *hand_points] if face_before_hands else [*hand_points, *face_points]
    points = (*pose_points, *middle)
    index = {point: number for number, point in enumerate(points)}
    edges = tuple((index[a], index[b]) for a, b in _body_edges() if a in index and b in index)
    return Topology(name, points, edges)


POSE_HANDS_75 = _body("pose_hands_75")
UPPER_59 = _body("upper_59", pose=_UPPER_POSE_POINTS)
ISL_136 = _body("isl_136", face=FACE_61)
HOLISTIC_543 = _body("holistic_543", face=tuple(range(_FACE_MESH_SIZE)), face_before_hands=True)

TOPOLOGIES = {topology.name: topology for topology in (HAND, POSE_HANDS_75, UPPER_59, ISL_136, HOLISTIC_543)}


def topology_named(name: str) -> Topology:
    """Returns the topology called `name`.

    Raises:
        SignportError: No topology has that name.
    """
    require_known("topology", name, TOPOLOGIES)
    return TOPOLOGIES[name]
