"""What all layers of the deploy form have in common: a layer can be kept in float though its neighbours are int8."""

from typing import Any, Literal

import keras

from signport.quantization.fake_quant import ActivationQuantizer, Phase, current_phase, in_phase

Precision = Literal["int8", "float"]


class DeployLayer(keras.layers.Layer):
    """A layer that computes in fake quantization, or, if it is kept, in float between quantized neighbours.

    Subclasses implement `compute(inputs, training)`, whose answer is on the grid of `quantizer`.

    Args:
        precision: `int8`; or `float`: weights and everything inside are float, only the output is quantized.

    Attributes:
        quantizer: Of the output.
    """

    quantizer: ActivationQuantizer

    def __init__(self, precision: Precision = "int8", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.precision = precision

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if self.precision == "int8" or current_phase() in (Phase.FLOAT, Phase.CALIBRATE):
            return self.compute(inputs, training=training)
        with in_phase(Phase.FLOAT):
            y = self.compute(inputs, training=training)
        return self.quantizer(y, training=training)

    def compute(self, inputs: Any, training: bool | None = None) -> Any:
        """What the layer is for, in the current phase."""
        raise NotImplementedError

    def build(self, _input_shape: Any) -> None:
        """Without weights there is nothing to build."""
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "precision": self.precision}
