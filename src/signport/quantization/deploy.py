"""Float model → deploy form: the mathematically equal graph that quantizes well.

The trained Keras model is walked once, layer by layer; each layer's type has a rewrite (in `quantization.layers`) that
adds the deploy layer, or folds itself into the one before. What no rewrite knows is refused by name.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from signport.errors import SignportError
from signport.models.registry import predict
from signport.quantization.fake_quant import ActivationQuantizer

Rewrite = Callable[["Rewriter", Any, Any], Any]
_REWRITES: dict[type, Rewrite] = {}


def rewrites(*layer_types: type) -> Callable[[Rewrite], Rewrite]:
    """Registers a function (rewriter, layer, input tensor or tensors) → output tensor for layers of these types."""

    def register(rewrite: Rewrite) -> Rewrite:
        for layer_type in layer_types:
            _REWRITES[layer_type] = rewrite
        return rewrite

    return register


@dataclass
class _Made:
    """How a tensor of the deploy graph came to be.

    Attributes:
        tensor: The tensor; kept, because it is looked up by identity.
        layer: The deploy layer that computes it.
        tail: Name of the last trained layer that it stands for.
        quantized: Whether it is on an int8 grid.
    """

    tensor: Any
    layer: keras.layers.Layer
    tail: str
    quantized: bool


class Rewriter:
    """State of one walk through a float model.

    Attributes:
        fused_lstm: Whether LSTMs become TFLite's fused operator instead of being unrolled.
        options: Keyword arguments, such as `mask`, of the call that is being rewritten.
    """

    def __init__(self, model: keras.Model, *, fused_lstm: bool = False):
        self.fused_lstm = fused_lstm
        self.options: dict[str, Any] = {}
        self._uses = _count_uses(model)
        self._made: dict[int, _Made] = {}
        self._quantizers: dict[int, Any] = {}
        self._tail = ""

    def rewrite(self, layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        """Adds what stands for `layer` to the deploy graph (the `call_function` of `keras.models.clone_model`)."""
        rewrite = next((_REWRITES[base] for base in type(layer).__mro__ if base in _REWRITES), None)
        if rewrite is None:
            known = ", ".join(sorted(kind.__name__ for kind in _REWRITES))
            raise SignportError(
                f"layer {layer.name!r} is a {type(layer).__name__}, which the quantizer does not know ({known}); "
                "add a rewrite in signport/quantization/layers"
            )
        self._tail, self.options = layer.name, kwargs
        return rewrite(self, layer, args[0])

    def add(self, layer: keras.layers.Layer, x: Any, quantized: bool = True) -> Any:
        """Calls a new deploy layer on `x` and remembers its output."""
        return self._remember(layer(x), layer, self._tail, quantized)

    def passes(self, x: Any) -> Any:
        """The layer changes nothing at inference: its output is its input."""
        made = self._made.get(id(x))
        if made is not None and self._uses[made.tail] == 1:
            made.tail = self._tail
        return x

    def foldable(self, x: Any, kind: type) -> Any | None:
        """The deploy layer of type `kind` whose only use is this one, or None: the current layer may fold into it."""
        made = self._made.get(id(x))
        if made is None or not isinstance(made.layer, kind) or self._uses[made.tail] != 1:
            return None
        made.tail = self._tail
        return made.layer

    def quantized(self, x: Any) -> Any:
        """`x` on an int8 grid: itself, or behind a new quantizer where it comes from the float part."""
        made = self._made.get(id(x))
        if made is not None and made.quantized:
            return x
        if id(x) in self._quantizers:
            return self._quantizers[id(x)]
        name = f"{made.tail if made else x.name}_quantized"
        quantizer = ActivationQuantizer(name=name)
        self._quantizers[id(x)] = self._remember(quantizer(x), quantizer, made.tail if made else "", True)
        return self._quantizers[id(x)]

    def is_quantized(self, x: Any) -> bool:
        """Whether `x` comes from the quantized part of the graph."""
        made = self._made.get(id(x))
        return made is not None and made.quantized

    def _remember(self, tensor: Any, layer: keras.layers.Layer, tail: str, quantized: bool) -> Any:
        self._made[id(tensor)] = _Made(tensor, layer, tail, quantized)
        return tensor


def _count_uses(model: keras.Model) -> Counter[str]:
    """How many layers (or outputs) of the model take each layer's output."""
    uses: Counter[str] = Counter()

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                uses[value["config"]["keras_history"][0]] += 1
            else:
                visit(list(value.values()))
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    config = model.get_config()
    for layer in config["layers"]:
        visit(layer["inbound_nodes"])
    outputs = config["output_layers"]
    for entry in [outputs] if isinstance(outputs[0], str) else outputs:
        uses[entry[0]] += 1
    return uses


def deploy_form(model: keras.Model, *, fused_lstm: bool = False) -> keras.Model:
    """Builds the deploy form of a trained float model: the same inputs and outputs, weights folded and copied.

    Args:
        model: A functional Keras model built from layers that the quantizer knows.
        fused_lstm: Keeps LSTMs in the form that the converter fuses into one operator, which keeps its state between
            calls and doesn't load in LiteRT.js and CompiledModel; else they are unrolled.

    Returns:
        A new Keras model; traced in `Phase.FLOAT` it computes what `model` computes at inference.

    Raises:
        SignportError: A layer has no rewrite, or an LSTM that is to be fused has a mask.
    """
    from signport.quantization import layers  # noqa: F401  registers the rewrites, which import this module

    rewriter = Rewriter(model, fused_lstm=fused_lstm)
    deploy = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=rewriter.rewrite)
    deploy.trainable = True
    return deploy


def largest_difference(model: keras.Model, deploy: keras.Model, inputs: dict[str, np.ndarray]) -> float:
    """Largest absolute difference of the two models' float outputs on `inputs` (name → (samples, …))."""
    return float(np.abs(predict(model, inputs) - predict(deploy, inputs)).max())
