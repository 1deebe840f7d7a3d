"""Where two graphs part: a table per operator, and the first one whose output is off by more than its tolerance."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import numpy as np

from signport.errors import first_line
from signport.export.convert import FORMATS
from signport.export.graph_tensors import SAMPLES, GraphTensor, graph_tensors, read_outlines
from signport.files import finite
from signport.models.gates import Gates
from signport.parity.job import Job
from signport.quantization.agreement import sqnr_db

# Of float tensors, relative to the root mean square: what another order of a sum, or fused multiply-adds, can do.
_FLOAT_TOLERANCE = 1e-4
# Of quantized ones: a rounding the other way is one step; that all values move the same way is no rounding.
_STEPS, _MEAN_STEPS = 1.0, 0.25
_FLOAT16_DB = 50.0
# They change how a number is written, not what it is, and stand in one graph only.
_RECODING = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})


@dataclass(frozen=True)
class LayerRow:
    """One operator's output in both graphs.

    Attributes:
        index: The operator's number in the graph of the file.
        op: Its name.
        shape: Of its output.
        max_abs: Largest absolute difference; NaN where the other graph has no such operator.
        steps: The same in steps of its grid; NaN for a float tensor.
        sqnr_db: Signal-to-noise ratio in dB; infinite where both are equal.
        tolerance: What is allowed, in words.
        apart: Whether it is off by more than that.
    """

    index: int
    op: str
    shape: tuple[int, ...]
    max_abs: float
    steps: float
    sqnr_db: float
    tolerance: str
    apart: bool

    def to_json(self) -> dict[str, Any]:
        return {name: finite(value) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class LayerTable:
    """Two graphs side by side.

    Attributes:
        form: Format of the file.
        against: `export`: the file as it was when it was exported; `float32`: the float32 file of the same run.
        rows: One for each operator of the file.
        note: Why there are no rows.
    """

    form: str
    against: Literal["export", "float32"]
    rows: list[LayerRow]
    note: str = ""

    @property
    def first(self) -> LayerRow | None:
        """Where the graphs part; None if they don't.

        Against the export it is the first operator that is apart. Against float32 it is the first one behind which
        nothing comes back within tolerance: what an operator before it is off by, the answer does not feel (attention
        to masked frames, say, may hold anything).
        """
        if self.against == "export":
            return next((row for row in self.rows if row.apart), None)
        found = None
        for row in reversed([row for row in self.rows if not math.isnan(row.sqnr_db)]):
            if not row.apart:
                break
            found = row
        return found

    @property
    def verdict(self) -> str:
        """What it says, in a sentence."""
        first = self.first
        if self.note:
            return self.note
        where = f"operator {first.index}, {first.op} {list(first.shape)}," if first else ""
        if self.against == "export":
            if first is None:
                return "every operator answers as it did at the export: the file is the one that was exported"
            return (
                f"{where} is the first that does not answer as it did at the export: its weights, its grid or what it "
                "reads was changed since"
            )
        if first is None:
            inner = sum(row.apart for row in self.rows)
            felt = f"; {inner} inner operators do not, which the answer does not feel" if inner else ""
            return f"the answer stays within {self.rows[-1].tolerance} of the float32 file{felt}"
        return (
            f"from {where} on, nothing comes back within {first.tolerance} of the float32 file "
            f"({first.sqnr_db:.1f} dB there); `signport quantize debug` says what each layer costs the answer"
        )

    def to_json(self) -> dict[str, Any]:
        first = self.first
        return {
            "form": self.form,
            "against": self.against,
            "verdict": self.verdict,
            "first": first.to_json() if first else None,
            "rows": [row.to_json() for row in self.rows],
        }


def layer_tables(job: Job, form: str, gates: Gates) -> list[LayerTable]:
    """Compares a file with itself at its export, and with the float32 file.

    Args:
        job: The job.
        form: Format of the file.
        gates: The family's; the SQNR that a file must reach is what its tensors are held to as well.
    """
    real = {name: values[job.real][:SAMPLES] for name, values in job.inputs.items()}
    try:
        found = graph_tensors(job.files[form].read_bytes(), real)
    except (RuntimeError, ValueError) as error:
        return [LayerTable(form, "export", [], f"LiteRT's own kernels cannot run it: {first_line(error)}")]
    tables = []
    recorded = read_outlines(job.export, form)
    if recorded is not None:
        tables.append(_against_export(form, found, recorded))
    if form != "float32" and "float32" in job.files:
        floating = graph_tensors(job.files["float32"].read_bytes(), real)
        tables.append(_against_float32(form, found, floating, gates))
    return tables


def _against_export(form: str, found: list[GraphTensor], recorded: np.ndarray) -> LayerTable:
    if len(found) != len(recorded):
        words = f"the file has {len(found)} operators, at its export it had {len(recorded)}: it is another graph"
        return LayerTable(form, "export", [], words)
    rows = [_as_exported(tensor, outline) for tensor, outline in zip(found, recorded, strict=True)]
    return LayerTable(form, "export", rows)


def _as_exported(tensor: GraphTensor, recorded: np.ndarray) -> LayerRow:
    outline = tensor.outline()
    outline, recorded = _without_shared_nan(outline, recorded)
    difference = np.abs(outline - recorded)
    worst, mean = float(difference[:, 2:].max()), float(difference[:, 0].max())
    if tensor.scale:
        apart = worst > (_STEPS + 1e-3) * tensor.scale or mean > _MEAN_STEPS * tensor.scale
        tolerance = f"{_STEPS:g} step, {_MEAN_STEPS:g} in the mean"
    else:
        level = max(float(np.abs(recorded[:, 1]).max()), float(np.finfo(np.float32).tiny))
        apart = not max(worst, mean) <= _FLOAT_TOLERANCE * level
        tolerance = f"{_FLOAT_TOLERANCE:g} of its level"
    return _row(tensor, worst, sqnr_db(recorded[:, 2:], outline[:, 2:]), tolerance, apart=apart)


def _against_float32(form: str, found: list[GraphTensor], floating: list[GraphTensor], gates: Gates) -> LayerTable:
    least = _least_db(form, gates)
    partners = dict(_aligned(found, floating))
    rows = []
    for place, tensor in enumerate(found):
        other = floating[partners[place]].values if place in partners else None
        if other is None:
            rows.append(_row(tensor, math.nan, math.nan, "not in the float32 file", apart=False))
            continue
        values, other = _without_shared_nan(tensor.values, other)
        noise, ratio = float(np.abs(values - other).max()), sqnr_db(other, values)
        rows.append(_row(tensor, noise, ratio, f"{least:g} dB", apart=not ratio >= least))
    return LayerTable(form, "float32", rows)


def _least_db(form: str, gates: Gates) -> float:
    if not FORMATS[form].quantized:
        return _FLOAT16_DB if FORMATS[form].float16 else gates.dynamic_sqnr_db
    return gates.int8_sqnr_db if FORMATS[form].weight_bits == 8 else gates.int4_sqnr_db


def _aligned(found: list[GraphTensor], floating: list[GraphTensor]) -> Iterator[tuple[int, int]]:
    """Places of operators that do the same in both graphs, in the order of both; recoding ones are passed over."""
    left, right = (
        [(place, tensor) for place, tensor in enumerate(graph) if tensor.operator not in _RECODING]
        for graph in (found, floating)
    )
    ours, theirs = ([(tensor.operator, tensor.shape) for _, tensor in graph] for graph in (left, right))
    for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            yield left[block.a + offset][0], right[block.b + offset][0]


def _without_shared_nan(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in float64, with 0 where both are NaN, as a missing point is until the graph has filled it in."""
    shared = np.isnan(a) & np.isnan(b)
    return np.where(shared, 0.0, a.astype(np.float64)), np.where(shared, 0.0, b.astype(np.float64))


def _row(tensor: GraphTensor, max_abs: float, ratio: float, tolerance: str, *, apart: bool) -> LayerRow:
    return LayerRow(
        index=tensor.index,
        op=tensor.operator,
        shape=tensor.shape,
        max_abs=max_abs,
        steps=max_abs / tensor.scale if tensor.scale else math.nan,
        sqnr_db=ratio,
        tolerance=tolerance,
        apart=apart,
    )
