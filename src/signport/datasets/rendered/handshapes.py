"""Joint angles of the handshapes: ASL letters and numbers, MediaPipe's canned gestures; and the vocabularies.

Fingers are written as (flexion at MCP, PIP, DIP, spread) and the thumb as (out, up, roll, MCP, IP), all in degrees;
`skeleton.HandPose` tells what they turn. The shapes follow the usual fingerspelling charts; most thumbs that touch
something were placed by solving for their tip on a mean hand, the rest by eye. J and Z are their static start pose.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from signport.datasets.rendered.skeleton import HandPose
from signport.errors import require_known

NONE = "None"
Vocabulary = Literal["asl22", "letters", "digits", "canned"]
Angles = tuple[float, float, float, float]
ThumbAngles = tuple[float, float, float, float, float]
View = tuple[float, float, float]


@dataclass(frozen=True)
class Handshape:
    """A handshape.

    Attributes:
        pose: Joint angles.
        views: (yaw, pitch, roll) in degrees for `skeleton.view_rotation`, of a right hand; each is typical.
        kin: Shapes with one kin are the same or nearly so; the `None` class of a vocabulary has none of its kins.
        loose_views: Views in use besides, as many signers do not care; only where the vocabulary has no other class of
            the same kin (2 with the palm out would be V).
    """

    pose: HandPose
    views: tuple[View, ...]
    kin: str
    loose_views: tuple[View, ...] = ()


def _up(spread: float, mcp: float = 3) -> Angles:
    return (mcp, 4, 3, spread)


def _in(spread: float, mcp: float = 82) -> Angles:
    return (mcp, 102, 58, spread)


def _pose(thumb: ThumbAngles, index: Angles, middle: Angles, ring: Angles, pinky: Angles) -> HandPose:
    return HandPose(np.array([index, middle, ring, pinky], np.float64), np.array(thumb, np.float64))


_INDEX_IN, _MIDDLE_IN, _RING_IN, _PINKY_IN = _in(3), _in(0), _in(-4), _in(-8)
_FIST = (_INDEX_IN, _MIDDLE_IN, _RING_IN, _PINKY_IN)
_TOGETHER = (_up(-3), _up(-0.5), _up(2), _up(6))
_FAN = (_up(15), _up(3), _up(-9), _up(-23))

_THUMB_OUT: ThumbAngles = (62, 8, 0, 4, -6)
_THUMB_OVER: ThumbAngles = (34, 47, 16, 60, 50)  # across the front of folded fingers

_FRONT: View = (0, 0, 0)
_BACK: View = (180, 0, 0)
_SIDEWAYS: View = (180, 0, -90)  # palm to the signer, fingers to the signer's other side

HANDSHAPES: dict[str, Handshape] = {
    "A": Handshape(_pose((36, 30, 0, 32, 10), *_FIST), (_FRONT,), "thumb beside fist"),
    "B": Handshape(_pose((18, 23, -5, 60, 58), *_TOGETHER), (_FRONT,), "flat"),
    "C": Handshape(
        _pose((50, 30, 60, 22, 32), (36, 40, 30, -2), (38, 40, 30, 0), (38, 40, 30, 2), (38, 40, 30, 4)),
        ((50, 0, 0),),
        "C",
    ),
    "D": Handshape(
        _pose((39, 38, 45, 49, 44), _up(0), (62, 68, 38, 1), (66, 68, 38, -3), (70, 68, 38, -7)),
        ((15, 0, 0),),
        "one",
    ),
    "E": Handshape(
        _pose((24, 32, -1, 60, 60), (25, 105, 60, -2), (25, 105, 60, 0), (25, 105, 60, 1), (25, 105, 60, 3)),
        (_FRONT,),
        "E",
    ),
    "F": Handshape(
        _pose((50, 32, 45, 44, 41), (58, 62, 32, 0), _up(6, 0), _up(-5, 0), _up(-17, 0)), (_FRONT,), "ring of two"
    ),
    "G": Handshape(_pose((49, 16, 10, 50, 12), (18, 6, 4, 0), _MIDDLE_IN, _RING_IN, _PINKY_IN), (_SIDEWAYS,), "G"),
    "H": Handshape(_pose(_THUMB_OVER, _up(-3, 8), _up(0, 8), _RING_IN, _PINKY_IN), (_SIDEWAYS,), "two together"),
    "I": Handshape(_pose(_THUMB_OVER, _INDEX_IN, _MIDDLE_IN, _in(-4, 80), _up(-10, 2)), (_FRONT,), "pinky"),
    "J": Handshape(_pose(_THUMB_OVER, _INDEX_IN, _MIDDLE_IN, _in(-4, 80), _up(-10, 2)), (_FRONT,), "pinky"),
    "K": Handshape(
        _pose((36, 27, -13, 60, 18), _up(11, 0), (38, 8, 5, -6), _RING_IN, _PINKY_IN), ((15, 0, 0),), "two apart"
    ),
    "L": Handshape(_pose(_THUMB_OUT, _up(4), _MIDDLE_IN, _RING_IN, _PINKY_IN), (_FRONT,), "L"),
    "M": Handshape(
        _pose((12, 29, 9, 60, 30), (70, 72, 28, 1), (72, 72, 28, 0), (72, 72, 28, -2), _PINKY_IN), (_FRONT,), "fist"
    ),
    "N": Handshape(
        _pose((30, 37, 8, 60, 28), (70, 74, 28, 1), (72, 74, 28, 0), _in(-4, 86), _in(-8, 86)), (_FRONT,), "fist"
    ),
    "O": Handshape(
        _pose((25, 40, 32, 25, 25), (52, 52, 34, 0), (54, 54, 34, 0), (56, 54, 34, -2), (58, 52, 32, -4)),
        ((45, 0, 0),),
        "O",
    ),
    "P": Handshape(
        _pose((36, 27, -13, 60, 18), _up(11, 0), (38, 8, 5, -6), _RING_IN, _PINKY_IN),
        ((145, 0, -115),),
        "two apart",
    ),
    "Q": Handshape(_pose((49, 16, 10, 50, 12), (18, 6, 4, 0), _MIDDLE_IN, _RING_IN, _PINKY_IN), ((165, 0, -165),), "G"),
    "R": Handshape(_pose(_THUMB_OVER, (10, 5, 4, -7), (1, 4, 3, 10), _RING_IN, _PINKY_IN), (_FRONT,), "two together"),
    "S": Handshape(_pose(_THUMB_OVER, *_FIST), (_FRONT,), "fist"),
    "T": Handshape(_pose((40, 25, 22, 60, 13), (60, 88, 40, 6), _in(0, 84), _RING_IN, _PINKY_IN), (_FRONT,), "fist"),
    "U": Handshape(_pose(_THUMB_OVER, _up(-3), _up(0), _RING_IN, _PINKY_IN), (_FRONT,), "two together"),
    "V": Handshape(_pose(_THUMB_OVER, _up(14), _up(-9), _RING_IN, _PINKY_IN), (_FRONT,), "two apart"),
    "W": Handshape(_pose((6, 31, 21, 54, 44), _up(15), _up(1), _up(-13), (75, 80, 45, -2)), (_FRONT,), "three"),
    "X": Handshape(
        _pose((42, 37, 22, 60, 45), (18, 82, 42, 2), _MIDDLE_IN, _RING_IN, _PINKY_IN), ((25, 0, 0),), "hook"
    ),
    "Y": Handshape(_pose(_THUMB_OUT, _INDEX_IN, _MIDDLE_IN, _in(-4, 78), _up(-24, 0)), (_FRONT,), "Y"),
    "Z": Handshape(_pose(_THUMB_OVER, _up(0), _MIDDLE_IN, _RING_IN, _PINKY_IN), ((10, 15, -12),), "one"),
    "0": Handshape(
        _pose((25, 40, 32, 25, 25), (52, 52, 34, 0), (54, 54, 34, 0), (56, 54, 34, -2), (58, 52, 32, -4)),
        ((45, 0, 0),),
        "O",
    ),
    "1": Handshape(_pose(_THUMB_OVER, _up(0), _MIDDLE_IN, _RING_IN, _PINKY_IN), (_BACK,), "one", (_FRONT,)),
    "2": Handshape(_pose(_THUMB_OVER, _up(14), _up(-9), _RING_IN, _PINKY_IN), (_BACK,), "two apart", (_FRONT,)),
    "3": Handshape(_pose(_THUMB_OUT, _up(12), _up(-8), _RING_IN, _PINKY_IN), (_BACK,), "thumb and two", (_FRONT,)),
    "4": Handshape(_pose((18, 23, -5, 60, 58), *_FAN), (_BACK,), "flat", (_FRONT,)),
    "5": Handshape(_pose(_THUMB_OUT, *_FAN), (_BACK,), "five", (_FRONT,)),
    "6": Handshape(_pose((6, 39, 25, 55, 44), _up(14), _up(1), _up(-12), (62, 66, 36, -2)), (_FRONT,), "three"),
    "7": Handshape(_pose((15, 44, 30, 40, 35), _up(14), _up(3), (60, 62, 34, -2), _up(-20)), (_FRONT,), "seven"),
    "8": Handshape(_pose((27, 44, 35, 33, 31), _up(15), (60, 60, 32, 0), _up(-7), _up(-19)), (_FRONT,), "eight"),
    "9": Handshape(
        _pose((50, 32, 45, 44, 41), (58, 62, 32, 0), _up(6, 0), _up(-5, 0), _up(-17, 0)), (_FRONT,), "ring of two"
    ),
    "10": Handshape(_pose((60, 14, 0, -4, -12), *_FIST), ((170, 0, -90),), "thumb beside fist"),
    "Closed_Fist": Handshape(_pose(_THUMB_OVER, *_FIST), (_FRONT, _BACK), "fist"),
    "Open_Palm": Handshape(_pose(_THUMB_OUT, *_FAN), (_FRONT,), "five"),
    "Pointing_Up": Handshape(_pose(_THUMB_OVER, _up(0), _MIDDLE_IN, _RING_IN, _PINKY_IN), (_FRONT, _BACK), "one"),
    "Thumb_Down": Handshape(_pose((60, 14, 0, -4, -12), *_FIST), ((180, 0, 90), (0, 0, -90)), "thumb beside fist"),
    "Thumb_Up": Handshape(_pose((60, 14, 0, -4, -12), *_FIST), ((180, 0, -90), (0, 0, 90)), "thumb beside fist"),
    "Victory": Handshape(_pose(_THUMB_OVER, _up(14), _up(-9), _RING_IN, _PINKY_IN), (_FRONT,), "two apart"),
    "ILoveYou": Handshape(_pose(_THUMB_OUT, _up(8), _MIDDLE_IN, _RING_IN, _up(-14, 2)), (_FRONT,), "I love you"),
}

RELAXED = _pose((42, 22, 28, 16, 18), (24, 30, 16, 5), (30, 34, 18, 1), (34, 36, 18, -4), (36, 34, 16, -10))
"""A hand at rest."""

VOCABULARIES: dict[str, tuple[str, ...]] = {
    # The 22 classes of the Model Maker script: eight numbers, thirteen letters and the background class.
    "asl22": (*"12345678", *"ABCDHLMQRSVWY", NONE),
    "letters": (*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", NONE),
    "digits": (*"0123456789", "10", NONE),
    "canned": ("Closed_Fist", "Open_Palm", "Pointing_Up", "Thumb_Down", "Thumb_Up", "Victory", "ILoveYou", NONE),
}


def vocabulary(name: str) -> tuple[str, ...]:
    """The classes of a vocabulary, `None` last.

    Raises:
        SignportError: There is no such vocabulary.
    """
    require_known("classes", name, VOCABULARIES)
    return VOCABULARIES[name]


def views(vocabulary_name: str, shape: str) -> tuple[View, ...]:
    """The views in which a vocabulary shows a shape; loose ones too, where no class of the vocabulary looks alike."""
    value = HANDSHAPES[shape]
    alike = [
        label
        for label in vocabulary(vocabulary_name)
        if label not in (NONE, shape) and HANDSHAPES[label].kin == value.kin
    ]
    return value.views if alike else (*value.views, *value.loose_views)


def outside_shapes(name: str) -> tuple[str, ...]:
    """The handshapes that `None` of a vocabulary may hold: none of its classes, nor anything that looks like one."""
    taken = {HANDSHAPES[label].kin for label in vocabulary(name) if label != NONE}
    return tuple(shape for shape, value in HANDSHAPES.items() if value.kin not in taken)
