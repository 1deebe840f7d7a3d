"""PNGs with few colours: what the documentation shows must be small, and look the same."""

import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from signport.files import write_bytes


def write_small(picture: Figure | Image.Image, path: Path, *, dpi: int = 130, colours: int = 96) -> Path:
    """Writes a figure or picture as a PNG with a palette."""
    if isinstance(picture, Figure):
        memory = io.BytesIO()
        picture.savefig(memory, format="png", dpi=dpi)
        picture = Image.open(memory)
    small = io.BytesIO()
    picture.convert("RGB").quantize(colours).save(small, "PNG", optimize=True)
    write_bytes(path, small.getvalue())
    return path
