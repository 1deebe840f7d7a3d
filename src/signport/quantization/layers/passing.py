"""Layers that need no quantizer: preprocessing and softmax stay in float, dropout goes, ReLU is fused."""

from typing import Any

import keras

from signport.errors import SignportError
from signport.models.preprocessing import Preprocessing
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.layers.add import FakeQuantAdd
from signport.quantization.layers.affine import FakeQuantAffine
from signport.quantization.layers.conv import FakeQuantConv2D
from signport.quantization.layers.dense import FakeQuantDense
from signport.quantization.layers.depthwise import FakeQuantDepthwise

_Fusing = (FakeQuantDense, FakeQuantConv2D, FakeQuantDepthwise, FakeQuantAffine, FakeQuantAdd)


@rewrites(
    Preprocessing,
    keras.layers.Reshape,
    # In float, behind a dequantization: an int8 softmax cuts XNNPACK's graph and knows 256 probabilities only.
    keras.layers.Softmax,
)
def _in_float(rewriter: Rewriter, layer: keras.layers.Layer, x: Any) -> Any:
    copy = type(layer).from_config(layer.get_config())
    y = rewriter.add(copy, x, quantized=False)
    copy.set_weights(layer.get_weights())
    return y


@rewrites(keras.layers.Concatenate)
def _concatenate(rewriter: Rewriter, layer: keras.layers.Concatenate, x: Any) -> Any:
    if any(rewriter.is_quantized(tensor) for tensor in x):
        raise SignportError(f"layer {layer.name!r}: concatenation is quantizable among preprocessed inputs only")
    return _in_float(rewriter, layer, x)


@rewrites(keras.layers.Dropout)
def _dropout(rewriter: Rewriter, _layer: keras.layers.Dropout, x: Any) -> Any:
    return rewriter.passes(x)


@rewrites(keras.layers.ReLU)
def _relu(rewriter: Rewriter, layer: keras.layers.ReLU, x: Any) -> Any:
    fusing = next((found for kind in _Fusing if (found := rewriter.foldable(x, kind)) is not None), None)
    if fusing is None:
        raise SignportError(
            f"layer {layer.name!r}: a ReLU must be the only user of a Dense, convolution, BatchNormalization or Add"
        )
    fusing.relu = True
    return x
