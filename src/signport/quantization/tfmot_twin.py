"""The tf-keras twin of a deploy graph: the same network, as tensorflow-model-optimization quantizes it.

TFMOT knows tf-keras only, gives a dense kernel one scale in all, starts every activation range at ±6 and has nothing
for a batch normalization that stands alone. So the twin says what it wants through TFMOT's own interface: a
`QuantizeConfig` with a scale an output channel, layers of its own for MUL and ADD, and ranges that are set. That puts
both on the same int8 grid, and what TFMOT trained can be read back into the deploy model exactly.
"""

from typing import Any

import keras
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras

from signport.errors import SignportError
from signport.quantization.fake_quant import ActivationQuantizer, quantizers_of
from signport.quantization.layers.add import FakeQuantAdd
from signport.quantization.layers.affine import FakeQuantAffine
from signport.quantization.layers.dense import FakeQuantDense

_SMALLEST_RANGE = 1e-6  # as of an activation: below it, dividing by the scale would overflow
_KINDS = (FakeQuantDense, FakeQuantAdd, FakeQuantAffine)
_Quantizers = tfmot.quantization.keras.quantizers


class Int8Config(tfmot.quantization.keras.QuantizeConfig):
    """How TFMOT is to quantize a layer: its weight, and its output by a moving average.

    Args:
        weight: Name of the layer's attribute that holds a weight; empty for none.
        per_channel: Whether the weight is symmetric and narrow with one scale an output channel (last axis), as of a
            matrix product, instead of a tensor with one range, as an operand of MUL and ADD is.
    """

    def __init__(self, weight: str = "", per_channel: bool = False) -> None:
        self.weight = weight
        self.per_channel = per_channel

    def get_weights_and_quantizers(self, layer: Any) -> list[tuple[Any, Any]]:
        product = self.per_channel
        grid = {"num_bits": 8, "per_axis": product, "symmetric": product, "narrow_range": product}
        return [(getattr(layer, self.weight), _Quantizers.LastValueQuantizer(**grid))] if self.weight else []

    def get_activations_and_quantizers(self, _layer: Any) -> list[tuple[Any, Any]]:
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list[Any]) -> None:
        for weight in quantize_weights:
            setattr(layer, self.weight, weight)

    def set_quantize_activations(self, layer: Any, quantize_activations: list[Any]) -> None:
        """No activation is quantized apart from its layer's output."""

    def get_output_quantizers(self, _layer: Any) -> list[Any]:
        grid = {"num_bits": 8, "per_axis": False, "symmetric": False, "narrow_range": False}
        return [_Quantizers.MovingAverageQuantizer(**grid)]

    def get_config(self) -> dict[str, Any]:
        return {"weight": self.weight, "per_channel": self.per_channel}


class Product(tf_keras.layers.Layer):
    """y = x · factor, a feature: the first half of a batch normalization."""

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight("factor", shape=(input_shape[-1],))
        self.built = True

    def call(self, x: Any) -> Any:
        return x * self.factor


class Offset(tf_keras.layers.Layer):
    """y = [relu](x + offset), a feature: its second half.

    Args:
        relu: Whether a ReLU is fused in.
    """

    def __init__(self, relu: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.relu = relu

    def build(self, input_shape: Any) -> None:
        self.offset = self.add_weight("offset", shape=(input_shape[-1],))
        self.built = True

    def call(self, x: Any) -> Any:
        y = x + self.offset
        return tf_keras.activations.relu(y) if self.relu else y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "relu": self.relu}


class Sum(tf_keras.layers.Layer):
    """y = [relu](a + b): a residual addition.

    Args:
        relu: Whether a ReLU is fused in.
    """

    def __init__(self, relu: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.relu = relu

    def call(self, x: Any) -> Any:
        y = x[0] + x[1]
        return tf_keras.activations.relu(y) if self.relu else y

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "relu": self.relu}


_OWN = {kind.__name__: kind for kind in (Int8Config, Product, Offset, Sum)}


class Twin:
    """A deploy model's quantized part as a TFMOT model, with its weights and ranges.

    Attributes:
        head: The float part of the deploy model: its inputs → what is quantized first.
        model: TFMOT's model of the rest: float32 (batch, features) → logits or embedding, int8 simulated.
    """

    def __init__(self, deploy: keras.Model) -> None:
        """Builds the twin of a calibrated deploy model.

        Raises:
            SignportError: The graph is not dense.
        """
        first, rest = dense_part(deploy)
        self.head = keras.Model(deploy.inputs, first.input)
        self._input, self._layers = first, rest
        self.model = self._quantized()
        self._send()

    def _quantized(self) -> Any:
        entry = tf_keras.Input(self._input.input.shape[1:], name=self._input.name)
        tensors = {id(self._input.output): entry}
        tensor = entry
        for layer in self._layers:
            inputs = layer.input
            x = [tensors[id(one)] for one in inputs] if isinstance(inputs, list) else tensors[id(inputs)]
            tensor = tensors[id(layer.output)] = _annotated(layer, x)
        with tfmot.quantization.keras.quantize_scope(_OWN):
            return tfmot.quantization.keras.quantize_apply(tf_keras.Model(entry, tensor))

    def _pairs(self) -> list[tuple[keras.Variable, Any]]:
        """(deploy variable, TFMOT's variable) of every weight and range."""
        quantize_input = next(layer for layer in self.model.layers if hasattr(layer, "quantizer"))
        pairs = _ranges(self._input, quantize_input, quantize_input.name)
        for layer in self._layers:
            if isinstance(layer, FakeQuantAffine):
                product, offset = self._wrapper(f"{layer.name}_product"), self._wrapper(layer.name)
                pairs += [(layer.factor, _variable(product, "factor")), (layer.offset, _variable(offset, "offset"))]
                pairs += _ranges(layer.product_quantizer, product) + _ranges(layer.quantizer, offset)
                continue
            wrapper = self._wrapper(layer.name)
            if isinstance(layer, FakeQuantDense):
                pairs += [(layer.kernel, _variable(wrapper, "kernel")), (layer.bias, _variable(wrapper, "bias"))]
            pairs += _ranges(layer.quantizer, wrapper)
        return pairs

    def _wrapper(self, name: str) -> Any:
        return self.model.get_layer(f"quant_{name}")

    def _send(self) -> None:
        for ours, theirs in self._pairs():
            theirs.assign(np.asarray(ours))
        self.settle()

    def settle(self) -> None:
        """Gives every weight the range of its own values.

        TFMOT keeps the range of the weights before the last step, which the weights after it need not fit.
        """
        for wrapper in self.model.layers:
            for name in ("kernel", "factor", "offset"):
                if _variable(wrapper, f"{name}_max") is None:
                    continue
                low, high = _range_of(_variable(wrapper, name).numpy(), per_channel=name == "kernel")
                _variable(wrapper, f"{name}_min").assign(low)
                _variable(wrapper, f"{name}_max").assign(high)

    def read_back(self) -> None:
        """Sets the deploy model's weights and ranges to the twin's."""
        for ours, theirs in self._pairs():
            ours.assign(theirs.numpy())


def dense_part(deploy: keras.Model) -> tuple[ActivationQuantizer, list[keras.layers.Layer]]:
    """The quantized part of a dense deploy graph: what quantizes its only input, and the layers behind it, in order.

    Raises:
        SignportError: A layer is of a kind, or has a grid, that TFMOT's engine does not take.
    """
    first, *rest = (layer for layer in deploy.layers if quantizers_of(layer))
    strange = [layer for layer in (first, *rest) if not isinstance(layer, (*_KINDS, ActivationQuantizer))]
    strange += [layer for layer in rest if isinstance(layer, ActivationQuantizer)]
    strange += [layer for layer in (first, *rest) if not _is_plain(layer)]
    if strange:
        raise SignportError(
            f"engine tfmot is for dense graphs in int8, and layer {strange[0].name!r} ({type(strange[0]).__name__}) "
            "belongs to none; use engine signport"
        )
    return first, rest


def _is_plain(layer: keras.layers.Layer) -> bool:
    """Whether the layer answers with vectors in int8, with int8 weights, and every range is free."""
    grids = [(one.fixed, one.symmetric, one.limit) for one in quantizers_of(layer).values()]
    free = all(grid == (None, False, None) for grid in grids)
    eight = getattr(layer, "precision", "int8") == "int8" and getattr(layer, "weight_bits", 8) == 8
    return free and eight and len(layer.output.shape) == 2


def _annotated(layer: keras.layers.Layer, x: Any) -> Any:
    """What stands for a deploy layer in the twin, called on `x`."""
    annotate = tfmot.quantization.keras.quantize_annotate_layer
    if isinstance(layer, FakeQuantDense):
        activation = "relu" if layer.relu else None
        dense = tf_keras.layers.Dense(layer.units, activation=activation, name=layer.name)
        return annotate(dense, Int8Config("kernel", per_channel=True))(x)
    if isinstance(layer, FakeQuantAdd):
        return annotate(Sum(layer.relu, name=layer.name), Int8Config())(x)
    product = annotate(Product(name=f"{layer.name}_product"), Int8Config("factor"))(x)
    return annotate(Offset(layer.relu, name=layer.name), Int8Config("offset"))(product)


def _ranges(quantizer: ActivationQuantizer, layer: Any, name: str = "output") -> list[tuple[keras.Variable, Any]]:
    return [(quantizer.low, _variable(layer, f"{name}_min")), (quantizer.high, _variable(layer, f"{name}_max"))]


def _range_of(weight: np.ndarray, per_channel: bool) -> tuple[Any, Any]:
    """Ends of the grid of a kernel, float32 (output channels,) each, or of an operand, which holds 0."""
    if per_channel:
        largest = np.maximum(np.abs(weight).max(axis=0), _SMALLEST_RANGE)
        return -largest, largest
    low = min(0.0, float(weight.min()))
    return low, max(float(weight.max()), low + _SMALLEST_RANGE)


def _variable(layer: Any, name: str) -> Any:
    """A variable of a tf-keras layer by the last part of its name; None if there is none."""
    return next((one for one in layer.weights if one.name.split(":")[0].rpartition("/")[2] == name), None)
