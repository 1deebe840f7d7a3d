"""From round cones to a depth buffer: what each pixel of a drawing shows, and which way that faces."""

from dataclasses import dataclass, field

import numpy as np

from signport.datasets.rendered.flesh import Flesh
from signport.datasets.rendered.skeleton import HandSkeleton

FAR = np.float32(-1e6)
"""Depth where nothing is drawn."""


@dataclass(frozen=True)
class HandView:
    """Where the camera sees the hand.

    Attributes:
        rotation: (3, 3) hand frame to camera frame (x right, y up, z to the camera); see `skeleton.view_rotation`.
        left: Draws the mirror image, a left hand.
        center: (x, y) where `pivot` lands, in pixels.
        pixels_per_cm: Scale at the pivot.
        distance: From camera to pivot in cm; sets the perspective.
        pivot: (3,) point of the hand frame that lands on `center`.
    """

    rotation: np.ndarray
    left: bool = False
    center: tuple[float, float] = (128.0, 128.0)
    pixels_per_cm: float = 8.0
    distance: float = 60.0
    pivot: np.ndarray = field(default_factory=lambda: np.array([0.0, 7.0, 1.0]))

    def turned(self, vectors: np.ndarray) -> np.ndarray:
        """Directions of the hand frame in the camera frame, (n, 3)."""
        turned: np.ndarray = np.asarray(vectors) @ self.rotation.T
        if self.left:
            turned *= [-1, 1, 1]
        return turned

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of points of the hand frame.

        Args:
            points: (n, 3) cm.

        Returns:
            (n, 3): x to the right, y downwards and depth towards the camera, all in pixels; and (n,) the pixels per cm
            at each.
        """
        camera = self.turned(np.asarray(points) - self.pivot)
        scale = self.pixels_per_cm * self.distance / np.maximum(self.distance - camera[:, 2], 5.0)
        x = self.center[0] + scale * camera[:, 0]
        y = self.center[1] - scale * camera[:, 1]
        return np.stack([x, y, self.pixels_per_cm * camera[:, 2]], axis=1), scale


@dataclass
class Surface:
    """What each pixel of the drawing shows; all arrays are (size, size) float32 unless said."""

    depth: np.ndarray
    normal: np.ndarray  # (3, size, size), camera frame: x right, y up, z to the camera
    family: np.ndarray  # int8
    material: np.ndarray  # int8
    fold: np.ndarray  # closeness to a joint's fold, 0 to 1
    nail: np.ndarray  # 0 to 1

    def cropped(self, margin: int) -> tuple["Surface", tuple[slice, slice]]:
        """The part around what is drawn, and where it lies: light and colour need not be worked out elsewhere."""
        covered = self.depth > FAR / 2
        rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
        if not len(rows):
            return self, (slice(None), slice(None))
        window = (
            slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
            slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
        )
        part = Surface(
            self.depth[window],
            self.normal[:, window[0], window[1]],
            self.family[window],
            self.material[window],
            self.fold[window],
            self.nail[window],
        )
        return part, window


def rasterize(flesh: Flesh, skeleton: HandSkeleton, view: HandView, size: int) -> Surface:
    """Draws all cones of a hand into an empty square of `size` pixels."""
    surface = Surface(
        depth=np.full((size, size), FAR, np.float32),
        normal=np.zeros((3, size, size), np.float32),
        family=np.full((size, size), -1, np.int8),
        material=np.zeros((size, size), np.int8),
        fold=np.zeros((size, size), np.float32),
        nail=np.zeros((size, size), np.float32),
    )
    starts, start_scale = view.project(flesh.start)
    ends, end_scale = view.project(flesh.end)
    start_radii, end_radii = flesh.start_radius * start_scale, flesh.end_radius * end_scale
    nails = view.turned(skeleton.nails)
    for number, nail in enumerate(flesh.nail):
        cone = _Cone(
            start=starts[number],
            end=ends[number],
            start_radius=float(start_radii[number]),
            end_radius=float(end_radii[number]),
            family=int(flesh.family[number]),
            material=int(flesh.material[number]),
            nail=nails[nail] if nail >= 0 else None,
            melt=float(flesh.melt[number] * view.pixels_per_cm),
        )
        patch = _cone_patch(cone, size)
        if patch is not None:
            _merge(surface, cone, patch)
            _mark(surface, cone, patch)
    return surface


@dataclass(frozen=True)
class _Cone:
    """A round cone in the picture: pixels, y downwards, depth towards the camera."""

    start: np.ndarray
    end: np.ndarray
    start_radius: float
    end_radius: float
    family: int
    material: int
    nail: np.ndarray | None
    melt: float

    @property
    def length(self) -> float:
        return max(float(np.linalg.norm(self.end - self.start)), 1.0)

    def window(self, size: int) -> tuple[int, int, int, int]:
        """Left, right, top and bottom of the pixels that it may cover."""
        low = np.minimum(self.start[:2] - self.start_radius, self.end[:2] - self.end_radius)
        high = np.maximum(self.start[:2] + self.start_radius, self.end[:2] + self.end_radius)
        left, top = np.clip(low, 0, size).astype(int).tolist()
        right, bottom = np.clip(high + 2, 0, size).astype(int).tolist()
        return left, right, top, bottom


@dataclass(frozen=True)
class _Patch:
    """The pixels that one cone covers, all (pixels,) but `normal` (3, pixels)."""

    rows: np.ndarray
    columns: np.ndarray
    depth: np.ndarray
    normal: np.ndarray
    along: np.ndarray  # from the cone's start, in pixels; may lie before it or beyond the end
    radius: np.ndarray


def _cone_patch(cone: _Cone, size: int) -> _Patch | None:
    """Works out one round cone, the union of all balls between two; None where nothing of it is in the picture.

    A ball at share t of the way has centre c(t) and radius r(t); a pixel p sees depth c_z(t) + √q(t) with
    q(t) = r(t)² - |p - c_xy(t)|² = A t² + B t + C. As A < 0, depth is concave in t, and its maximum, where
    q' = -2 Δz √q, lies at t = (-Δz √(D / (Δz² - A)) - B) / 2A with D = B² - 4AC; outside 0..1 the nearer end counts.
    """
    left, right, top, bottom = cone.window(size)
    if left >= right or top >= bottom:
        return None
    dx, dy, dz = (float(value) for value in cone.end - cone.start)
    dr = cone.end_radius - cone.start_radius
    # Seen end on, one ball hides the other and A is positive; the small negative value then picks an end.
    a = min(dr * dr - dx * dx - dy * dy, -1e-2)
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(cone.start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(cone.start[1])
    b = 2 * (cone.start_radius * dr + x * dx + y * dy)
    c = cone.start_radius**2 - x * x - y * y
    discriminant = np.maximum(b * b - 4 * a * c, 0)
    free = (-dz / np.sqrt(dz * dz - a) * np.sqrt(discriminant) - b) / (2 * a)
    t = np.clip(free, 0, 1)
    q = (a * t + b) * t + c
    rows, columns = np.nonzero(q > 0)
    if not len(rows):
        return None
    t, free, height = t[rows, columns], free[rows, columns], np.sqrt(q[rows, columns])
    radius = cone.start_radius + t * dr
    depth = np.float32(cone.start[2]) + t * np.float32(dz) + height
    normal = np.stack([(x[0, columns] - t * dx) / radius, -(y[rows, 0] - t * dy) / radius, height / radius])
    return _Patch(rows + top, columns + left, depth, normal, free * cone.length, radius)


def _merge(surface: Surface, cone: _Cone, patch: _Patch) -> None:
    """Keeps the nearer surface; where the two belong together, a smooth maximum rounds off the seam."""
    at = (patch.rows, patch.columns)
    old, old_family = surface.depth[at], surface.family[at]
    related = (old_family == cone.family) | (old_family == 0)
    soft = np.clip(0.5 + 0.5 * (patch.depth - old) / cone.melt, 0, 1)
    share = np.where(related, soft, patch.depth > old).astype(np.float32)
    bump = np.where(related, cone.melt * 0.5 * share * (1 - share), 0)
    safe_old = np.where(old > FAR / 2, old, patch.depth)
    surface.depth[at] = safe_old + share * (patch.depth - safe_old) + bump
    old_normal = surface.normal[:, patch.rows, patch.columns]
    surface.normal[:, patch.rows, patch.columns] = old_normal + share * (patch.normal - old_normal)
    wins = share > 0.5
    surface.family[patch.rows[wins], patch.columns[wins]] = cone.family
    surface.material[patch.rows[wins], patch.columns[wins]] = cone.material


def _mark(surface: Surface, cone: _Cone, patch: _Patch) -> None:
    """Notes folds at the ends of finger bones, and nails, where this cone is what the pixel shows."""
    seen = patch.depth >= surface.depth[patch.rows, patch.columns] - 0.75
    at = (patch.rows[seen], patch.columns[seen])
    surface.nail[at] = surface.fold[at] = 0
    if not 1 <= cone.family <= 5:
        return
    along, width = patch.along[seen], 0.10 * patch.radius[seen]
    fold = np.exp(-((along / width) ** 2))
    if cone.nail is None:
        fold = np.maximum(fold, np.exp(-(((cone.length - along) / width) ** 2)))
    else:
        facing = cone.nail @ patch.normal[:, seen]
        plate = np.clip((facing - 0.72) * 9, 0, 1) * np.clip((along / cone.length - 0.45) * 12, 0, 1)
        surface.nail[at] = plate
    surface.fold[at] = fold
