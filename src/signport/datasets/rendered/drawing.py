"""Draws a posed hand: round cones into a depth buffer, then light, contact shadows, skin and camera."""

from dataclasses import dataclass

import cv2
import numpy as np

from signport.datasets.rendered.flesh import SKIN, SLEEVE, Arm, clothe
from signport.datasets.rendered.raster import FAR, HandView, Surface, rasterize
from signport.datasets.rendered.skeleton import HandSkeleton


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
    surface, window = rasterize(flesh, skeleton, view, size).cropped(margin=3 + size // 64)
    covered = surface.depth > FAR / 2
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


def _shade(surface: Surface, covered: np.ndarray, view: HandView, look: Look, unit: float) -> np.ndarray:
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
    return np.asarray(albedo * level + 255 * shine[..., None], np.float32)


def _albedo(surface: Surface, normal: np.ndarray, view: HandView, look: Look) -> np.ndarray:
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
        shift = np.array([[1, 0, -light[0] / flat * reach], [0, 1, light[1] / flat * reach]], np.float32)
        moved = cv2.warpAffine(
            depth,
            shift,
            depth.shape[::-1],
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=float(FAR),
        )
        rise = (moved - depth) / pixels_per_cm - step * light[2] / flat
        cast = np.maximum(cast, np.clip((rise - 0.15) * 2.5, 0, 1))
    return occlusion, cv2.GaussianBlur(cast.astype(np.float32), (0, 0), 0.18 * pixels_per_cm)
