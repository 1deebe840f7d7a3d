"""Landmarks as SVG stick figures: a hand, or a film strip of a body with the paths of its hands."""

import re

import numpy as np

from signport.landmarks.topology import Topology
from signport.parity.report.markup import Markup, tag

_HEIGHT, _GAP, _PAD, _CAPTION = 120.0, 6.0, 8.0, 14.0
_NARROWEST, _WIDEST = 66.0, 150.0
_MOST_PANELS = 4
# Edges that carry features between parts but are no bones: the head hangs on the shoulders by them.
_NO_BONES = frozenset({("pose.nose", "pose.left_shoulder"), ("pose.nose", "pose.right_shoulder")})
_NO_BONES |= {("pose.mouth_left", "pose.nose"), ("pose.mouth_right", "pose.nose"), ("face.13", "face.0")}
# Signing happens above the hips; legs would make hands small, and MediaPipe guesses them where they are out of view.
_LEGS = re.compile(r"^pose\..*(knee|ankle|heel|foot)")
_FINGERS = ("thumb", "index_finger", "middle_finger", "ring_finger", "pinky")
_JOINT_RADIUS = {"hand": 2.0, "body": 1.1}


def stick_figure(frames: np.ndarray, topology: Topology, name: str) -> Markup:
    """Draws a sample: a hand or body as it is in one frame, or up to four frames of a clip side by side.

    Frames are drawn to one scale, with y downwards as in images. Points that are NaN or infinite are left out, with
    their edges. A faint line is the path of each wrist up to that frame.

    Args:
        frames: float32 (frames, points, 3): x, y, z of each landmark; NaN where missing.
        topology: Its layout.
        name: What the picture shows, for those who cannot see it.

    Returns:
        An `<svg>`, styled by the classes `bone`, `trail`, the parts' (`pose`, `left_hand`, …) and the fingers'.
    """
    points = np.where(np.isfinite(frames[..., :2]), frames[..., :2].astype(np.float64), np.nan)
    drawn = np.array([not _LEGS.match(point) for point in topology.points])
    points[:, ~drawn] = np.nan
    chosen = _chosen_frames(points, topology)
    clip = len(frames) > 1
    panels, wide = [], _HEIGHT
    if chosen:
        placed, wide = _fitted(points, chosen[-1], _WIDEST if clip else _HEIGHT)
        wide = wide if clip else _HEIGHT
        placed[..., 0] += wide / 2
        for number, frame in enumerate(chosen):
            panel = _panel(placed, frame, topology, wide=wide, clip=clip)
            panels.append(tag("g", panel, transform=f"translate({number * (wide + _GAP):g} 0)"))
    else:
        panels.append(tag("text", "no landmarks", x=_HEIGHT / 2, y=_HEIGHT / 2, class_="caption"))
    width = wide * len(panels) + _GAP * (len(panels) - 1)
    box = f"0 0 {width:g} {_HEIGHT + (_CAPTION if clip else 0):g}"
    return tag("svg", tag("title", name), panels, viewBox=box, class_="figure", role="img", aria_label=name)


def _chosen_frames(points: np.ndarray, topology: Topology) -> list[int]:
    """Up to four frames, evenly spread over those that show something, hands if there are any."""
    seen = np.isfinite(points).all(axis=2)
    hands = np.zeros(topology.num_points, bool)
    for part in ("left_hand", "right_hand"):
        hands[topology.part(part)] = True
    usable = np.flatnonzero(seen[:, hands].any(axis=1)) if hands.any() else np.zeros(0, int)
    if not len(usable):
        usable = np.flatnonzero(seen.any(axis=1))
    count = min(_MOST_PANELS, len(usable))
    return [int(usable[int((number + 0.5) * len(usable) / count)]) for number in range(count)]


def _fitted(points: np.ndarray, last: int, widest: float) -> tuple[np.ndarray, float]:
    """Points placed in a panel, without changing their proportions, x from its middle; and how wide it must be.

    All frames up to the last that is drawn have room, for the trails go through them.
    """
    low, high = np.nanmin(points[: last + 1], axis=(0, 1)), np.nanmax(points[: last + 1], axis=(0, 1))
    across, down = (float(size) for size in high - low)
    room = min((widest - 2 * _PAD) / max(across, 1e-9), (_HEIGHT - 2 * _PAD) / max(down, 1e-9))
    scale = room if max(across, down) > 0 else 1.0
    placed = (points - (low + high) / 2) * scale + (0, _HEIGHT / 2)
    return placed, max(_NARROWEST, across * scale + 2 * _PAD)


def _panel(placed: np.ndarray, frame: int, topology: Topology, *, wide: float, clip: bool) -> list[Markup]:
    now = placed[frame]
    found = [tag("rect", width=wide, height=_HEIGHT, rx=4, class_="panel")]
    if clip:
        found += _trails(placed[: frame + 1], topology)
    lines: dict[str, list[str]] = {}
    for start, end in topology.edges:
        names = topology.points[start], topology.points[end]
        if names in _NO_BONES or not np.isfinite(now[[start, end]]).all():
            continue
        (x1, y1), (x2, y2) = now[start], now[end]
        lines.setdefault(_part(names[1]), []).append(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")
    found += [tag("path", d="".join(path), class_=f"bone {part}") for part, path in lines.items()]
    radius = _JOINT_RADIUS["body" if topology.is_body else "hand"]
    for number, name in enumerate(topology.points):
        if np.isfinite(now[number]).all() and not name.startswith("face."):
            x, y = now[number]
            found.append(tag("circle", cx=float(x), cy=float(y), r=radius, class_=f"joint {_part(name)}"))
    if clip:
        found.append(tag("text", f"frame {frame + 1}", x=wide / 2, y=_HEIGHT + 11, class_="caption"))
    return found


def _trails(placed: np.ndarray, topology: Topology) -> list[Markup]:
    """The way that each hand has come; it breaks where the hand was missing."""
    found = []
    for part in ("left_hand", "right_hand"):
        wrist = topology.index.get(f"{part}.wrist")
        if wrist is None:
            continue
        path, pen_down = [], False
        for x, y in placed[:, wrist]:
            seen = bool(np.isfinite([x, y]).all())
            if seen:
                path.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
            pen_down = seen
        if len(path) > 1:
            found.append(tag("path", d="".join(path), class_=f"trail {part}"))
    return found


def _part(point: str) -> str:
    """CSS class of a point: its part of the body, or its finger."""
    if "." in point:
        return point.partition(".")[0]
    return next((finger for finger in _FINGERS if point.startswith(finger)), "palm")
