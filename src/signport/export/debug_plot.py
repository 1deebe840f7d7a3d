"""The picture of `signport quantize debug`: which layers and tensors the noise of int8 comes from."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.axes
import matplotlib.figure
import matplotlib.patches
import numpy as np

from signport.export.debug_report import tensor_name
from signport.export.debug_run import Debugged
from signport.files import atomic_file
from signport.quantization.tensor_errors import TensorErrors

_INK, _PALE, _NOISE = "#1d2733", "#c9ced6", "#d9772b"
_KINDS = {"activation": "#5d9bd3", "weight": "#8e6fc1"}
_ROW, _MARGIN, _WIDTH = 0.24, 1.5, 14.0  # inches
# More bars than this nobody reads; all are in debug.json.
_MOST = 32
_FEWEST_ROWS = 8
# Beyond this an error is not to be seen, and infinity has no bar.
_MOST_DB = 80.0
_ROOM = 1.16
# A bar shorter than this part of the longest has its number behind it, not in it.
_SHORT = 0.1


def draw_costs(debugged: Debugged, path: Path) -> None:
    """Draws each layer's share of the noise, and each tensor's SQNR, the costliest first.

    Args:
        debugged: What was found.
        path: The PNG.
    """
    diagnosis = debugged.diagnosis
    layers, tensors = diagnosis.layers[:_MOST], diagnosis.tensors[:_MOST]
    rows = max(len(layers), len(tensors), _FEWEST_ROWS)
    figure = matplotlib.figure.Figure(figsize=(_WIDTH, _ROW * rows + _MARGIN), layout="constrained")
    said = f"SQNR {diagnosis.int8.sqnr_db:.1f} dB"
    if debugged.has_classes:
        said = f"agreement with float {diagnosis.int8.agreement:.4f}, {said}"
    figure.suptitle(
        f"{debugged.run.id} in int8: {said} on {diagnosis.samples} held-back samples",
        fontsize=12,
        fontweight="bold",
        color=_INK,
    )
    left, right = figure.subplots(1, 2)
    shares = np.array([100 * debugged.share(layer) for layer in layers])
    _draw_bars(left, [layer.layer for layer in layers], shares, [f"{share:.1f}" for share in shares], [_NOISE], rows)
    _head(left, "share of the noise that each layer alone makes, %", len(layers), len(diagnosis.layers))
    _draw_tensors(right, tensors, rows)
    _head(right, "SQNR of each tensor, dB", len(tensors), len(diagnosis.tensors))
    handles = [matplotlib.patches.Patch(color=color, label=name) for name, color in _KINDS.items()]
    figure.legend(
        handles=[*handles, right.lines[0]], loc="outside lower right", ncols=len(handles) + 1, fontsize=8, frameon=False
    )
    with atomic_file(path) as temporary:
        # Without the version in the metadata, the same picture has the same bytes.
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None}, facecolor="white")


def _head(axes: matplotlib.axes.Axes, what: str, shown: int, of: int) -> None:
    axes.set_title(what if shown == of else f"{what} (the worst {shown} of {of})", fontsize=10, color=_INK)


def _draw_tensors(axes: matplotlib.axes.Axes, tensors: Sequence[TensorErrors], rows: int) -> None:
    """Bars of what the simulation makes of the tensors, and dots of what each one's own error makes of the answer."""
    values = np.array([tensor.sqnr_db for tensor in tensors])
    texts = [
        "–" if np.isnan(value) else f"> {_MOST_DB:.0f}" if value > _MOST_DB else f"{value:.1f}" for value in values
    ]
    lengths = np.clip(np.nan_to_num(values, nan=0.0, posinf=_MOST_DB), 0, _MOST_DB)
    _draw_bars(axes, [tensor_name(one) for one in tensors], lengths, texts, [_KINDS[one.kind] for one in tensors], rows)
    effects = np.minimum([tensor.answer_sqnr_db for tensor in tensors], _MOST_DB)
    label = "the answer's, if this tensor's own error were the only one"
    axes.plot(effects, range(len(tensors)), "D", color=_INK, markersize=3.5, linestyle="none", label=label)
    axes.set_xlim(0, max([*lengths, *np.nan_to_num(effects), 1.0]) * _ROOM)


def _draw_bars(
    axes: matplotlib.axes.Axes,
    names: Sequence[str],
    lengths: np.ndarray,
    texts: Sequence[str],
    colors: Sequence[str],
    rows: int,
) -> None:
    """Bars with their numbers at the foot, where no dot is.

    Args:
        axes: Where.
        names: Of the bars.
        lengths: float (bars,).
        texts: Their numbers.
        colors: One for all, or one each.
        rows: For how many bars there is to be room, so that bars of both panels are equally thick.
    """
    longest = max([*lengths, 1e-9])
    axes.barh(range(len(names)), lengths, height=0.7, color=list(colors) if len(colors) > 1 else colors[0])
    for row, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        inside = length > _SHORT * longest
        axes.annotate(
            text,
            (0 if inside else length, row),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color="white" if inside else _INK,
            zorder=3,
        )
    axes.set_yticks(range(len(names)), names, fontsize=8, color=_INK)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(0, longest * _ROOM)
    axes.tick_params(axis="x", labelsize=8, colors=_INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=_PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
