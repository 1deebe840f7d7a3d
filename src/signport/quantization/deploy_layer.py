"""What all layers of the deploy form have in common: one can be kept in float or int16 among neighbours in int8."""

from typing import Any, Literal

import keras

from signport.errors import SignportError
from signport.quantization.fake_quant import ActivationQuantizer, Phase, apart, current_phase, in_phase

Precision = Literal["int8", "int16", "float"]


class DeployLayer(keras.layers.Layer):
    """A layer that computes in fake quantization, or, if it is kept, in float or int16 between quantized neighbours.

    Subclasses implement `compute(inputs, training)`, whose answer is on the grid of `quantizer`.

    Attributes:
        quantizer: Of the output.
        precision: `int8`; `float`: weights and everything inside are float; or `int16`: what goes in and comes out is,
            weights stay int8.
        answers_int8: Whether the output of a kept layer goes back to int8, as layers in int8 want it.
    """

    quantizer: ActivationQuantizer

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.precision: Precision = "int8"
        self.answers_int8 = True

    @property
    def has_int16(self) -> bool:
        """Whether it is one product with weights, which every runtime computes with int16 activations too."""
        return False

    @property
    def int8_quantizer(self) -> ActivationQuantizer:
        """What takes the output to int8."""
        return self.exit_quantizer if self.precision == "int16" else self.quantizer

    def keep(self, precision: Precision) -> None:
        """Sets the precision; to be done before the layer is called.

        Raises:
            SignportError: The layer cannot be in int16.
        """
        if precision == "int16":
            if not self.has_int16:
                raise SignportError(
                    f"quantization.keep: {self.name}: int16; that is for dense layers and convolutions without a mask, "
                    "so write float"
                )
            self.quantizer.bits = 16
            self.entry_quantizer = ActivationQuantizer(bits=16, name="input")
            self.exit_quantizer = ActivationQuantizer(name="output_int8")
        self.precision = precision

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self.precision == "int16":
            y = apart(self.compute(self.entry_quantizer(apart(inputs), training=training), training=training))
            return self.exit_quantizer(y, training=training) if self.answers_int8 else y
        if self.precision == "int8" or current_phase() in (Phase.FLOAT, Phase.CALIBRATE):
            return self.compute(inputs, training=training)
        with in_phase(Phase.FLOAT):
            y = self.compute(inputs, training=training)
        return self.quantizer(apart(y), training=training) if self.answers_int8 else y

    def compute(self, inputs: Any, training: bool | None = None) -> Any:
        """What the layer is for, in the current phase."""
        raise NotImplementedError

    def build(self, _input_shape: Any) -> None:
        """Without weights there is nothing to build."""
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "precision": self.precision, "answers_int8": self.answers_int8}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DeployLayer":
        """A layer like the one whose `get_config` this is."""
        rest = {name: value for name, value in config.items() if name not in ("precision", "answers_int8")}
        layer: DeployLayer = super().from_config(rest)
        layer.keep(config["precision"])
        layer.answers_int8 = config["answers_int8"]
        return layer
