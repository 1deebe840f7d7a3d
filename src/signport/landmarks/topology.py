"""Named sets of landmarks: their points, their order and the edges between them."""

from dataclasses import dataclass

from signport.errors import SignportError


@dataclass(frozen=True)
class Topology:
    """A landmark layout.

    Attributes:
        name: The name that caches and cards carry.
        points: Point names; the index of a name is the point's index on the landmark axis.
        edges: Index pairs (from, to), in the order in which edge features are computed.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def num_points(self) -> int:
        return len(self.points)


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

TOPOLOGIES = {topology.name: topology for topology in (HAND,)}


def topology_named(name: str) -> Topology:
    """Returns the topology called `name`.

    Raises:
        SignportError: No topology has that name.
    """
    try:
        return TOPOLOGIES[name]
    except KeyError:
        raise SignportError(f"topology {name!r} is unknown; choose one of: {', '.join(TOPOLOGIES)}") from None
