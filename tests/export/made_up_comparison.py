"""A comparison of ways to a small file, as `compare_ways` measures them, without any file having been made."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from signport.export.baselines import WAYS, Comparison, Row
from signport.export.check import Gate
from signport.export.latency import Latency
from signport.export.reference import CheckedFile
from signport.models.registry import family_named
from signport.quantization.agreement import compare

REASON = "engine tfmot is for dense graphs in int8, and layer 'lstm0' (FakeQuantLstm) belongs to none"


def made_up_comparison(path: Path, family: str = "mlp") -> Comparison:
    """float32, an int8 file that passes, one that breaks a gate, and a way without a file."""
    ways = {way.name: way for way in WAYS}
    run = SimpleNamespace(id="mlp-001", path=path, family=family_named(family))
    rows = (
        _row(Row(ways["float32"]), 1000, 0.0, Latency(10.0, 1.0, 1.0, 1.0), run.family.output),
        _row(Row(ways["ptq"]), 300, 0.6, Latency(4.0, 0.4, 0.35, 0.5), run.family.output, broken=True),
        _row(
            Row(ways["qat"], note="epoch 2 ships, of 4 candidates"),
            310,
            0.01,
            Latency(4.1, 0.41, 0.4, 0.5),
            run.family.output,
        ),
        Row(ways["tfmot"], reason=REASON),
    )
    return Comparison(run, 40, 32, 0.9 if run.family.output == "probabilities" else None, 3, rows)


def _row(
    row: Row, size: int, noise: float, latency: Latency, output: str = "probabilities", *, broken: bool = False
) -> Row:
    random = np.random.default_rng(1)
    logits = random.normal(size=(40, 5)) * 2
    reference, answers = (np.exp(x) / np.exp(x).sum(1, keepdims=True) for x in (logits, logits + noise * logits[::-1]))
    agreement = compare(reference.astype(np.float32), answers.astype(np.float32), output)
    gates = [Gate(f"{row.way.form} SQNR (dB)", agreement.sqnr_db, 500 if broken else 1, "least")]
    accuracy = None if output == "embedding" else 0.9
    simulation = agreement if row.way.name == "qat" else None
    checked = CheckedFile(bytes(size), answers, agreement, accuracy, gates)
    return replace(row, checked=checked, latency=latency, simulation=simulation)
