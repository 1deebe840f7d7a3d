"""Float model → deploy form: the mathematically equal graph that quantizes well.

The trained Keras model is walked once, layer by layer; each layer's type has a rewrite (in `quantization.layers`) that
adds the deploy layer, or folds itself into the one before. What no rewrite knows is refused by name.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from signport.errors import SignportError
from signport.models.registry import predict
from signport.quantization.deploy_layer import DeployLayer, Precision
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
        inputs: What the layer takes.
        tail: Name of the last trained layer that it stands for.
        quantized: Whether it is on an int8 grid.
        affine: (factor, offset), float32 (channels,) each, that whoever reads it has to fold into its weights.
    """

    tensor: Any
    layer: keras.layers.Layer
    inputs: tuple[Any, ...]
    tail: str
    quantized: bool
    affine: tuple[np.ndarray, np.ndarray] | None = None


class Rewriter:
    """State of one walk through a float model.

    Attributes:
        fused_lstm: Whether LSTMs become TFLite's fused operator instead of being unrolled.
        options: Keyword arguments, such as `mask`, of the call that is being rewritten.
    """

    def __init__(self, model: keras.Model, *, fused_lstm: bool = False, keep: Mapping[str, Precision] | None = None):
        self.fused_lstm = fused_lstm
        self._keep = dict(keep or {})
        self.options: dict[str, Any] = {}
        self._readers = _readers(model)
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
        if isinstance(layer, DeployLayer) and layer.name in self._keep:
            layer.keep(self._keep[layer.name])
        return self._remember(layer(x), layer, x, self._tail, quantized)

    def passes(self, x: Any) -> Any:
        """The layer changes nothing at inference: its output is its input."""
        made = self._made.get(id(x))
        if made is not None and len(self._readers[made.tail]) == 1:
            made.tail = self._tail
        return x

    def foldable(self, x: Any, kind: type) -> Any | None:
        """The deploy layer of type `kind` whose only use is this one, or None: the current layer may fold into it."""
        made = self._made.get(id(x))
        if made is None or not isinstance(made.layer, kind) or len(self._readers[made.tail]) != 1:
            return None
        made.tail = self._tail
        return made.layer

    def maker(self, x: Any) -> tuple[keras.layers.Layer | None, tuple[Any, ...]]:
        """The deploy layer that computes `x` and what that takes; None for an input."""
        made = self._made.get(id(x))
        return (None, ()) if made is None else (made.layer, made.inputs)

    def readers(self, x: Any) -> tuple[keras.layers.Layer, ...]:
        """The trained layers that read what `x` stands for."""
        made = self._made.get(id(x))
        return () if made is None else self._readers[made.tail]

    def is_only_read_by(
        self, layer: keras.layers.Layer, kinds: tuple[type, ...], through: tuple[type, ...] = ()
    ) -> bool:
        """Whether all that read a trained layer, also behind layers of types `through`, are of types `kinds`."""
        return all(
            self.is_only_read_by(reader, kinds, through) if isinstance(reader, through) else isinstance(reader, kinds)
            for reader in self._readers[layer.name]
        )

    def leave_affine(self, x: Any, factor: np.ndarray, offset: np.ndarray) -> Any:
        """Leaves x · factor + offset, over the last axis, to be folded into the weights of whoever reads `x`."""
        self._made[id(x)].affine = (factor, offset)
        return x

    def affine(self, x: Any) -> tuple[np.ndarray, np.ndarray] | None:
        """What `leave_affine` left to fold in."""
        made = self._made.get(id(x))
        return None if made is None else made.affine

    def make_symmetric(self, x: Any) -> Any:
        """`x` on an int8 grid whose zero point is 0, where the layer that computes it lets choose."""
        x = self.quantized(x)
        layer, _ = self.maker(x)
        quantizer = layer.int8_quantizer if isinstance(layer, DeployLayer) else layer
        if isinstance(quantizer, ActivationQuantizer) and quantizer.fixed is None:
            quantizer.symmetric = True
        return x

    def quantized(self, x: Any) -> Any:
        """`x` on an int8 grid: itself, or behind a new quantizer where it comes from the float part."""
        made = self._made.get(id(x))
        if made is not None and made.quantized:
            return x
        if id(x) in self._quantizers:
            return self._quantizers[id(x)]
        name = f"{made.tail if made else x.name}_quantized"
        quantizer = ActivationQuantizer(name=name)
        self._quantizers[id(x)] = self._remember(quantizer(x), quantizer, x, made.tail if made else "", True)
        return self._quantizers[id(x)]

    def is_quantized(self, x: Any) -> bool:
        """Whether `x` comes from the quantized part of the graph."""
        made = self._made.get(id(x))
        return made is not None and made.quantized

    def require_kept(self) -> None:
        """Complains of layers that are to be kept and were not met.

        Raises:
            SignportError: There is no layer of that name.
        """
        names = [made.layer.name for made in self._made.values() if isinstance(made.layer, DeployLayer)]
        for name in self._keep:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
                raise SignportError(
                    f"quantization.keep: {name}: no layer of that name is quantized; did you mean {near[0]!r}? "
                    "(`signport quantize debug` lists them all)"
                )

    def _remember(self, tensor: Any, layer: keras.layers.Layer, x: Any, tail: str, quantized: bool) -> Any:
        inputs = tuple(x) if isinstance(x, list | tuple) else (x,)
        self._made[id(tensor)] = _Made(tensor, layer, inputs, tail, quantized)
        return tensor


def _readers(model: keras.Model) -> dict[str, tuple[keras.layers.Layer, ...]]:
    """Name of each layer → the layers that take its output, once a use; the model itself where it answers with it."""
    found: dict[str, list[keras.layers.Layer]] = {layer.name: [] for layer in model.layers}

    def visit(value: Any, reader: keras.layers.Layer) -> None:
        if isinstance(value, dict):
            if value.get("class_name") == "__keras_tensor__":
                found[value["config"]["keras_history"][0]].append(reader)
            else:
                visit(list(value.values()), reader)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item, reader)

    config = model.get_config()
    for layer in config["layers"]:
        visit(layer["inbound_nodes"], model.get_layer(layer["name"]))
    outputs = config["output_layers"]
    for entry in [outputs] if isinstance(outputs[0], str) else outputs:
        found[entry[0]].append(model)
    return {name: tuple(layers) for name, layers in found.items()}


def deploy_form(
    model: keras.Model, *, fused_lstm: bool = False, keep: Mapping[str, Precision] | None = None
) -> keras.Model:
    """Builds the deploy form of a trained float model: the same inputs and outputs, weights folded and copied.

    Args:
        model: A functional Keras model built from layers that the quantizer knows.
        fused_lstm: Keeps LSTMs in the form that the converter fuses into one operator, which keeps its state between
            calls and doesn't load in LiteRT.js and CompiledModel; else they are unrolled.
        keep: Names of layers that are not to be int8 → what they are to be.

    Returns:
        A new Keras model; traced in `Phase.FLOAT` it computes what `model` computes at inference.

    Raises:
        SignportError: A layer has no rewrite, or one that is to be kept does not exist or cannot be kept so.
    """
    from signport.quantization import layers  # noqa: F401  registers the rewrites, which import this module

    rewriter = Rewriter(model, fused_lstm=fused_lstm, keep=keep)
    deploy = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=rewriter.rewrite)
    rewriter.require_kept()
    settle_edges(deploy)
    deploy.trainable = True
    return deploy


def settle_edges(deploy: keras.Model) -> None:
    """Fits what lies between layers to their precisions, in place: only what a layer in int8 reads goes to int8."""
    reading: dict[int, set[str]] = {}
    for layer in deploy.layers:
        if isinstance(layer, DeployLayer):
            for tensor in layer.input if isinstance(layer.input, list | tuple) else [layer.input]:
                reading.setdefault(id(tensor), set()).add(layer.precision)
    for layer in deploy.layers:
        readers = reading.get(id(layer.output), set())
        if isinstance(layer, DeployLayer):
            layer.answers_int8 = layer.precision == "int8" or "int8" in readers
        elif isinstance(layer, ActivationQuantizer):
            layer.bits = 16 if readers == {"int16"} else 32 if readers == {"float"} else 8


def largest_difference(model: keras.Model, deploy: keras.Model, inputs: dict[str, np.ndarray]) -> float:
    """Largest absolute difference of the two models' float outputs on `inputs` (name → (samples, …))."""
    return float(np.abs(predict(model, inputs) - predict(deploy, inputs)).max())
