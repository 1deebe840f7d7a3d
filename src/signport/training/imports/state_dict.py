"""A PyTorch state dict → the layers of an MLP, by the names and shapes of its tensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from signport.errors import SignportError
from signport.training.imports.layers import Dense, Layer, Norm, Relu

_EPSILON = 1e-5  # torch.nn.BatchNorm1d's own default, which no state dict holds
_NUMBERED = re.compile(r"(?:(.*)\.)?(\d+)")


@dataclass(frozen=True)
class _Module:
    """A layer with weights.

    Attributes:
        name: Its path, such as `net.0` or `fc1`.
        layer: Its weights.
    """

    name: str
    layer: Dense | Norm

    def modules_until(self, other: "_Module") -> int | None:
        """How many modules without weights lie between two of one Sequential; None where names don't tell."""
        here, there = _NUMBERED.fullmatch(self.name), _NUMBERED.fullmatch(other.name)
        if here is None or there is None or here[1] != there[1]:
            return None
        return int(there[2]) - int(here[2]) - 1


def mlp_layers(tensors: Mapping[str, np.ndarray], norm: Literal["before", "after"] | None = None) -> list[Layer]:
    """The layers of an MLP from its input to its logits, with a ReLU behind every hidden one.

    In a Sequential the numbers tell whether a normalization stands before the ReLU (0 Linear, 1 BatchNorm1d, 2 ReLU) or
    after it (0 Linear, 1 ReLU, 2 BatchNorm1d). Of named modules (`fc1`, `bn1`) it is taken to stand before.

    Args:
        tensors: The state dict, in order.
        norm: Where normalizations stand, whatever the numbers say.

    Raises:
        SignportError: Not an MLP.
    """
    modules = _in_forward_order([_module(name, group) for name, group in _grouped(tensors).items()])
    _check_chain(modules)
    layers: list[Layer] = []
    last = max(number for number, module in enumerate(modules) if isinstance(module.layer, Dense))
    waits_for_relu = False
    for number, module in enumerate(modules):
        layers.append(module.layer)
        waits_for_relu |= isinstance(module.layer, Dense)
        if number < last and waits_for_relu and not _is_norm_of(modules[number + 1], module, norm):
            _check_activation(module, modules[number + 1])
            layers.append(Relu())
            waits_for_relu = False
    return layers


def _is_norm_of(module: _Module, before: _Module, wanted: Literal["before", "after"] | None) -> bool:
    """Whether a module is a normalization that stands between the one before it and that one's ReLU."""
    if not isinstance(module.layer, Norm):
        return False
    return not before.modules_until(module) if wanted is None else wanted == "before"


def _check_activation(module: _Module, after: _Module) -> None:
    if module.modules_until(after) == 0:
        raise SignportError(f"no activation between {module.name} and {after.name}; it is not an MLP that signport has")


def _grouped(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Module → its tensors by their own names."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, values in tensors.items():
        module, _, own = name.rpartition(".")
        if own != "num_batches_tracked":
            groups.setdefault(module, {})[own] = values
    return groups


def _module(name: str, group: dict[str, np.ndarray]) -> _Module:
    weight = group.get("weight")
    if set(group) <= {"weight", "bias"} and weight is not None and weight.ndim == 2:
        return _Module(name, Dense(weight.T, group.get("bias", np.zeros(len(weight), np.float32))))
    if {"running_mean", "running_var"} <= set(group) <= {"running_mean", "running_var", "weight", "bias"}:
        mean, variance = group["running_mean"], group["running_var"]
        gamma, beta = group.get("weight", np.ones_like(mean)), group.get("bias", np.zeros_like(mean))
        return _Module(name, Norm(gamma, beta, mean, variance, _EPSILON))
    shapes = ", ".join(f"{own} {values.shape}" for own, values in group.items())
    raise SignportError(
        f"{name or 'the file'} holds {shapes}: neither Linear nor BatchNorm1d; only an MLP of Linear, BatchNorm1d, "
        "ReLU and Dropout can be brought over, so train another with `signport train mlp`"
    )


def _in_forward_order(modules: list[_Module]) -> list[_Module]:
    """A state dict has the order of `__init__`; where normalizations come last there, each goes behind its layer."""
    dense = [module for module in modules if isinstance(module.layer, Dense)]
    norms = [module for module in modules if isinstance(module.layer, Norm)]
    if not dense or not norms or modules != [*dense, *norms]:
        return modules
    if len(norms) >= len(dense):
        raise SignportError(f"{len(norms)} BatchNorm1d behind {len(dense)} Linear; which belongs where is not told")
    ordered = [module for pair in zip(dense, norms, strict=False) for module in pair]
    return [*ordered, *dense[len(norms) :]]


def _check_chain(modules: list[_Module]) -> None:
    if sum(isinstance(module.layer, Dense) for module in modules) < 2:
        raise SignportError("fewer than two Linear layers; an MLP has at least one hidden layer")
    width: int | None = None
    for module in modules:
        inputs = len(module.layer.kernel) if isinstance(module.layer, Dense) else len(module.layer.mean)
        if width is not None and inputs != width:
            raise SignportError(
                f"{module.name} takes {inputs} numbers, but {width} come to it; only a chain of layers can be brought "
                "over, so train another with `signport train mlp`"
            )
        width = len(module.layer.bias) if isinstance(module.layer, Dense) else inputs
