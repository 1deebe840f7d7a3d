"""Draws a posed hand: round cones into a depth buffer, then light, contact shadows, skin and camera."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from signport.datasets.rendered.flesh import SKIN, SLEEVE, Arm, Flesh, clothe
from signport.datasets.rendered.skeleton import HandSkeleton

_FAR = np.float32(-1e6)


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
        turned = np.asarray(vectors) @ self.rotation.T
        return turned * [-1, 1, 1] if self.left else turned

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of points of the hand frame.

        Args:
            points: (n, 3) cm.

        Returns:
            (n, 3): x to the right, y downwards and depth towards the camera, all in pixels; and (n,) pixels per cm there.
        """
        camera = self.turned(np.asarray(points) - self.pivot)
        scale = self.pixels_per_cm * self.distance / np.maximum(self.distance - camera[:, 2], 5.0)
        x = self.center[0] + scale * camera[:, 0]
        y = self.center[1] - scale * camera[:, 1]
        return np.stack([x, y, self.pixels_per_cm * camera[:, 2]], axis=1), scale


@dataclass(frozen=True)
class Look:
    """Skin, clothes, light and camera. Colours are RGB, 0 to 255.

    Attributes:
        skin: Colour of the back of the hand in full light.
        palm: Colour of the palm.
        sleeve: Colour of the sleeve.
        light: (3,) direction towards the light, camera frame.
        light_color: RGB multiplier of the direct light.
        ambient: Share of light that comes from everywhere.
        gloss: Strength of the highlight.
        crease: How dark the joints' folds are, 0 to 1.
        shadow: Strength of cast and contact shadows, 0 to 1.
    """

    skin: tuple[float, float, float] = (224, 172, 140)
    palm: tuple[float, float, float] = (232, 178, 150)
    sleeve: tuple[float, float, float] = (70, 80, 110)
    light: tuple[float, float, float] = (-0.4, 0.6, 0.7)
    light_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ambient: float = 0.5
    gloss: float = 0.08
    crease: float = 0.12
    shadow: float = 0.6


@dataclass
class _Surface:
    """What each pixel of the drawing shows; all arrays are (size, size) float32 unless said."""

    depth: np.ndarray
    normal: np.ndarray  # (3, size, size), camera frame: x right, y up, z to the camera
    family: np.ndarray  # int8
    material: np.ndarray  # int8
    fold: np.ndarray  # closeness to a joint's fold, 0 to 1
    nail: np.ndarray  # 0 to 1

    def cropped(self, margin: int) -> tuple["_Surface", tuple[slice, slice]]:
        """The part around what is drawn, and where it lies: light and colour need not be worked out elsewhere."""
        covered = self.depth > _FAR / 2
        rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
        if not len(rows):
            return self, (slice(None), slice(None))
        window = (
            slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
            slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
        )
        part = _Surface(
            self.depth[window],
            self.normal[:, window[0], window[1]],
            self.family[window],
            self.material[window],
            self.fold[window],
            self.nail[window],
        )
        return part, window


def draw_hand(
    skeleton: HandSkeleton, view: HandView, look: Look, background: np.ndarray, arm: Arm | None = None
) -> np.ndarray:
    """Draws one hand over a background.

    Args:
        skeleton: The posed hand, from `skeleton.pose_hand`.
        view: The camera.
        look: Skin, sleeve and light.
        background: uint8 (size, size, 3) RGB; not changed.
        arm: The forearm; None for a straight bare one.

    Returns:
        uint8 (size, size, 3) RGB.
    """
    size = background.shape[0]
    flesh = clothe(skeleton) if arm is None else clothe(skeleton, arm)
    picture = background.copy()
    surface, window = _rasterize(flesh, skeleton, view, size).cropped(margin=3 + size // 64)
    covered = surface.depth > _FAR / 2
    if not covered.any():
        return picture
    color = _shade(surface, covered, view, look, size / 256)
    opacity = cv2.GaussianBlur(covered.astype(np.float32), (0, 0), 0.55 * size / 256 + 0.1)[..., None]
    # Colours are spread a little beyond the outline, so that its soft edge does not pick up the void behind it.
    color *= covered[..., None]
    color = np.where(covered[..., None], color, cv2.dilate(color, np.ones((3, 3), np.uint8)))
    behind = picture[window]
    picture[window] = np.clip(behind + opacity * (color - behind) + np.float32(0.5), 0, 255).astype(np.uint8)
    return picture


def _rasterize(flesh: Flesh, skeleton: HandSkeleton, view: HandView, size: int) -> _Surface:
    surface = _Surface(
        depth=np.full((size, size), _FAR, np.float32),
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
    for cone in range(len(starts)):
        number = flesh.nail[cone]
        _draw_cone(
            surface,
            starts[cone],
            ends[cone],
            float(start_radii[cone]),
            float(end_radii[cone]),
            int(flesh.family[cone]),
            int(flesh.material[cone]),
            nails[number] if number >= 0 else None,
            float(flesh.melt[cone] * view.pixels_per_cm),
        )
    return surface


def _draw_cone(
    surface: _Surface,
    start: np.ndarray,
    end: np.ndarray,
    start_radius: float,
    end_radius: float,
    family: int,
    material: int,
    nail: np.ndarray | None,
    melt: float,
) -> None:
    """Adds one round cone: the union of all balls between two.

    A ball at share t of the way has centre c(t) and radius r(t); a pixel p sees depth c_z(t) + √q(t) with
    q(t) = r(t)² - |p - c_xy(t)|² = A t² + B t + C. As A < 0, depth is concave in t, and its maximum, where
    q' = -2 Δz √q, lies at t = (-Δz √(D / (Δz² - A)) - B) / 2A with D = B² - 4AC; outside 0..1 the nearer end counts.
    """
    size = surface.depth.shape[0]
    left = max(int(min(start[0] - start_radius, end[0] - end_radius)), 0)
    right = min(int(max(start[0] + start_radius, end[0] + end_radius)) + 2, size)
    top = max(int(min(start[1] - start_radius, end[1] - end_radius)), 0)
    bottom = min(int(max(start[1] + start_radius, end[1] + end_radius)) + 2, size)
    if left >= right or top >= bottom:
        return
    dx, dy, dz = (float(value) for value in end - start)
    dr = end_radius - start_radius
    a = min(dr * dr - dx * dx - dy * dy, -1e-2)
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(start[1])
    b = 2 * (start_radius * dr + x * dx + y * dy)
    c = start_radius * start_radius - x * x - y * y
    discriminant = np.maximum(b * b - 4 * a * c, 0)
    free = (-dz / np.sqrt(dz * dz - a) * np.sqrt(discriminant) - b) / (2 * a)
    t = np.clip(free, 0, 1)
    q = (a * t + b) * t + c
    rows, columns = np.nonzero(q > 0)
    if not len(rows):
        return
    t, q, free = t[rows, columns], q[rows, columns], free[rows, columns]
    height = np.sqrt(q)
    radius = start_radius + t * dr
    depth = np.float32(start[2]) + t * np.float32(dz) + height
    normal = np.stack([(x[0, columns] - t * dx) / radius, -(y[rows, 0] - t * dy) / radius, height / radius])
    _merge(surface, rows + top, columns + left, depth, normal, family, material, melt)
    length = max(np.hypot(np.hypot(dx, dy), dz), 1.0)
    _mark(surface, rows + top, columns + left, depth, normal, free * length, length, family, nail, radius)


def _merge(
    surface: _Surface,
    rows: np.ndarray,
    columns: np.ndarray,
    depth: np.ndarray,
    normal: np.ndarray,
    family: int,
    material: int,
    melt: float,
) -> None:
    """Keeps the nearer surface; where the two belong together, a smooth maximum rounds off the seam."""
    old = surface.depth[rows, columns]
    old_family = surface.family[rows, columns]
    related = (old_family == family) | (old_family == 0)
    share = np.clip(0.5 + 0.5 * (depth - old) / melt, 0, 1) if melt else (depth > old).astype(np.float32)
    share = np.where(related, share, depth > old).astype(np.float32)
    bump = np.where(related, melt * 0.5 * share * (1 - share), 0)
    safe_old = np.where(old > _FAR / 2, old, depth)
    surface.depth[rows, columns] = safe_old + share * (depth - safe_old) + bump
    old_normal = surface.normal[:, rows, columns]
    surface.normal[:, rows, columns] = old_normal + share * (normal - old_normal)
    wins = share > 0.5
    surface.family[rows[wins], columns[wins]] = family
    surface.material[rows[wins], columns[wins]] = material


def _mark(
    surface: _Surface,
    rows: np.ndarray,
    columns: np.ndarray,
    depth: np.ndarray,
    normal: np.ndarray,
    along: np.ndarray,
    length: float,
    family: int,
    nail: np.ndarray | None,
    radius: np.ndarray,
) -> None:
    """Notes folds at the ends of finger bones, and nails, where this cone is what the pixel shows."""
    seen = depth >= surface.depth[rows, columns] - 0.75
    if not 1 <= family <= 5:
        surface.nail[rows[seen], columns[seen]] = 0
        surface.fold[rows[seen], columns[seen]] = 0
        return
    width = 0.10 * radius
    fold = np.exp(-((along / width) ** 2))
    if nail is None:
        fold = np.maximum(fold, np.exp(-(((length - along) / width) ** 2)))
        surface.nail[rows[seen], columns[seen]] = 0
    else:
        facing = normal[0] * nail[0] + normal[1] * nail[1] + normal[2] * nail[2]
        plate = np.clip((facing - 0.72) * 9, 0, 1) * np.clip((along / length - 0.45) * 12, 0, 1)
        surface.nail[rows[seen], columns[seen]] = plate[seen]
    surface.fold[rows[seen], columns[seen]] = fold[seen]


def _shade(surface: _Surface, covered: np.ndarray, view: HandView, look: Look, unit: float) -> np.ndarray:
    """float32 (rows, columns, 3) RGB of the lit surface; `unit` is the size of a picture pixel at 256."""
    normal = np.stack([cv2.GaussianBlur(axis, (0, 0), 0.8 * unit) for axis in surface.normal])
    normal /= np.maximum(np.sqrt((normal**2).sum(axis=0)), 1e-3)
    light = np.asarray(look.light, np.float32) / np.float32(np.linalg.norm(look.light))
    toward = normal[0] * light[0] + normal[1] * light[1] + normal[2] * light[2]
    occlusion, cast = _shadows(surface.depth, covered, light, view.pixels_per_cm)
    # Light that wraps a little around the terminator: skin scatters it.
    direct = np.clip((toward + 0.25) / 1.25, 0, 1) * (1 - look.shadow * cast)
    sky = 0.8 + 0.2 * normal[1]
    albedo = _albedo(surface, normal, view, look)
    level = look.ambient * sky[..., None] + (1.08 - look.ambient) * direct[..., None] * np.array(
        look.light_color, np.float32
    )
    level = level * (1 - look.shadow * occlusion)[..., None] ** np.array([0.85, 1.0, 1.08], np.float32)
    halfway = light + np.array([0, 0, 1], np.float32)
    halfway /= np.linalg.norm(halfway)
    shine = np.clip(normal[0] * halfway[0] + normal[1] * halfway[1] + normal[2] * halfway[2], 0, 1)
    shine = shine**12
    shine *= look.gloss * (1 + 2.5 * surface.nail) * (surface.material == SKIN) * (1 - cast)
    return (albedo * level + 255 * shine[..., None]).astype(np.float32)


def _albedo(surface: _Surface, normal: np.ndarray, view: HandView, look: Look) -> np.ndarray:
    """Colour before light: palm or back by which way the surface faces in the hand frame, folds, nails, sleeve."""
    out_of_palm = view.turned(np.array([[0.0, 0.0, 1.0]]))[0].astype(np.float32)
    palmar = normal[0] * out_of_palm[0] + normal[1] * out_of_palm[1] + normal[2] * out_of_palm[2]
    share = np.clip(0.5 + 0.8 * palmar, 0, 1)[..., None]
    skin, palm, sleeve = (np.array(color, np.float32) for color in (look.skin, look.palm, look.sleeve))
    color = skin + share * (palm - skin)
    color = color * (1 - look.crease * surface.fold[..., None] * np.array([0.8, 1.1, 1.1], np.float32))
    nail = 0.6 * skin + 0.4 * np.array([240, 205, 195], np.float32)
    color = color + 0.7 * surface.nail[..., None] * (nail - color)
    return np.where((surface.material == SLEEVE)[..., None], sleeve, color)


def _shadows(
    depth: np.ndarray, covered: np.ndarray, light: np.ndarray, pixels_per_cm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ambient occlusion and cast shadow, each 0 (none) to 1."""
    filled = np.where(covered, depth, depth[covered].min())
    near = cv2.GaussianBlur(filled, (0, 0), 0.9 * pixels_per_cm)
    occlusion = np.clip((near - depth) / (1.6 * pixels_per_cm), 0, 1)
    flat = max(float(np.hypot(light[0], light[1])), 1e-3)
    cast = np.zeros_like(depth)
    for step in (0.35, 0.7, 1.1, 1.6, 2.2):
        reach = step * pixels_per_cm
        shift = np.float32([[1, 0, -light[0] / flat * reach], [0, 1, light[1] / flat * reach]])
        moved = cv2.warpAffine(
            depth, shift, depth.shape[::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1e6
        )
        rise = (moved - depth) / pixels_per_cm - step * light[2] / flat
        cast = np.maximum(cast, np.clip((rise - 0.15) * 2.5, 0, 1))
    return occlusion, cv2.GaussianBlur(cast.astype(np.float32), (0, 0), 0.18 * pixels_per_cm)
