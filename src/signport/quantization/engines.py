"""Which engine quantizes: ours, or tensorflow-model-optimization."""

from collections.abc import Callable
from typing import Literal

from signport.errors import SignportError
from signport.quantization.qat import Quantized, quantize

Engine = Literal["signport", "tfmot"]


def engine_named(name: str) -> Callable[..., Quantized]:
    """The `quantize` function of an engine; all have the signature of `qat.quantize`.

    Raises:
        SignportError: There is no such engine.
    """
    if name == "signport":
        return quantize
    if name == "tfmot":
        from signport.quantization import tfmot_engine

        return tfmot_engine.quantize
    raise SignportError(f"engine {name!r} is unknown; choose signport or tfmot")
