"""Augmentation of sequences, on the fly: another take of each clip in every epoch.

Recipes name it in `data.augmentation`; what each transform does is in `sequence_transforms`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from signport.datasets.augmentation import BatchAugment
from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.landmarks.topology import Topology

# Of a clip, in the order in which they are applied; `mixup` comes last and takes a whole batch.
CLIP_TRANSFORMS = ("time_warp", "noise", "rotation", "scaling", "masking", "temporal_shift")


@dataclass(frozen=True)
class SequenceAugmentation:
    """Seven transforms, each with its probability a sample and epoch, and its strength; all at 0 is off.

    Attributes:
        time_warp: Probability of a change of pace.
        time_warp_strength: Largest change, as a share: of the whole clip's length and of the pace at each moment.
        noise: Probability of jitter.
        noise_strength: Its standard deviation, in shoulder widths.
        rotation: Probability of a turn in the image plane, about the point between the shoulders.
        rotation_strength: Largest angle either way, in degrees.
        scaling: Probability of a stretch about that point.
        scaling_strength: Largest stretch of width and of height, each on its own: 0.2 gives 0.8 to 1.2.
        masking: Probability that something is hidden: a span of frames, a hand over a span, or some points.
        masking_strength: Longest span as a share of the clip, and the share of points.
        temporal_shift: Probability that the clip moves within its window.
        temporal_shift_strength: Longest way either way, as a share of the clip's length.
        mixup: Probability of a blend with another sample of the batch, targets included.
        mixup_strength: The α of Beta(α, α) that the shares of a blend are drawn from.
    """

    time_warp: float = 0.5
    time_warp_strength: float = 0.3
    noise: float = 0.6
    noise_strength: float = 0.02
    rotation: float = 0.5
    rotation_strength: float = 12.0
    scaling: float = 0.5
    scaling_strength: float = 0.15
    masking: float = 0.4
    masking_strength: float = 0.2
    temporal_shift: float = 0.3
    temporal_shift_strength: float = 0.1
    mixup: float = 0.2
    mixup_strength: float = 0.4

    def __post_init__(self) -> None:
        checks = [(name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in (*CLIP_TRANSFORMS, "mixup")]
        below_one = ("time_warp_strength", "scaling_strength", "temporal_shift_strength")
        checks += [(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1") for name in below_one]
        checks += [
            ("noise_strength", self.noise_strength >= 0, "at least 0"),
            ("rotation_strength", 0 <= self.rotation_strength <= 180, "0 to 180"),
            ("masking_strength", 0 <= self.masking_strength <= 1, "0 to 1"),
            ("mixup_strength", self.mixup_strength > 0, "above 0; to turn it off, set mixup to 0"),
        ]
        for name, holds, what in checks:
            if not holds:
                raise SignportError(f"data.augmentation.{name}: {getattr(self, name)}; it must be {what}")

    def variants(self, cache: LandmarkCache, seed: int) -> list[LandmarkCache]:  # noqa: ARG002
        """What an epoch goes over: the samples as they are, once."""
        return [cache]

    def on_the_fly(self, topology: Topology) -> BatchAugment | None:
        """What happens to each batch of clips of this layout; None if nothing does. Imports TensorFlow.

        The batch has one input, float32 (samples, frames, points, 3).
        """
        if not any(getattr(self, name) for name in (*CLIP_TRANSFORMS, "mixup")):
            return None
        import tensorflow as tf

        from signport.datasets import sequence_transforms as transforms

        body = transforms.Body.of(topology)

        def augment(
            inputs: dict[str, Any], targets: Any, weights: Any | None, seed: Any
        ) -> tuple[dict[str, Any], Any, Any | None]:
            ((input_name, clips),) = inputs.items()
            # Each has a seed of its own, whichever others are on.
            *seeds, mixup_seed = tf.unstack(tf.random.split(seed, len(CLIP_TRANSFORMS) + 1))
            for name, own_seed in zip(CLIP_TRANSFORMS, seeds, strict=True):
                if probability := getattr(self, name):
                    transform = partial(
                        getattr(transforms, name), strength=getattr(self, f"{name}_strength"), body=body
                    )
                    clips = transforms.some_of(clips, own_seed, probability, transform)
            if self.mixup:
                clips, targets, weights = transforms.mixup(
                    clips, targets, weights, mixup_seed, self.mixup, self.mixup_strength
                )
            return {input_name: clips}, targets, weights

        return augment
