"""A deploy model run layer by layer: each layer in a phase of its own, and from any layer on."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.quantization.fake_quant import ActivationQuantizer, Phase, in_phase, observed_by
from signport.quantization.qat import softmax_layer

Values = Mapping[int, Any]
Seen = Callable[[keras.layers.Layer, ActivationQuantizer, Any, Any], None]


class Walk:
    """Runs a deploy model eagerly, layer by layer.

    What a walk computes is kept by tensor of the graph, so that another one can change a single layer and go on from
    there: only the layers that depend on it are run again.

    Args:
        model: A deploy model.

    Attributes:
        model: The model.
        layers: Its layers but the inputs, each behind those that it depends on.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.layers = tuple(layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer))
        softmax = softmax_layer(model)
        self._centred = softmax is not None
        self._end = model.output if softmax is None else softmax.input

    def start(self, inputs: Mapping[str, np.ndarray]) -> Values:
        """The model's inputs (name → float32 (samples, …)) as the first values of a walk."""
        return {id(tensor): tf.convert_to_tensor(inputs[tensor.name]) for tensor in self.model.inputs}

    def run(
        self,
        values: Values,
        phase: Callable[[keras.layers.Layer], Phase],
        *,
        since: Collection[keras.layers.Layer] = (),
        seen: Seen | None = None,
    ) -> Values:
        """Runs the layers.

        Args:
            values: The model's inputs; or, if only a part is to run, what an earlier walk answered.
            phase: What each layer is to be in.
            since: Layers that are run again, with all that depend on them; none for the whole model.
            seen: Called with layer, quantizer, what that takes and what it answers, whenever a tensor passes one.

        Returns:
            Id of each tensor of the graph → its value.
        """
        found, changed = dict(values), set[int]()
        for layer in self.layers:
            names = [id(tensor) for tensor in _inputs(layer)]
            if since and layer not in since and changed.isdisjoint(names):
                continue
            arguments = [found[name] for name in names]
            with in_phase(phase(layer)), observed_by(_of(layer, seen)):
                found[id(layer.output)] = layer(arguments if len(arguments) > 1 else arguments[0])
            changed.add(id(layer.output))
        return found

    def entries(self, layer: keras.layers.Layer) -> list[ActivationQuantizer]:
        """The layers before `layer` that do nothing but quantize."""
        read = {id(tensor) for tensor in _inputs(layer)}
        return [one for one in self.layers if isinstance(one, ActivationQuantizer) and id(one.output) in read]

    def signal(self, values: Values) -> Any:
        """What is compared (samples, outputs): logits, centred, because softmax forgets their mean; or embeddings."""
        end = values[id(self._end)]
        return end - tf.reduce_mean(end, axis=-1, keepdims=True) if self._centred else end


def _inputs(layer: keras.layers.Layer) -> list[Any]:
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def _of(layer: keras.layers.Layer, seen: Seen | None) -> Callable[[ActivationQuantizer, Any, Any], None]:
    def observer(quantizer: ActivationQuantizer, before: Any, after: Any) -> None:
        if seen is not None:
            seen(layer, quantizer, before, after)

    return observer
