"""Frames that are not there, set to 0 by the layer that computes them."""

from typing import Any

from signport.errors import SignportError
from signport.models.sequence import MaskFrames
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.layers.conv import FakeQuantConv2D
from signport.quantization.layers.dense import FakeQuantDense


@rewrites(MaskFrames)
def _mask_frames(rewriter: Rewriter, layer: MaskFrames, values_and_mask: Any) -> Any:
    values, mask = values_and_mask
    kinds = (FakeQuantConv2D, FakeQuantDense)
    maker = next((found for kind in kinds if (found := rewriter.foldable(values, kind)) is not None), None)
    if maker is None or maker.masked:
        raise SignportError(
            f"layer {layer.name!r}: frames are masked right behind a Conv2D or Dense, its normalization and ReLU"
        )
    masked = type(maker).from_config({**maker.get_config(), "masked": True})
    _, inputs = rewriter.maker(values)
    y = rewriter.add(masked, [*inputs, mask])
    masked.set_weights(maker.get_weights())
    return y
