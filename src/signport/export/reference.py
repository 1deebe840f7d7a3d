"""The float model as the reference, and how an exported file compares with it on the held-back test part."""

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from signport.errors import SignportError
from signport.export.check import Gate, judge, judge_graph
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.quantization.agreement import Agreement, compare
from signport.training.run import Run


@dataclass(frozen=True)
class CheckedFile:
    """A finished file and how it answered on the test part.

    Attributes:
        content: The `.tflite`.
        answers: Its answers, float32 (samples, outputs).
        agreement: Its answers against the float model's.
        accuracy: 0 to 1; None for an embedder.
        gates: What it was judged by.
    """

    content: bytes
    answers: np.ndarray
    agreement: Agreement
    accuracy: float | None
    gates: list[Gate]


@dataclass(frozen=True)
class Reference:
    """A run's float model, as it ships, on the run's test part.

    Attributes:
        run: The run.
        model: The part of its model that ships.
        inputs: Name → float32 (samples, …).
        labels: Class indices, int64 (samples,).
        fused_lstm: Whether its files are to keep TFLite's fused LSTM.
        kept: How many layers of its quantized files are not to be int8.
    """

    run: Run
    model: keras.Model
    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    fused_lstm: bool = False
    kept: int = 0

    @classmethod
    def of(cls, run: Run) -> "Reference":
        """The reference of a run.

        Raises:
            SignportError: The run held back no test part, so its files can't be checked.
        """
        if not len(run.split().test):
            raise SignportError(
                f"{run.path}: its recipe held back no test samples (data.test: {run.recipe.data.test:g}), on which "
                "exported files are checked; train again with data.test above 0"
            )
        return cls(run, run.family.deployed(run.model()), run.inputs("test"), run.labels("test"))

    @cached_property
    def answers(self) -> np.ndarray:
        """The float model's outputs, float32 (samples, outputs)."""
        return predict(self.model, self.inputs)

    @property
    def scale(self) -> float:
        """What absolute errors are measured in: 1 for probabilities, the largest magnitude for embeddings."""
        return float(np.abs(self.answers).max()) if self.run.family.output == "embedding" else 1.0

    @property
    def accuracy(self) -> float | None:
        """Of the float model on the test part, 0 to 1; None for an embedder."""
        return self._accuracy(self.answers)

    def check(self, form: str, content: bytes) -> CheckedFile:
        """Runs a file in LiteRT on the test part and judges it by the family's gates."""
        answers = LiteRtModel(content).predict([self.inputs[tensor.name] for tensor in self.model.inputs])
        agreement, accuracy = compare(self.answers, answers, self.run.family.output), self._accuracy(answers)
        drop = None if accuracy is None or self.accuracy is None else self.accuracy - accuracy
        shapes = [(1, *tensor.shape[1:]) for tensor in self.model.inputs]
        gates = judge_graph(form, content, shapes, fused_lstm=self.fused_lstm, kept=self.kept)
        gates += judge(form, agreement, self.run.gates, reference_scale=self.scale, accuracy_drop=drop)
        return CheckedFile(content, answers, agreement, accuracy, gates)

    def _accuracy(self, answers: np.ndarray) -> float | None:
        if self.run.family.output == "embedding":
            return None
        return float((answers.argmax(axis=1) == self.labels).mean())
