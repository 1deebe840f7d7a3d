"""The picture of `signport quantize compare`: how well, how large and how fast every way is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.axes
import matplotlib.figure
import matplotlib.patches
import matplotlib.ticker
import numpy as np

from signport.export.baselines import Comparison, Row
from signport.export.check import least_share
from signport.files import atomic_file

_INK, _PALE, _RED = "#1d2733", "#c9ced6", "#b3261e"
_MAKERS = {
    "float": "#8a8f98",
    "TensorFlow's converter": "#5d9bd3",
    "ai-edge-quantizer": "#8e6fc1",
    "signport": "#d9772b",
    "tfmot": "#3f9a6b",
}
_ROW, _MARGIN, _WIDTH = 0.36, 1.7, 13.5  # inches
# Beyond this a file answers like the float model; the bars of float files would hide the others'.
_MOST_DB = 60.0
_REASON_LENGTH = 170
_PAPER = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}


@dataclass(frozen=True)
class _Panel:
    """One figure of all ways.

    Attributes:
        title: Above the bars.
        value: Of a row that has a file.
        text: What stands at the bar's end.
        line: Where the family's int8 gate, or float32, is, as a dashed line.
        gate: A word in the names of the gates that judge it; empty for none.
        most: The longest bar.
        log: Whether the axis is logarithmic.
    """

    title: str
    value: Callable[[Row], float]
    text: Callable[[float], str]
    line: float
    gate: str = ""
    most: float = float("inf")
    log: bool = False


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Draws a row of bars a way: agreement and SQNR with float, size and latency as ratios to float32.

    Args:
        comparison: What was measured.
        path: The PNG.
    """
    rows, panels = comparison.rows, _panels(comparison)
    figure = matplotlib.figure.Figure(figsize=(_WIDTH, _ROW * len(rows) + _MARGIN), layout="constrained")
    figure.suptitle(
        f"{comparison.run.id} ({comparison.run.family.name}): {comparison.samples} held-back samples",
        fontsize=12,
        fontweight="bold",
        color=_INK,
    )
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, panel in zip(axes, panels, strict=True):
        _draw_panel(axis, panel, rows)
    axes[0].set_yticks(range(len(rows)), [row.way.title for row in rows], fontsize=9)
    for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(_RED if row.broken or row.reason else _INK)
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    _write_reasons(axes[0], rows)
    shown = {_maker(row) for row in rows if row.checked is not None}
    handles = [matplotlib.patches.Patch(color=color, label=name) for name, color in _MAKERS.items() if name in shown]
    handles.append(matplotlib.patches.Patch(color="none", label="red: breaks a gate of its family, or no file"))
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    legend.get_texts()[-1].set_color(_RED)
    with atomic_file(path) as temporary:
        # Without the version in the metadata, the same picture has the same bytes.
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None}, facecolor="white")


def _panels(comparison: Comparison) -> list[_Panel]:
    base, gates = comparison.row("float32"), comparison.run.family.gates
    agreement = _Panel(
        "same top class as float",
        lambda row: row.checked.agreement.top1 if row.checked else np.nan,
        lambda value: f"{value:.4f}",
        least_share(gates.int8_agreement, comparison.samples),
        gate="agreement",
        most=1.0,
    )
    rest = [
        _Panel(
            "SQNR (dB)",
            lambda row: row.checked.agreement.sqnr_db if row.checked else np.nan,
            lambda value: f"{value:.1f}",
            gates.int8_sqnr_db,
            gate="SQNR",
            most=_MOST_DB,
        ),
        _Panel("size, of float32", lambda row: row.size / base.size, lambda value: f"{value:.2f}", 1.0),
        _Panel(
            "latency, of float32",
            lambda row: row.latency.ratio if row.latency else np.nan,
            lambda value: f"{value:.2f}",
            1.0,
            log=True,
        ),
    ]
    return rest if comparison.run.family.output == "embedding" else [agreement, *rest]


def _maker(row: Row) -> str:
    """Whose work a way is, as a key of `_MAKERS`."""
    name = row.way.name
    if name in ("float32", "fused_float32"):
        return "float"
    if name in ("calibrated", "qat"):
        return "signport"
    return (
        "tfmot" if name == "tfmot" else "ai-edge-quantizer" if name.startswith("ai_edge") else "TensorFlow's converter"
    )


def _write_reasons(axis: matplotlib.axes.Axes, rows: Sequence[Row]) -> None:
    """Says across a row's panels why it has no bars."""
    axis.set_zorder(1)
    axis.patch.set_visible(False)
    for number, row in enumerate(rows):
        if row.reason:
            words = row.reason if len(row.reason) <= _REASON_LENGTH else f"{row.reason[: _REASON_LENGTH - 1]}…"
            place: dict[str, Any] = {
                "transform": axis.get_yaxis_transform(),
                "va": "center",
                "clip_on": False,
                "bbox": _PAPER,
            }
            text = axis.text(0.02, number, f"no file: {words}", fontsize=8, color=_RED, **place)
            text.set_in_layout(False)


def _draw_panel(axis: matplotlib.axes.Axes, panel: _Panel, rows: Sequence[Row]) -> None:
    made = [(number, row, panel.value(row)) for number, row in enumerate(rows) if row.checked is not None]
    values = np.array([value for _, _, value in made])
    lengths = np.clip(values, 0, panel.most)
    low, high = _limits(lengths, panel)
    for (number, row, value), length in zip(made, lengths, strict=True):
        axis.barh(number, length - low, left=low, height=0.68, color=_MAKERS[_maker(row)])
        text = f"> {panel.most:.0f}" if value > panel.most else panel.text(value)
        color = _RED if panel.gate and any(panel.gate in gate.name for gate in row.broken) else _INK
        place: dict[str, Any] = {"textcoords": "offset points", "va": "center", "bbox": _PAPER, "zorder": 3}
        axis.annotate(text, (max(length, low), number), (4, 0), fontsize=8, color=color, **place)
    if panel.log:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 3)))
        axis.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axis.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    else:
        longest = max(float(lengths.max()), panel.line)
        ticks = matplotlib.ticker.MaxNLocator(5).tick_values(low, longest)
        axis.set_xticks([tick for tick in ticks if low <= tick <= longest])
    axis.set_xlim(low, high)
    axis.axvline(panel.line, color=_INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axis.set_title(panel.title, fontsize=9.5, color=_INK)
    axis.tick_params(axis="x", labelsize=8, colors=_INK)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color=_PALE, linewidth=0.5)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _limits(lengths: np.ndarray, panel: _Panel) -> tuple[float, float]:
    """Ends of the axis, with room for the numbers at the bars' ends."""
    if panel.log:
        low, high = min(0.1, float(lengths.min()) / 1.5), max(2.0, float(lengths.max()))
        return low, high * (high / low) ** 0.25
    largest = max(float(lengths.max()), panel.line)
    # Agreement is near 1, where small differences are what counts.
    low = max(0.0, min(0.97, float(lengths.min()) - 0.02)) if panel.most == 1 else 0.0
    return low, largest + 0.25 * (largest - low)
