"""The made-up signs: what each is made of, and how pairs of them differ in one thing only.

A sign is described as Stokoe (1960, Sign Language Structure) did, by location (tab), handshape (dez) and movement
(sig), with the palm's orientation that later work added. Two-handed signs obey Battison's (1978, Lexical Borrowing in
American Sign Language) conditions: hands that both move share handshape and movement, in step or alternating; a hand
that stays still has one of the unmarked shapes.

Signs come in minimal pairs that differ in one thing. In most it is something about the movement, such as its direction:
averages over a clip hardly tell the two apart, the order in time does. In the others it is handshape, palm or location.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Hands = Literal["one", "symmetric", "alternating", "base"]

MAX_SIGNS = 400
"""More than this many distinct signs are not tried for."""

# Of each location, the orientations that a hand reaches there without effort.
_HEAD_PALMS = ("out", "side up", "in")
_TORSO_PALMS = ("in", "side up", "down")
_SPACE_PALMS = ("out", "in", "side", "down", "up")
LOCATIONS: dict[str, tuple[str, ...]] = {
    "forehead": _HEAD_PALMS,
    "cheek": _HEAD_PALMS,
    "chin": _HEAD_PALMS,
    "far shoulder": _TORSO_PALMS,
    "chest": _TORSO_PALMS,
    "belly": _TORSO_PALMS,
    "neutral": _SPACE_PALMS,
    "side": _SPACE_PALMS,
    "other hand": ("down", "side", "in"),
}
_TWO_HANDED_LOCATIONS = ("chest", "belly", "neutral", "side")

_STILL_SHAPES = ("B", "5", "S", "1", "V", "Y", "L", "C", "O", "F", "W", "I", "H", "X")
_CHANGING_SHAPES = (("S", "5"), ("O", "5"), ("1", "X"), ("S", "1"), ("O", "B"), ("C", "S"), ("5", "V"))
_UNMARKED_SHAPES = ("B", "S", "O", "C", "1", "5")
_TURNS = (("down", "up"), ("out", "in"), ("side", "down"), ("side", "out"))

OPEN_PATHS = ("down", "away", "aside", "arc", "corner", "zigzag")
CLOSED_PATHS = ("circle", "wheel")
NO_PATH = "hold"

Contrast = Literal["direction", "shape order", "turn order", "repetition", "alternation", "way"]
_STATIC_SHARE = 0.4  # of the pairs: those that differ in more than movement
_REPETITION_SHARE = 0.08  # counting is rarely all that tells signs apart


@dataclass(frozen=True)
class Sign:
    """One made-up sign.

    Attributes:
        name: `sign_00` and so on; the class label.
        location: A key of `LOCATIONS`.
        shapes: Handshapes (keys of `signport.datasets.rendered.HANDSHAPES`) at the movement's start and end.
        palms: Orientations (keys of `signport.datasets.signing.space.ORIENTATIONS`) at its start and end.
        path: One of `OPEN_PATHS`, `CLOSED_PATHS`, or `NO_PATH`.
        backwards: Whether the path is gone from its end to its start.
        cycles: How often the movement is made.
        hands: One hand; two that mirror each other, in step or alternating; or one that moves over a still base, which
            is then the location.
        base_shape: Handshape of the still hand; empty unless `hands` is `base`.
    """

    name: str
    location: str
    shapes: tuple[str, str]
    palms: tuple[str, str]
    path: str
    backwards: bool = False
    cycles: int = 1
    hands: Hands = "one"
    base_shape: str = ""

    @property
    def description(self) -> str:
        """The sign's make-up in a few words, such as `one hand V at chin, palm in, circle backwards x2`."""
        shapes, palms = (" to ".join(dict.fromkeys(pair)) for pair in (self.shapes, self.palms))
        hands = {"one": "one hand", "base": f"over a still {self.base_shape}, hand"}.get(
            self.hands, f"{self.hands} hands"
        )
        path = f"{self.path}{' backwards' if self.backwards else ''}{f' x{self.cycles}' if self.cycles > 1 else ''}"
        return f"{hands} {shapes} at {self.location}, palm {palms}, {path}"

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """In what about the movement a minimal pair of this sign can differ, besides repetition."""
        found: list[Contrast] = []
        if self.path != NO_PATH:
            found.append("direction")
        if self.shapes[0] != self.shapes[1]:
            found.append("shape order")
        if self.palms[0] != self.palms[1]:
            found.append("turn order")
        if self.hands in ("symmetric", "alternating") and self.path != NO_PATH:
            found.append("alternation")
        if self.path in _SIMILAR_PATHS and self.cycles == 1:
            found.append("way")
        return tuple(found)

    def partner(self, contrast: Contrast) -> "Sign":
        """The sign that differs from this one in `contrast` alone."""
        if contrast == "direction":
            return replace(self, backwards=not self.backwards)
        if contrast == "shape order":
            return replace(self, shapes=self.shapes[::-1])
        if contrast == "turn order":
            return replace(self, palms=self.palms[::-1])
        if contrast == "alternation":
            return replace(self, hands="alternating" if self.hands == "symmetric" else "symmetric")
        if contrast == "way":
            return replace(self, path=_SIMILAR_PATHS[self.path])
        return replace(self, cycles=3 - self.cycles)


_REPEATED = 0.2
# Paths over the same ground, by another way.
_SIMILAR_PATHS = {"aside": "arc", "arc": "aside", "down": "zigzag", "zigzag": "down"}


def make_signs(count: int, seed: int) -> tuple[Sign, ...]:
    """The first `count` signs of a seed; sign k is the same whatever the count.

    Args:
        count: 2 to `MAX_SIGNS`.
        seed: Of everything random.
    """
    signs: list[Sign] = []
    known: set[Sign] = set()
    while len(signs) < count:
        pair, attempt = len(signs) // 2, 0
        while True:
            first, second = _pair(np.random.default_rng([seed, 1, pair, attempt]), pair, seed)
            if not {first, second} & known:
                break
            attempt += 1
        known |= {first, second}
        signs += [replace(first, name=sign_name(len(signs))), replace(second, name=sign_name(len(signs) + 1))]
    return tuple(signs[:count])


def sign_name(number: int) -> str:
    """The label of sign `number`."""
    return f"sign_{number:02d}"


def _pair(rng: np.random.Generator, pair: int, seed: int) -> tuple[Sign, Sign]:
    """Two nameless signs that differ in one thing."""
    first = _sign(rng, _location(pair, seed))
    if rng.random() < _STATIC_SHARE:
        return first, _other_form(first, rng)
    contrasts = first.contrasts
    contrast = contrasts[rng.integers(len(contrasts))] if rng.random() > _REPETITION_SHARE else "repetition"
    return first, first.partner(contrast)


def _other_form(sign: Sign, rng: np.random.Generator) -> Sign:
    """A sign of the same movement with another handshape, palm or location."""
    kind = rng.integers(3)
    if kind == 0 and sign.palms[0] == sign.palms[1]:
        palm = _other(LOCATIONS[sign.location], sign.palms[0], rng)
        return replace(sign, palms=(palm, palm))
    if kind == 1 and sign.hands != "base":
        near = [place for place, palms in LOCATIONS.items() if palms is LOCATIONS[sign.location]]
        return replace(sign, location=_other(near, sign.location, rng))
    shape = _other(_STILL_SHAPES, sign.shapes[1], rng)
    return replace(sign, shapes=(sign.shapes[0] if sign.shapes[0] != sign.shapes[1] else shape, shape))


def _other(values: Sequence[str], value: str, rng: np.random.Generator) -> str:
    others = [other for other in values if other != value]
    return others[rng.integers(len(others))]


def _location(pair: int, seed: int) -> str:
    """Locations in a shuffled round, so that even a few signs use most of them."""
    names = tuple(LOCATIONS)
    order = np.random.default_rng([seed, 1, 0x10C, pair // len(names)]).permutation(len(names))
    return names[int(order[pair % len(names)])]


def _sign(rng: np.random.Generator, location: str) -> Sign:
    hands: Hands = "base" if location == "other hand" else "one"
    if location in _TWO_HANDED_LOCATIONS:
        kinds: tuple[Hands, ...] = ("one", "symmetric", "alternating")
        hands = kinds[rng.choice(3, p=[0.4, 0.35, 0.25])]
    palms = LOCATIONS[location]
    palm = palms[rng.integers(len(palms))]
    shape = _STILL_SHAPES[rng.integers(len(_STILL_SHAPES))]
    path = (*OPEN_PATHS, *CLOSED_PATHS)[rng.integers(len(OPEN_PATHS) + len(CLOSED_PATHS))]
    sign = Sign("", location, (shape, shape), (palm, palm), path, hands=hands)
    if hands == "base":
        sign = replace(sign, base_shape=_UNMARKED_SHAPES[rng.integers(len(_UNMARKED_SHAPES))])
    # What else happens on the way: in a third of the signs the handshape changes, in some the forearm turns.
    inner = rng.choice(3, p=[0.5, 0.33, 0.17])
    if inner == 1:
        pair = _CHANGING_SHAPES[rng.integers(len(_CHANGING_SHAPES))]
        sign = replace(sign, shapes=pair if rng.random() < 0.5 else pair[::-1])
    elif inner == 2 and palms is _SPACE_PALMS:
        turn = _TURNS[rng.integers(len(_TURNS))]
        sign = replace(sign, palms=turn if rng.random() < 0.5 else turn[::-1])
    if sign.shapes[0] != sign.shapes[1] and hands != "alternating" and rng.random() < 0.4:
        sign = replace(sign, path=NO_PATH)
    cycles = 2 if rng.random() < _REPEATED else 1
    return replace(sign, backwards=bool(rng.random() < 0.5) and sign.path != NO_PATH, cycles=cycles)
