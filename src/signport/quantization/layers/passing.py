"""Layers that need no quantizer: preprocessing in float, dropout that goes, ReLU that is fused, softmax that stays."""

from typing import Any

import keras

from signport.errors import SignportError
from signport.models.preprocessing import Preprocessing
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.layers.add import FakeQuantAdd
from signport.quantization.layers.affine import FakeQuantAffine
from signport.quantization.layers.dense import FakeQuantDense

_Fusing = (FakeQuantDense, FakeQuantAffine, FakeQuantAdd)


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    return type(layer).from_config(layer.get_config())


@rewrites(Preprocessing)
def _preprocessing(rewriter: Rewriter, layer: Preprocessing, x: Any) -> Any:
    return rewriter.add(_copy(layer), x, quantized=False)


@rewrites(keras.layers.Concatenate)
def _concatenate(rewriter: Rewriter, layer: keras.layers.Concatenate, x: Any) -> Any:
    if any(rewriter.is_quantized(tensor) for tensor in x):
        raise SignportError(f"layer {layer.name!r}: concatenation is quantizable among preprocessed inputs only")
    return rewriter.add(_copy(layer), x, quantized=False)


@rewrites(keras.layers.Dropout)
def _dropout(rewriter: Rewriter, _layer: keras.layers.Dropout, x: Any) -> Any:
    return rewriter.passes(x)


@rewrites(keras.layers.ReLU)
def _relu(rewriter: Rewriter, layer: keras.layers.ReLU, x: Any) -> Any:
    fusing = next((found for kind in _Fusing if (found := rewriter.foldable(x, kind)) is not None), None)
    if fusing is None:
        raise SignportError(f"layer {layer.name!r}: a ReLU must be the only user of a Dense, BatchNormalization or Add")
    fusing.relu = True
    return x


@rewrites(keras.layers.Softmax)
def _softmax(rewriter: Rewriter, layer: keras.layers.Softmax, x: Any) -> Any:
    # In float, behind a dequantization: an int8 softmax cuts XNNPACK's graph and knows 256 probabilities only.
    return rewriter.add(_copy(layer), x, quantized=False)
