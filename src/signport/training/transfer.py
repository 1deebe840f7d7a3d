"""Transfer learning: the weights of one model as another's start."""

from typing import Any

import keras

from signport.errors import SignportError


def copy_matching_weights(source: keras.Model, target: keras.Model) -> dict[str, Any]:
    """Copies each weight whose layer name, own name and shape agree; the others keep their first values.

    With another number of classes that is everything below the last dense layer.

    Returns:
        `copied`: how many tensors were; `new`: the names (`layer/weight`) of those that were not.

    Raises:
        SignportError: Nothing fits.
    """
    offered = {_key(layer, weight): weight for layer in source.layers for weight in layer.weights}
    copied, new = 0, []
    for layer in target.layers:
        for weight in layer.weights:
            match = offered.get(_key(layer, weight))
            if match is not None and tuple(match.shape) == tuple(weight.shape):
                weight.assign(match)
                copied += 1
            else:
                new.append("/".join(_key(layer, weight)))
    if not copied:
        raise SignportError("--init-from: no weight of that run fits this model; check the layer sizes of both recipes")
    return {"copied": copied, "new": new}


def _key(layer: keras.Layer, weight: keras.Variable) -> tuple[str, str]:
    return layer.name, weight.path.removeprefix(f"{layer.name}/")
