"""What clips are put through in training: small pure functions of TensorFlow, for the inside of a `tf.data` pipeline.

Clips are float32 (samples, frames, points, 3): x and y in image widths and heights, which are taken for equal here, z
in image widths; NaN where a point is missing; a clip that is shorter than its window ends in missing frames. A seed is
int64 (2,), and decides all that is random; each clip gets its own numbers from it. `strength` 0 changes nothing.
`Body` says where the points lie that a function needs to know by name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from signport.landmarks.topology import Topology

_NAN = float("nan")
# Waves of a time warp: a slow beginning with a fast end, and slow ends with a fast middle (or each the other way).
_WAVES = (1.0, 2.0)


@dataclass(frozen=True)
class Body:
    """Points that transforms know by name.

    Attributes:
        shoulders: Indices of the left and the right shoulder; empty if the layout has none.
        hands: Indices of each hand's points; empty if the layout has none.
    """

    shoulders: tuple[int, ...]
    hands: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, topology: Topology) -> "Body":
        """Those of a layout."""
        shoulders = [topology.index.get(f"pose.{side}_shoulder") for side in ("left", "right")]
        hands = [range(topology.num_points)[topology.part(f"{side}_hand")] for side in ("left", "right")]
        return cls(
            () if None in shoulders else tuple(index for index in shoulders if index is not None),
            tuple(tuple(hand) for hand in hands if hand),
        )


def time_warp(clips: Any, seed: Any, strength: float, body: Body) -> Any:  # noqa: ARG001
    """Plays each clip faster or slower, as a whole and in parts of it, in its own order.

    Each frame becomes the nearest one of the original. The first and the last frame stay the ends; what would grow
    beyond the window is played just fast enough to fit.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Largest change of pace, below 1: at .3 a clip takes .7 to 1.3 times as long, and each moment in it is
            .7 to 1.3 times as fast as the clip on average.
        body: Not needed.
    """
    count, frames = tf.shape(clips)[0], tf.shape(clips)[1]
    lengths = clip_lengths(clips)
    stretch, *bends = _draws(seed, count, 1 + len(_WAVES), -strength, strength)
    warped = tf.cast(tf.round(tf.cast(lengths, tf.float32) * (1 + stretch)), tf.int32)
    warped = tf.clip_by_value(warped, tf.minimum(lengths, 1), frames)
    numbers = tf.range(frames)[None]
    time = tf.cast(numbers, tf.float32) / tf.cast(tf.maximum(warped - 1, 1), tf.float32)[:, None]
    moved = time
    for bend, wave in zip(bends, _WAVES, strict=True):
        # The slope of the sum is 1 + bends * cos, and bends stay below 1 together: time never runs backwards.
        moved += bend[:, None] / len(_WAVES) * tf.sin(math.pi * wave * time) / (math.pi * wave)
    source = tf.cast(tf.round(moved * tf.cast(lengths - 1, tf.float32)[:, None]), tf.int32)
    return _frames_at(clips, tf.where(numbers < warped[:, None], source, -1))


def noise(clips: Any, seed: Any, strength: float, body: Body) -> Any:
    """Jitters every coordinate of every point by itself, as a detector does.

    The distribution is uniform: a model hardly sees the difference, and a normal one takes three times as long to draw.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Standard deviation, in shoulder widths.
        body: Where the shoulders are.
    """
    _, sizes = _middles_and_sizes(clips, body)
    widths = sizes * (strength * math.sqrt(3))
    return clips + tf.random.stateless_uniform(tf.shape(clips), seed, -1, 1) * widths[:, None, None, None]


def rotation(clips: Any, seed: Any, strength: float, body: Body) -> Any:
    """Turns each clip about the body's middle in the image plane, as a tilted camera would.

    Only there: a turn about another axis needs one depth for all points, and MediaPipe counts that of a hand from its
    wrist and that of the body from its hips.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Largest angle either way, in degrees.
        body: Where the shoulders are.
    """
    middles, _ = _middles_and_sizes(clips, body)
    (angles,) = _draws(seed, tf.shape(clips)[0], 1, -math.radians(strength), math.radians(strength))
    cosine, sine = (values[:, None, None] for values in (tf.cos(angles), tf.sin(angles)))
    middle_x, middle_y = (values[:, None, None] for values in tf.unstack(middles, axis=-1))
    x, y, z = tf.unstack(_axes_first(clips), axis=1)
    turned_x = cosine * x - sine * y + (middle_x - cosine * middle_x + sine * middle_y)
    turned_y = sine * x + cosine * y + (middle_y - sine * middle_x - cosine * middle_y)
    return _axes_last(tf.stack([turned_x, turned_y, z], axis=1))


def scaling(clips: Any, seed: Any, strength: float, body: Body) -> Any:
    """Stretches each clip about the body's middle: width (with depth) and height each by its own factor.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Largest stretch, below 1: .2 gives factors of .8 to 1.2.
        body: Where the shoulders are.
    """
    middles, _ = _middles_and_sizes(clips, body)
    width, height = _draws(seed, tf.shape(clips)[0], 2, 1 - strength, 1 + strength)
    factors = tf.stack([width, height, width], axis=-1)
    pivots = tf.pad(middles, [[0, 0], [0, 1]])
    offsets = pivots - pivots * factors
    return _axes_last(_axes_first(clips) * factors[:, :, None, None] + offsets[:, :, None, None])


def masking(clips: Any, seed: Any, strength: float, body: Body) -> Any:
    """Hides what a detector may lose: a span of frames, one hand over a span of frames, or some points throughout.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Longest span as a share of the clip, and the share of points, 0 to 1.
        body: Where the hands are.
    """
    count, frames, points = tf.shape(clips)[0], tf.shape(clips)[1], clips.shape[2]
    lengths = clip_lengths(clips)
    numbers, points_seed = tf.unstack(tf.random.split(seed, 2))
    which, extent, position = _draws(numbers, count, 3)
    spans = tf.cast(tf.round(extent * strength * tf.cast(lengths, tf.float32)), tf.int32)
    starts = tf.cast(position * tf.cast(lengths - spans + 1, tf.float32), tf.int32)[:, None]
    within = (tf.range(frames) >= starts) & (tf.range(frames) < starts + spans[:, None])

    # Each clip loses one of: all points, one of the hands, some points; the last in all frames, others within the span.
    whole = [[True] * points, *([index in hand for index in range(points)] for hand in body.hands)]
    choices = tf.minimum(tf.cast(which * (len(whole) + 1), tf.int32), len(whole))
    are_points = (choices == len(whole))[:, None]
    some = tf.random.stateless_uniform([count, points], points_seed) < strength
    hidden = tf.where(are_points, some, tf.gather(tf.constant(whole), tf.minimum(choices, len(whole) - 1)))
    hidden = (are_points | within)[:, :, None] & hidden[:, None]
    return _without(clips, hidden)


def temporal_shift(clips: Any, seed: Any, strength: float, body: Body) -> Any:  # noqa: ARG001
    """Moves each clip within its window: it begins later, behind missing frames, or its beginning is cut off.

    Args:
        clips: float32 (samples, frames, points, 3).
        seed: int64 (2,).
        strength: Longest way either way, as a share of the clip's own length, below 1.
        body: Not needed.
    """
    (shares,) = _draws(seed, tf.shape(clips)[0], 1, -strength, strength)
    shifts = tf.cast(tf.round(shares * tf.cast(clip_lengths(clips), tf.float32)), tf.int32)
    return _frames_at(clips, tf.range(tf.shape(clips)[1]) - shifts[:, None])


def mixup(
    clips: Any, targets: Any, weights: Any | None, seed: Any, probability: float, strength: float
) -> tuple[Any, Any, Any | None]:
    """Blends samples with their neighbours in the batch (Zhang et al. 2018, eq. 1), with their targets and weights.

    A point that one of the two clips lacks is taken from the other; one that both lack stays missing. The larger share
    is always the sample's own, which keeps each sample in its place and is the same distribution of pairs.

    Args:
        clips: float32 (samples, frames, points, 3).
        targets: float32 (samples, outputs).
        weights: float32 (samples,), or None.
        seed: int64 (2,).
        probability: Of each sample, to be blended.
        strength: The α of Beta(α, α), which shares are drawn from: near 0 hardly blends, 1 makes all shares alike.

    Returns:
        Clips, targets and weights, of the same shapes.
    """
    first, second, choices = tf.unstack(tf.random.split(seed, 3))
    rows = chosen_rows(tf.shape(clips)[0], choices, probability)
    neighbours = tf.math.floormod(rows + 1, tf.shape(clips)[0])
    draws = [tf.random.stateless_gamma(tf.shape(rows), one, strength) for one in (first, second)]
    shares = tf.math.divide_no_nan(tf.maximum(draws[0], draws[1]), draws[0] + draws[1])
    # Two draws of a small α can both be 0 in float32; there is nothing to blend then.
    shares = tf.where(shares > 0, shares, 1.0)

    def blend(values: Any) -> Any:
        mine, other = tf.gather(values, rows), tf.gather(values, neighbours)
        share = tf.reshape(shares, (-1, *[1] * (len(values.shape) - 1)))
        mixed = share * mine + (1 - share) * other
        mixed = tf.where(tf.math.is_nan(mixed), tf.where(tf.math.is_nan(mine), other, mine), mixed)
        return tf.tensor_scatter_nd_update(values, rows[:, None], mixed)

    return blend(clips), blend(targets), None if weights is None else blend(weights)


def some_of(clips: Any, seed: Any, probability: float, transform: Callable[[Any, Any], Any]) -> Any:
    """Puts each clip through `transform` (clips, seed → clips) with a probability; the others stay to the bit."""
    choices, own = tf.unstack(tf.random.split(seed, 2))
    rows = chosen_rows(tf.shape(clips)[0], choices, probability)
    return tf.tensor_scatter_nd_update(clips, rows[:, None], transform(tf.gather(clips, rows), own))


def chosen_rows(count: Any, seed: Any, probability: float) -> Any:
    """Row numbers below `count`, each in it with a probability; int32, ascending."""
    drawn = tf.random.stateless_uniform([count], seed) < probability
    return tf.boolean_mask(tf.range(count), drawn)


def clip_lengths(clips: Any) -> Any:
    """Frames of each clip up to the last one with a point in it, int32 (samples,)."""
    found = tf.reduce_any(tf.math.is_finite(clips[..., 0]), axis=2)
    return tf.reduce_max(tf.where(found, tf.range(1, tf.shape(clips)[1] + 1), 0), axis=1)


def _draws(seed: Any, count: Any, kinds: int, low: float = 0.0, high: float = 1.0) -> list[Any]:
    """`kinds` of uniform numbers, each float32 (count,)."""
    return list(tf.unstack(tf.random.stateless_uniform([kinds, count], seed, low, high)))


# The two orders below, because a number a clip and axis is quickly spread over all frames and points only if the axis
# comes before them: together it is half the time.
def _axes_first(clips: Any) -> Any:
    return tf.transpose(clips, (0, 3, 1, 2))


def _axes_last(planes: Any) -> Any:
    return tf.transpose(planes, (0, 2, 3, 1))


def _without(clips: Any, hidden: Any) -> Any:
    """Clips whose points are missing where `hidden`, bool (samples, frames, points or 1)."""
    # To add NaN takes a quarter of the time of `tf.where`, which is slow at spreading a condition.
    return clips + tf.where(hidden, _NAN, 0.0)[..., None]


def _frames_at(clips: Any, source: Any) -> Any:
    """The frames of each clip at `source`, int32 (samples, frames); missing ones where that lies outside."""
    frames = tf.shape(clips)[1]
    inside = (source >= 0) & (source < frames)
    picked = tf.gather(clips, tf.clip_by_value(source, 0, frames - 1), batch_dims=1)
    return _without(picked, ~inside[:, :, None])


def _middles_and_sizes(clips: Any, body: Body) -> tuple[Any, Any]:
    """Point between the shoulders, float32 (samples, 2), and their distance, float32 (samples,), over each clip's mean.

    Where no frame shows both shoulders: the mean of all points, and twice their spread.
    """
    if not body.shoulders:
        return _means_and_spreads(clips)
    left, right = (clips[:, :, index, :2] for index in body.shoulders)
    seen = tf.reduce_all(tf.math.is_finite(left + right), axis=2)
    frames = tf.reduce_sum(tf.cast(seen, tf.float32), axis=1)

    def mean(values: Any) -> Any:
        seen_values = tf.where(seen[:, :, None], values, 0.0)
        return tf.math.divide_no_nan(tf.reduce_sum(seen_values, axis=1), frames[:, None])

    middles, sizes = mean((left + right) / 2), mean(tf.norm(left - right, axis=2, keepdims=True))[:, 0]

    def elsewhere() -> tuple[Any, Any]:
        means, spreads = _means_and_spreads(clips)
        return tf.where(frames[:, None] > 0, middles, means), tf.where(frames > 0, sizes, spreads)

    found: tuple[Any, Any] = tf.cond(tf.reduce_all(frames > 0), lambda: (middles, sizes), elsewhere)
    return found


def _means_and_spreads(clips: Any) -> tuple[Any, Any]:
    plane = clips[..., :2]
    found = tf.math.is_finite(plane)
    count = tf.maximum(tf.reduce_sum(tf.cast(found, tf.float32), axis=[1, 2]), 1)
    means = tf.reduce_sum(tf.where(found, plane, 0.0), axis=[1, 2]) / count
    offsets = tf.where(found, plane - means[:, None, None], 0.0)
    return means, 2 * tf.sqrt(tf.reduce_sum(offsets**2, axis=[1, 2, 3]) / count[:, 0])
