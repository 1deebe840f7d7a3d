"""`render_signs`: a landmark cache of made-up signs, performed by made-up signers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signport.datasets.signing.body import body_points
from signport.datasets.signing.camera import IMAGE_SIZE, make_camera
from signport.datasets.signing.detector import detect
from signport.datasets.signing.lexicon import MAX_SIGNS, Sign, make_signs
from signport.datasets.signing.motion import perform
from signport.datasets.signing.signers import Signer, make_signer
from signport.errors import SignportError
from signport.landmarks.topology import ISL_136, TOPOLOGIES, Topology, topology_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from signport.datasets.cache import LandmarkCache
    from signport.datasets.sample import Sample

# Raise it when the same arguments begin to give other landmarks, so that old and new caches tell themselves apart.
EXTRACTOR, VERSION = "kinematic signers", "1"
_FRAME_RATES = (5.0, 120.0)
_PREVIEWED = 4


def render_signs(
    output: str | Path,
    *,
    classes: int = 20,
    signers: int = 12,
    takes: int = 4,
    seed: int = 0,
    topology: str = "isl_136",
    frame_rate: float = 25.0,
    preview: str | Path | None = None,
) -> "LandmarkCache":
    """Makes a landmark cache of signs that nobody has to record: sequences of an articulated body.

    Every signer performs every sign. A clip depends on seed, frame rate and its own sign, signer and take alone, so
    more classes, signers or takes only add clips; the same arguments give the same bytes.

    Args:
        output: The cache, `.parquet`.
        classes: How many signs; they come in minimal pairs (see `lexicon`).
        signers: How many signers; each is a group of the cache.
        takes: How often each signer performs each sign.
        seed: Of everything random.
        topology: Body layout, any whose points `isl_136` holds.
        frame_rate: Frames a second.
        preview: A `.gif` or `.mp4` to draw the first few signs into, side by side.

    Returns:
        The cache: sample ids `sign_00/signer_00/take_0`, groups `signer_00`. Its header's extractor says under `signs`
        what each sign is made of.

    Raises:
        SignportError: A bad argument, or a file that cannot be written.

    Examples:
        >>> cache = sp.render_signs("signs.parquet", classes=2, signers=1, takes=1)
        >>> cache.sample_ids
        ['sign_00/signer_00/take_0', 'sign_01/signer_00/take_0']
    """
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.cache_header import CacheHeader
    from signport.datasets.cache_store import check_cache_path
    from signport.progress import track

    output = Path(output)
    _check(classes, signers, takes, seed, frame_rate)
    layout = _layout(topology)
    check_cache_path(output)
    if preview is not None:
        from signport.datasets.signing.preview import check_preview_path

        check_preview_path(Path(preview))
    options = {"classes": classes, "signers": signers, "takes": takes, "seed": seed, "frame_rate": frame_rate}
    signs = make_signs(classes, seed)
    extractor: dict[str, Any] = {
        "name": EXTRACTOR,
        "version": VERSION,
        "options": options,
        "signs": {sign.name: sign.description for sign in signs},
    }
    samples = _samples(signs, signers, takes, seed, frame_rate, layout)
    header = CacheHeader(layout.name, tuple(sign.name for sign in signs), extractor)
    total = classes * signers * takes
    cache = LandmarkCache.from_samples(list(track(samples, "render signs", total, unit="clips")), header).write(output)
    if preview is not None:
        from signport.datasets.signing.preview import draw_preview

        draw_preview(cache, preview, [f"{sign.name}/signer_00/take_0" for sign in signs[:_PREVIEWED]])
    return cache


def make_clip(sign: Sign, signer: Signer, seed: int, signer_number: int, take: int, frame_rate: float) -> np.ndarray:
    """One clip of one signer, as a detector would tell it: float32 (frames, 136, 3) of `ISL_136`, NaN where missing."""
    number = int(sign.name.removeprefix("sign_"))
    rng = np.random.default_rng([seed, 4, number, signer_number, take])
    points = body_points(perform(sign, signer, rng, frame_rate), signer, rng)
    camera = make_camera(seed, signer_number).moved(rng)
    return detect(camera.landmarks(points), rng, frame_rate).astype(np.float32)


def _samples(
    signs: tuple[Sign, ...], signers: int, takes: int, seed: int, frame_rate: float, layout: Topology
) -> "Iterator[Sample]":
    from signport.datasets.sample import Sample

    columns = layout.indices_in(ISL_136)
    people = [make_signer(seed, number) for number in range(signers)]
    for sign in signs:
        for number, signer in enumerate(people):
            for take in range(takes):
                yield Sample(
                    sample_id=f"{sign.name}/{signer.name}/take_{take}",
                    label=sign.name,
                    landmarks=make_clip(sign, signer, seed, number, take, frame_rate)[:, columns],
                    group=signer.name,
                    source=f"seed {seed}",
                    image_size=IMAGE_SIZE,
                    frame_rate=frame_rate,
                )


def _check(classes: int, signers: int, takes: int, seed: int, frame_rate: float) -> None:
    if not 2 <= classes <= MAX_SIGNS:
        raise SignportError(f"classes is {classes}; give 2 to {MAX_SIGNS}")
    for name, value, least in (("signers", signers, 1), ("takes", takes, 1), ("seed", seed, 0)):
        if value < least:
            raise SignportError(f"{name} is {value}; give {least} or more")
    if not _FRAME_RATES[0] <= frame_rate <= _FRAME_RATES[1]:
        raise SignportError(f"frame_rate is {frame_rate}; give {_FRAME_RATES[0]:g} to {_FRAME_RATES[1]:g} frames/s")


def _layout(name: str) -> Topology:
    layout = topology_named(name)
    if -1 in layout.indices_in(ISL_136):
        able = ", ".join(other.name for other in TOPOLOGIES.values() if -1 not in other.indices_in(ISL_136))
        raise SignportError(f"topology {name!r} has points that the made-up signers lack; choose one of: {able}")
    return layout
