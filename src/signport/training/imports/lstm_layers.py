"""The layers of a stored Keras model → those of an LSTM classifier, from its frames to its logits."""

from typing import Any, Literal

import numpy as np

from signport.errors import SignportError
from signport.training.imports.layers import Dense, Layer, Lstm, Norm, Relu
from signport.training.imports.legacy_h5 import StoredLayer, StoredModel

# They change nothing when a model answers.
_PASSING = {"InputLayer", "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"}
_EPSILON = 1e-3  # Keras's own default, for files that hold weights only
_KNOWN = "LSTM, BatchNormalization, Dropout, Dense, ReLU and Softmax"
_ONLY_SO = {"recurrent_activation": "sigmoid", "use_bias": True, "go_backwards": False, "stateful": False}


def lstm_layers(stored: StoredModel, activation: Literal["tanh", "relu"] | None) -> list[Layer]:
    """The layers of an LSTM classifier: LSTMs, then dense layers with ReLU between them; the softmax is left out.

    Args:
        stored: What the file holds.
        activation: Of the LSTMs, for a file that holds weights only.

    Raises:
        SignportError: Another kind of model.
    """
    if stored.whole and activation is not None:
        raise SignportError(f"--activation {activation}: the file says which activations it has; leave it out")
    if not stored.whole and activation is None:
        raise SignportError("holds weights only; say which activation its LSTMs have: --activation tanh or relu")
    layers: list[Layer] = []
    softmax = False
    for layer in stored.layers:
        if layer.kind in _PASSING:
            continue
        if softmax:
            raise SignportError(f"layer {layer.name!r} stands behind the softmax; a classifier ends there")
        try:
            made, softmax = _layers(layer, activation)
        except (KeyError, TypeError, ValueError) as error:
            raise SignportError(f"layer {layer.name!r} is damaged: {error!r}") from error
        layers += made
    if not stored.whole:
        layers = _with_activations(layers)
    elif not softmax:
        raise SignportError("does not end in a softmax; only classifiers can be brought over")
    _check(layers)
    return layers


def _layers(layer: StoredLayer, activation: Literal["tanh", "relu"] | None) -> tuple[list[Layer], bool]:
    """What a stored layer stands for, and whether it ends in the softmax."""
    if layer.kind == "LSTM":
        return [_lstm(layer, activation)], False
    if layer.kind == "BatchNormalization":
        return [_norm(layer)], False
    if layer.kind == "Dense":
        dense = Dense(layer.weights["kernel"], layer.weights.get("bias", np.zeros(layer.weights["kernel"].shape[1])))
        more, softmax = _activation(layer.config.get("activation", "linear"), layer)
        return [dense, *more], softmax
    if layer.kind in ("Activation", "ReLU", "Softmax"):
        return _activation(layer.config.get("activation", layer.kind.lower()), layer)
    raise SignportError(
        f"layer {layer.name!r} is {layer.kind}; only {_KNOWN} can be brought over, so train again with "
        "`signport train lstm`"
    )


def _activation(name: Any, layer: StoredLayer) -> tuple[list[Layer], bool]:
    if layer.kind == "ReLU":
        plain = {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}
        if any(layer.config.get(key, value) not in (value, None) for key, value in plain.items()):
            raise SignportError(f"layer {layer.name!r} is a ReLU with a slope or a limit, which signport has not")
    if name == "linear":
        return [], False
    if name == "relu":
        return [Relu()], False
    if name == "softmax":
        return [], True
    raise SignportError(f"layer {layer.name!r}: activation {name!r}; signport has relu behind dense layers")


def _lstm(layer: StoredLayer, activation: Literal["tanh", "relu"] | None) -> Lstm:
    found = layer.config.get("activation", activation)
    if found not in ("tanh", "relu"):
        raise SignportError(f"layer {layer.name!r}: activation {found!r}; signport has LSTMs with tanh and with relu")
    for key, value in _ONLY_SO.items():
        if layer.config.get(key, value) != value:
            raise SignportError(f"layer {layer.name!r}: {key} is {layer.config[key]!r}; signport has {value!r} only")
    kernel, recurrent, bias = (layer.weights[name] for name in ("kernel", "recurrent_kernel", "bias"))
    return Lstm(kernel, recurrent, bias, found)


def _norm(layer: StoredLayer) -> Norm:
    mean, variance = layer.weights["moving_mean"], layer.weights["moving_variance"]
    gamma, beta = layer.weights.get("gamma", np.ones_like(mean)), layer.weights.get("beta", np.zeros_like(mean))
    return Norm(gamma, beta, mean, variance, float(layer.config.get("epsilon", _EPSILON)))


def _with_activations(layers: list[Layer]) -> list[Layer]:
    """A file of weights alone does not tell activations: every dense layer but the last has a ReLU."""
    last = max((number for number, layer in enumerate(layers) if isinstance(layer, Dense)), default=0)
    found: list[Layer] = []
    for number, layer in enumerate(layers):
        found += [layer, Relu()] if isinstance(layer, Dense) and number < last else [layer]
    return found


def _check(layers: list[Layer]) -> None:
    """Checks the order of the layers, and that each takes what the one before it answers."""
    kinds = [type(layer) for layer in layers if not isinstance(layer, Norm)]
    lstms = kinds.count(Lstm)
    dense = kinds[lstms:]
    if not lstms or kinds[:lstms] != [Lstm] * lstms or dense != [Dense, Relu] * (len(dense) // 2) + [Dense]:
        raise SignportError("is no chain of LSTMs, then Dense layers with relu between them")
    if len(dense) < 3:
        raise SignportError("has no Dense layer between its LSTMs and its classes, which family lstm has")
    if len({layer.activation for layer in layers if isinstance(layer, Lstm)}) > 1:
        raise SignportError("has LSTMs with tanh and with relu; family lstm has one activation for all")
    width: int | None = None
    for number, layer in enumerate(layers):
        if isinstance(layer, Relu):
            continue
        inputs = len(layer.mean) if isinstance(layer, Norm) else len(layer.kernel)
        if width is not None and inputs != width:
            raise SignportError(f"its layer {number} takes {inputs} numbers, but {width} come to it")
        width = len(layer.bias) if isinstance(layer, Dense) else layer.units if isinstance(layer, Lstm) else inputs
