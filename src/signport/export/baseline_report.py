"""What `signport quantize compare` says: a table, `compare.json` and a picture."""

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.baselines import Comparison, Row
from signport.files import finite, write_json

_PACKAGES = ("tensorflow", "tensorflow-model-optimization", "ai-edge-quantizer", "ai-edge-litert", "signport")


def write_report(comparison: Comparison) -> tuple[Path, Path]:
    """Writes `quantization/compare.json` and `quantization/compare.png` into the run's folder.

    Returns:
        The two paths.
    """
    from signport.export.baseline_plot import draw_comparison

    folder = comparison.run.path / "quantization"
    write_json(folder / "compare.json", to_json(comparison))
    draw_comparison(comparison, folder / "compare.png")
    return folder / "compare.json", folder / "compare.png"


def versions() -> dict[str, str | None]:
    """Versions of what quantizes and runs; None for what is not installed."""
    found: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The content of `compare.json`."""
    run, base = comparison.run, comparison.row("float32")
    return {
        "run": run.id,
        "family": run.family.name,
        "test_samples": comparison.samples,
        "calibration_samples": comparison.calibration_samples,
        "float_accuracy": comparison.float_accuracy,
        "rounds": comparison.rounds,
        "versions": versions(),
        "ways": {row.way.name: _row_json(row, base) for row in comparison.rows},
    }


def _row_json(row: Row, base: Row) -> dict[str, Any]:
    told = {"title": row.way.title, "explained": row.way.explained}
    if row.checked is None or row.latency is None:
        return {**told, "reason": row.reason}
    agreement = row.checked.agreement
    simulation = row.simulation
    return {
        **told,
        "note": row.note,
        "accuracy": row.checked.accuracy,
        "agreement": finite(agreement.top1),
        "sqnr_db": finite(agreement.sqnr_db),
        "max_abs": finite(agreement.max_abs),
        "simulation_agreement": None if simulation is None else finite(simulation.top1),
        "simulation_max_abs": None if simulation is None else finite(simulation.max_abs),
        "bytes": row.size,
        "bytes_ratio": row.size / base.size,
        "latency_us": row.latency.median_us,
        "latency_ratio": row.latency.ratio,
        "latency_ratio_range": [row.latency.lowest, row.latency.highest],
        "judged_as": row.way.form,
        "passes": not row.broken,
        "gates": [gate.to_json() for gate in row.checked.gates],
    }


def print_comparison(comparison: Comparison) -> None:
    """Prints a row a way, and below what has to be said of some."""
    from rich.console import Console
    from rich.table import Table

    title = f"{comparison.run.id}: {comparison.samples} held-back samples"
    if comparison.float_accuracy is not None:
        title += f", Keras float accuracy {comparison.float_accuracy:.4f}"
    table = Table(title=title, title_justify="left")
    for column in ("way", "accuracy", "agreement", "SQNR dB", "KB", "of float32", "µs", "of float32", "gates"):
        table.add_column(column, justify="left" if column in ("way", "gates") else "right", no_wrap=True)
    base = comparison.row("float32")
    for row in comparison.rows:
        table.add_row(row.way.title, *_cells(row, base))
    console = Console(width=max(Console().width, 120), highlight=False)
    console.print(table)
    for row in comparison.rows:
        if row.reason:
            console.print(f"{row.way.title}: {row.reason}", soft_wrap=True)
        for gate in row.broken:
            console.print(f"{row.way.title}: {gate}", soft_wrap=True)
        if row.note:
            console.print(f"{row.way.title}: {row.note}", soft_wrap=True)
    console.print(
        f"All from the same folded float graph, calibrated on the same {comparison.calibration_samples} training "
        "samples, final softmax in float; LiteRT, one thread, files in turns.",
        soft_wrap=True,
    )


def _cells(row: Row, base: Row) -> list[str]:
    if row.checked is None or row.latency is None:
        return ["–"] * 7 + ["no file"]
    agreement = row.checked.agreement
    return [
        "–" if row.checked.accuracy is None else f"{row.checked.accuracy:.4f}",
        f"{agreement.top1:.4f}" if np.isfinite(agreement.top1) else "–",
        f"{agreement.sqnr_db:.1f}",
        f"{row.size / 1000:.1f}",
        f"{row.size / base.size:.2f}",
        f"{row.latency.median_us:.1f}",
        f"{row.latency.ratio:.2f}",
        f"{len(row.broken)} broken" if row.broken else "pass",
    ]
