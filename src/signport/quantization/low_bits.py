"""Below int8: dense layers whose weights take 4 bits, half the bytes.

The first and the last dense layer keep 8 bits. What reads the input and what answers lose most by coarse weights: with
them at 4 bits too, answers came out 2 to 12 dB worse before fine-tuning and 2 to 9 after (`benchmarks/low_bits.py`).
"""

from typing import Literal

import keras

from signport.errors import SignportError
from signport.quantization.layers.dense import FakeQuantDense

LOW_BITS: Literal[4] = 4


def lower_weight_bits(deploy: keras.Model, bits: int = LOW_BITS, *, edges: int = 8) -> tuple[str, ...]:
    """Gives the dense layers in int8 of a deploy model fewer bits a weight, in place; to be done before it is traced.

    Args:
        deploy: A deploy model.
        bits: Of the weights of all dense layers but the first and the last.
        edges: Of the weights of those two.

    Returns:
        Names of the layers that have fewer than 8 bits now, in graph order.

    Raises:
        SignportError: No layer would have fewer than 8 bits.
    """
    dense = [layer for layer in deploy.layers if isinstance(layer, FakeQuantDense)]
    for layer in dense:
        if layer.precision == "int8":
            layer.weight_bits = edges if layer in (dense[0], dense[-1]) else bits
    lowered = low_bit_layers(deploy)
    if not lowered:
        raise SignportError(
            f"quantization.weight_bits: {bits}; {deploy.name} has no dense layer in int8 between its first and its "
            "last, which keep 8 bits, so its file would not get smaller; set 8, or leave out --int4"
        )
    return lowered


def low_bit_layers(deploy: keras.Model) -> tuple[str, ...]:
    """Names of the layers whose weights have fewer than 8 bits, in graph order."""
    return tuple(layer.name for layer in deploy.layers if isinstance(layer, FakeQuantDense) and layer.weight_bits < 8)
