"""What quantization costs a model, tensor by tensor and layer by layer, on real samples.

Every figure comes from one deploy model on the same samples, in float and in simulation. A layer is tried both ways:
alone in int8 among float layers, which shows what it costs, and kept in float among int8 layers, which shows what
keeping it would win.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from signport.models.registry import predict
from signport.progress import ProgressBar, progress_bar
from signport.quantization.agreement import sqnr_db
from signport.quantization.deploy import settle_edges
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, Phase, current_phase
from signport.quantization.qat import signal_model, softmax_layer
from signport.quantization.tensor_errors import TensorErrors, TensorSums
from signport.quantization.walk import Values, Walk
from signport.quantization.weight_errors import quantized_weights

# Values of all layers' outputs that a batch may have: some ten copies of them, 4 bytes each, are held at a time.
_VALUES_A_BATCH = 2**24
_LARGEST_BATCH = 64


@dataclass(frozen=True)
class Answer:
    """How a model answers, against a float model.

    Attributes:
        accuracy: 0 to 1; NaN without classes.
        agreement: Share of samples with the same top class; NaN without classes.
        sqnr_db: Of the centred logits, or the embeddings.
    """

    accuracy: float
    agreement: float
    sqnr_db: float


@dataclass(frozen=True)
class LayerCost:
    """A layer, tried in int8 alone and in float alone.

    Attributes:
        layer: Its name.
        kind: Its type.
        precision: `int8`, or what it is kept in.
        alone: The answer with only this layer quantized, against the same model in float.
        noise: Σ of the squared error that it alone makes in the logits (embeddings), over the samples.
        kept: The answer of int8 with this layer kept in float, as `quantization.keep` does it, against the trained
            model; what it reads, and its output if a layer in int8 reads that, stays int8. None where nothing is to be
            kept: for the quantizers of inputs, and layers that are not in int8 anyway.
    """

    layer: str
    kind: str
    precision: str
    alone: Answer
    noise: float
    kept: Answer | None


@dataclass(frozen=True)
class Diagnosis:
    """What quantization costs, and where.

    Attributes:
        samples: On how many.
        accuracy: Of the trained float model, 0 to 1; NaN without classes.
        floating: The deploy model in float against the trained one: what fine-tuning moved, apart from quantization.
        int8: The simulation against the trained float model.
        noise: Σ of the squared error of the simulation's logits (embeddings), against the deploy model in float.
        tensors: All activations and weights, that which does the answer most harm first.
        layers: All layers that quantize, the costliest first.
    """

    samples: int
    accuracy: float
    floating: Answer
    int8: Answer
    noise: float
    tensors: tuple[TensorErrors, ...]
    layers: tuple[LayerCost, ...]

    def tensor(self, layer: str, name: str) -> TensorErrors:
        """The errors of a tensor."""
        return next(one for one in self.tensors if (one.layer, one.name) == (layer, name))

    def layer(self, name: str) -> LayerCost:
        """The cost of a layer."""
        return next(one for one in self.layers if one.layer == name)


def diagnose(
    deploy: keras.Model, trained: keras.Model, inputs: dict[str, np.ndarray], labels: np.ndarray, *, seed: int = 0
) -> Diagnosis:
    """Finds what an int8 simulation costs, and which tensors and layers cost it.

    Args:
        deploy: A calibrated (and fine-tuned) deploy model; it comes out as it went in.
        trained: The float model that it stands for.
        inputs: Name → float32 (samples, …).
        labels: Class indices, int64 (samples,); not looked at where there are no classes.
        seed: Of the random directions in which the answer's slopes are taken.
    """
    found = _Trials(deploy, {name: values[:1] for name, values in inputs.items()}, seed)
    size = batch_size(deploy)
    starts = range(0, len(labels), size)
    with progress_bar("try layers", len(starts) * found.steps, unit="passes") as bar:
        for start in starts:
            found.add({name: values[start : start + size] for name, values in inputs.items()}, bar)
    return found.diagnosis(predict(signal_model(trained), inputs), labels)


def batch_size(deploy: keras.Model) -> int:
    """Samples that are looked at together: as many as memory holds with all their activations."""
    values = sum(math.prod(layer.output.shape[1:]) for layer in deploy.layers)
    return int(min(_LARGEST_BATCH, max(1, _VALUES_A_BATCH // values)))


class _Trials:
    """Runs every trial on batch after batch and keeps the answers; `sample` (1, …) shows which layers quantize."""

    def __init__(self, deploy: keras.Model, sample: dict[str, np.ndarray], seed: int) -> None:
        self.walk = Walk(deploy)
        self.sums = TensorSums(self.walk, seed)
        self.layers = self._quantizing(sample)
        self.weights = [weight for layer in self.layers for weight in quantized_weights(layer)]
        self.classes = softmax_layer(deploy) is not None
        self.answers: dict[str, list[np.ndarray]] = {}

    def _quantizing(self, sample: dict[str, np.ndarray]) -> list[keras.layers.Layer]:
        """The layers in which a simulated tensor passes a quantizer: not all that have one need it."""
        names = set[str]()

        def see(layer: keras.layers.Layer, _quantizer: ActivationQuantizer, _before: Any, _after: Any) -> None:
            if current_phase() is Phase.SIMULATE:
                names.add(layer.name)

        self.walk.run(self.walk.start(sample), lambda _: Phase.SIMULATE, seen=see)
        return [layer for layer in self.walk.layers if layer.name in names]

    @property
    def steps(self) -> int:
        """Passes a batch."""
        return 2 + len(self.layers) + len(self.weights) + sum(map(_can_be_kept, self.layers))

    def add(self, inputs: dict[str, np.ndarray], bar: ProgressBar) -> None:
        """Runs a batch."""
        for name, values in self._passes(inputs):
            self.answers.setdefault(name, []).append(np.asarray(self.walk.signal(values)))
            bar.advance(1, name)

    def _passes(self, inputs: dict[str, np.ndarray]) -> Iterator[tuple[str, Values]]:
        """Name of each trial and the values of its walk."""
        floating, simulated = self.sums.add(inputs)
        yield "float", floating
        yield "int8", simulated
        for layer in self.layers:
            yield f"alone {layer.name}", self.walk.run(floating, _only(layer), since=[layer])
        for weight in self.weights:
            with weight.snapped():
                name = f"weight {weight.layer.name} {weight.variable.name}"
                yield name, self.walk.run(floating, lambda _: Phase.FLOAT, since=[weight.layer])
        for layer in self.layers:
            if _can_be_kept(layer):
                yield f"kept {layer.name}", self._kept(layer, simulated)

    def _kept(self, layer: DeployLayer, simulated: Values) -> Values:
        layer.precision = "float"
        settle_edges(self.walk.model)
        try:
            return self.walk.run(simulated, lambda _: Phase.SIMULATE, since=[layer, *self.walk.entries(layer)])
        finally:
            layer.precision = "int8"
            settle_edges(self.walk.model)

    def diagnosis(self, trained: np.ndarray, labels: np.ndarray) -> Diagnosis:
        """What came out.

        Args:
            trained: The trained model's centred logits (embeddings), float32 (samples, outputs).
            labels: Class indices, int64 (samples,).
        """
        answers = {name: np.concatenate(parts) for name, parts in self.answers.items()}
        floating = answers["float"]

        def judged(name: str, reference: np.ndarray) -> Answer:
            return _judged(reference, answers[name], labels if self.classes else None)

        def noise(name: str) -> float:
            return float(np.square(answers[name].astype(np.float64) - floating).sum())

        signal = float(np.square(floating.astype(np.float64)).sum())
        tensors = self.sums.errors(signal)
        for weight in self.weights:
            tensors.append(weight.errors(signal, noise(f"weight {weight.layer.name} {weight.variable.name}")))
        layers = [
            LayerCost(
                layer=layer.name,
                kind=type(layer).__name__.removeprefix("FakeQuant").removeprefix("Activation"),
                precision=getattr(layer, "precision", "int8"),
                alone=judged(f"alone {layer.name}", floating),
                noise=noise(f"alone {layer.name}"),
                kept=judged(f"kept {layer.name}", trained) if _can_be_kept(layer) else None,
            )
            for layer in self.layers
        ]
        return Diagnosis(
            samples=len(labels),
            accuracy=_judged(trained, trained, labels if self.classes else None).accuracy,
            floating=judged("float", trained),
            int8=judged("int8", trained),
            noise=noise("int8"),
            tensors=tuple(sorted(tensors, key=lambda one: -one.noise)),
            layers=tuple(sorted(layers, key=lambda one: -one.noise)),
        )


def _can_be_kept(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, DeployLayer) and layer.precision == "int8"


def _only(quantized: keras.layers.Layer) -> Callable[[keras.layers.Layer], Phase]:
    return lambda layer: Phase.SIMULATE if layer is quantized else Phase.FLOAT


def _judged(reference: np.ndarray, answer: np.ndarray, labels: np.ndarray | None) -> Answer:
    accuracy = agreement = float("nan")
    if labels is not None:
        accuracy = float((answer.argmax(axis=1) == labels).mean())
        agreement = float((answer.argmax(axis=1) == reference.argmax(axis=1)).mean())
    return Answer(accuracy, agreement, sqnr_db(reference, answer))
