"""Which hand is the left and which the right: hands found in a frame → the person's own sides.

Three clues, weighed in hand lengths: how far a hand lies from the pose's wrists, how far from where each side's hand
was last seen, and what its finder takes it for. The pose decides wherever the wrists lie apart; the other two where
they touch, or where no pose was found.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SIDES = ("left", "right")

# Two finds of one hand lie at most .24 hand lengths apart point by point, two hands that touch at least .75 (the clips
# of MSL-150, MediaPipe Holistic with and without tracking).
_ONE_HAND = 0.4
# A hand can be this many hand lengths from the pose's wrist before more makes no difference.
_FARTHEST_FROM_WRIST = 3.0
# The same for the place where its side was last seen, which counts half; a side that was not seen lately is taken to be
# at a middling distance.
_FARTHEST_FROM_LAST = 2.0
_LAST_WEIGHT = 0.5
_UNKNOWN_LAST = 0.5
_FINDER_WEIGHT = 0.5
_REMEMBERED_FRAMES = 15


@dataclass(frozen=True, eq=False)
class FoundHand:
    """A hand that a detector found.

    Attributes:
        points: float32 (21 points, 3): x and y in image widths and heights.
        left: How probable its finder holds it, 0 to 1, that this is the person's left hand.
    """

    points: np.ndarray
    left: float

    def is_probably(self, side: str) -> float:
        return self.left if side == "left" else 1.0 - self.left


@dataclass(frozen=True, eq=False)
class LastSeen:
    """Where each side's hand was seen last.

    Attributes:
        wrists: Side → (x, y) in pixels.
        ages: Side → frames since.
    """

    wrists: Mapping[str, np.ndarray]
    ages: Mapping[str, int]

    @classmethod
    def nothing(cls) -> "LastSeen":
        """The state before a clip's first frame."""
        return cls({}, {})

    def after(self, hands: Mapping[str, FoundHand], image_size: tuple[int, int]) -> "LastSeen":
        """The state after a frame in which `hands` were told apart; what was not seen for long is forgotten."""
        kept = {side: age + 1 for side, age in self.ages.items() if side not in hands and age < _REMEMBERED_FRAMES}
        wrists = {side: self.wrists[side] for side in kept}
        wrists |= {side: _pixels(hand, image_size)[0] for side, hand in hands.items()}
        return LastSeen(wrists, kept | dict.fromkeys(hands, 0))


def tell_sides(
    hands: Sequence[FoundHand],
    pose_wrists: Mapping[str, np.ndarray] | None,
    last_seen: LastSeen,
    image_size: tuple[int, int],
) -> dict[str, FoundHand]:
    """Says which hand is which; finds of one hand count once, and no side gets two.

    Args:
        hands: What was found in a frame: at most two hands.
        pose_wrists: Side → (x, y) of the pose's wrist in image widths and heights; None if no pose was found.
        last_seen: Where the hands were in the frames before.
        image_size: (width, height) in pixels.

    Returns:
        Side (`left`, `right`: the person's own) → the hand, for each side that has one.
    """
    wrists = None if pose_wrists is None else {side: pose_wrists[side] * np.array(image_size) for side in SIDES}
    costs = [{side: _cost(hand, side, wrists, last_seen, image_size) for side in SIDES} for hand in hands]
    kept = min(1 if _is_one_hand(hands, image_size) else len(hands), len(SIDES))
    ways = [
        dict(zip(sides, chosen, strict=True))
        for chosen in itertools.combinations(range(len(hands)), kept)
        for sides in itertools.permutations(SIDES, kept)
    ]
    way = min(ways, key=lambda way: sum(costs[index][side] for side, index in way.items()))
    if wrists is not None and len(way) == len(SIDES):
        way = _without_strays(way, hands, wrists, image_size)
    return {side: hands[index] for side, index in way.items()}


def _pixels(hand: FoundHand, image_size: tuple[int, int]) -> np.ndarray:
    return np.asarray(hand.points[:, :2] * np.array(image_size))


def _length(points: np.ndarray) -> float:
    """The diagonal of a hand's bounding box in pixels: about a hand length, whatever its shape."""
    return max(float(np.linalg.norm(np.ptp(points, axis=0))), 1.0)


def _is_one_hand(hands: Sequence[FoundHand], image_size: tuple[int, int]) -> bool:
    if len(hands) != len(SIDES):
        return False
    one, other = (_pixels(hand, image_size) for hand in hands)
    apart = np.linalg.norm(one - other, axis=1).mean()
    return bool(apart < _ONE_HAND * max(_length(one), _length(other)))


def _cost(
    hand: FoundHand,
    side: str,
    wrists: Mapping[str, np.ndarray] | None,
    last_seen: LastSeen,
    image_size: tuple[int, int],
) -> float:
    points = _pixels(hand, image_size)
    length = _length(points)
    cost = _FINDER_WEIGHT * (1.0 - hand.is_probably(side))
    if wrists is not None:
        cost += min(float(np.linalg.norm(points[0] - wrists[side])) / length, _FARTHEST_FROM_WRIST)
    moved = _UNKNOWN_LAST
    if side in last_seen.wrists:
        moved = min(float(np.linalg.norm(points[0] - last_seen.wrists[side])) / length, _FARTHEST_FROM_LAST)
    return cost + _LAST_WEIGHT * moved


def _without_strays(
    way: dict[str, int], hands: Sequence[FoundHand], wrists: Mapping[str, np.ndarray], image_size: tuple[int, int]
) -> dict[str, int]:
    """Where both hands lie at one wrist and none at the other, only the nearer can be that wrist's hand."""
    points = {side: _pixels(hands[index], image_size) for side, index in way.items()}
    for side, other in (SIDES, SIDES[::-1]):
        own, stray = (float(np.linalg.norm(points[name][0] - wrists[side])) for name in (side, other))
        from_other = float(np.linalg.norm(points[other][0] - wrists[other]))
        if stray < _length(points[other]) < from_other and own < from_other:
            return {side: way[side if own <= stray else other]}
    return way
