"""The gates: whether an exported file answers like its float model, as its family demands."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from signport.export.convert import FORMATS
from signport.export.flatbuffer import Operator, float_islands, operators, variable_tensors
from signport.files import finite
from signport.models.gates import Gates
from signport.quantization.agreement import Agreement
from signport.training.metrics import wilson_interval

_Z = 1.96  # of a 95 % interval
# TFLite's operators by what they do (schema.fbs, `BuiltinOperator`). Browsers' and phones' compilers cut a graph at a
# branch or a loop; LiteRT.js and CompiledModel refuse whatever keeps state between calls (design §8).
_CONTROL_FLOW = frozenset({"CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_WHILE"})
_RESOURCES = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
_FUSED_LSTM = frozenset({"LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_LSTM"})
_FUSED_RECURRENT = _FUSED_LSTM | {"RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "SVDF"}


@dataclass(frozen=True)
class Gate:
    """One demand and what was found.

    Attributes:
        name: What is judged, e.g. `int8 agreement`.
        value: What was found; NaN where it could not be computed.
        bound: What is allowed.
        kind: Whether `bound` is the most or the least that passes.
    """

    name: str
    value: float
    bound: float
    kind: Literal["most", "least"]

    @property
    def passed(self) -> bool:
        """NaN never passes."""
        return self.value <= self.bound if self.kind == "most" else self.value >= self.bound

    def __str__(self) -> str:
        sign = "≤" if self.kind == "most" else "≥"
        return f"{self.name}: {self.value:.6g} ({'passes' if self.passed else 'BREAKS'} {sign} {self.bound:g})"

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "value": finite(self.value),
            "bound": self.bound,
            "kind": self.kind,
            "passed": self.passed,
        }


def judge(
    form: str,
    agreement: Agreement,
    gates: Gates,
    *,
    reference_scale: float = 1.0,
    accuracy_drop: float | None = None,
) -> list[Gate]:
    """Judges one file's answers.

    Shares are judged with their 95 % interval: a gate breaks where the samples say that the demand is missed, not where
    one sample of a small test part falls on the other side of a tie.

    Args:
        form: Name of the export format.
        agreement: The file's answers against the Keras float model's.
        gates: The family's tolerances.
        reference_scale: What absolute errors are measured in: 1 for probabilities, largest magnitude for embeddings.
        accuracy_drop: Accuracy of the float model less that of the file, 0 to 1; None without labels.
    """
    worst = agreement.max_abs / reference_scale
    classes = not np.isnan(agreement.top1) or not agreement.finite
    if not agreement.finite:
        return [Gate(f"{form} finite", float("nan"), 1, "least")]
    if form == "float32":
        found = [Gate("float32 max abs error", worst, gates.float32_max_abs, "most")]
        return found + ([Gate("float32 agreement outside ties", agreement.top1_clear, 1.0, "least")] if classes else [])
    if not FORMATS[form].quantized:
        if FORMATS[form].float16:
            found = [Gate(f"{form} max abs error", worst, gates.float16_max_abs, "most")]
        else:
            p95 = agreement.p95_abs / reference_scale
            found = [
                Gate(f"{form} 95th percentile of abs error", p95, gates.dynamic_p95_abs, "most"),
                Gate(f"{form} SQNR (dB)", agreement.sqnr_db, gates.dynamic_sqnr_db, "least"),
            ]
        return found + ([_agreed(form, agreement, gates.reduced_agreement)] if classes else [])
    whole = FORMATS[form].weight_bits == 8
    found = [Gate(f"{form} SQNR (dB)", agreement.sqnr_db, gates.int8_sqnr_db if whole else gates.int4_sqnr_db, "least")]
    if classes:
        found.append(_agreed(form, agreement, gates.int8_agreement if whole else gates.int4_agreement))
    if accuracy_drop is not None:
        # Only samples that are answered differently can be lost; their number bounds the drop's standard error.
        margin = _Z * math.sqrt((1 - agreement.top1) / agreement.samples)
        allowed = gates.int8_accuracy_drop if whole else gates.int4_accuracy_drop
        found.append(Gate(f"{form} accuracy drop", accuracy_drop, allowed + margin, "most"))
    return found


def judge_simulation(form: str, simulation: Agreement, gates: Gates) -> list[Gate]:
    """Judges how well a quantized file's answers equal the simulation that was chosen and fine-tuned.

    Args:
        form: Name of the export format.
        simulation: The file's answers against the simulation's.
        gates: The family's tolerances.
    """
    found = [Gate(f"{form} SQNR to its simulation (dB)", simulation.sqnr_db, gates.int8_simulation_sqnr_db, "least")]
    if not np.isnan(simulation.top1):
        least = least_share(gates.int8_simulation_agreement, simulation.samples)
        found.append(Gate(f"{form} agreement with its simulation", simulation.top1, least, "least"))
    return found


def judge_edge_cases(form: str, answers: np.ndarray) -> Gate:
    """Judges the answers (edge cases, outputs) to what only a bad day brings: whatever they are, they are numbers."""
    odd = int((~np.isfinite(answers).all(axis=1)).sum())
    return Gate(f"{form} edge cases answered with NaN or infinity", odd, 0, "most")


def _agreed(form: str, agreement: Agreement, wanted: float) -> Gate:
    return Gate(f"{form} agreement", agreement.top1, least_share(wanted, agreement.samples), "least")


def least_share(wanted: float, samples: int) -> float:
    """The smallest share of samples whose 95 % interval still holds `wanted`; nears `wanted` as samples grow.

    Example:
        >>> round(least_share(0.99, 262), 4), round(least_share(0.99, 100_000), 4)
        (0.9809, 0.9894)
    """
    missed = 0
    while missed < samples and wilson_interval(samples - missed - 1, samples)[1] >= wanted:
        missed += 1
    return (samples - missed) / samples


def judge_graph(
    form: str, content: bytes, input_shapes: list[tuple[int, ...]], *, fused_lstm: bool = False, kept: int = 0
) -> list[Gate]:
    """Judges what a file is made of: nothing that an app's runtime lacks, the right inputs, int8 where it must be.

    Args:
        form: Name of the export format.
        content: The `.tflite`.
        input_shapes: Shapes that the inputs must have, batch axis included.
        fused_lstm: Whether the fused LSTM operator was asked for; its own state is then allowed, and nothing else.
        kept: How many layers of a quantized file are not int8, on purpose; each may be an island.
    """
    from ai_edge_litert.interpreter import Interpreter

    found = operators(content)
    interpreter = Interpreter(model_content=content)
    shapes = [tuple(int(size) for size in detail["shape"]) for detail in interpreter.get_input_details()]
    gates = [
        Gate(f"{form} Flex and custom operators", sum(operator.custom for operator in found), 0, "most"),
        Gate(f"{form} control-flow operators", _count(found, _CONTROL_FLOW), 0, "most"),
        *_state_gates(form, content, found, _FUSED_LSTM if fused_lstm else frozenset()),
        Gate(
            f"{form} inputs of the wrong shape",
            sum(a != b for a, b in zip(shapes, input_shapes, strict=True)),
            0,
            "most",
        ),
    ]
    if FORMATS[form].quantized:
        quantized = any({"INT8", "INT16"} & set(operator.outputs) for operator in found)
        islands = len(float_islands(content)) if quantized else len(found)
        gates.append(Gate(f"{form} float islands", islands, kept, "most"))
    return gates


def _count(found: list[Operator], names: frozenset[str]) -> int:
    return sum(operator.name in names for operator in found)


def _state_gates(form: str, content: bytes, found: list[Operator], allowed: frozenset[str]) -> list[Gate]:
    variables = variable_tensors(content, but_of=allowed) + _count(found, _RESOURCES)
    return [
        Gate(f"{form} variable tensors", variables, 0, "most"),
        Gate(f"{form} fused recurrent operators", _count(found, _FUSED_RECURRENT - allowed), 0, "most"),
    ]
