"""One picture of all reference results."""

import re
import textwrap
from itertools import cycle
from pathlib import Path
from typing import Any

from scores import Scores, Summary, as_they_come, best_baseline, most_tested

from signport.files import atomic_file

_BLUE, _ORANGE, _GREY, _INK = "#2a6fbb", "#d9772b", "#8a8f98", "#1d2733"
_COLOURS = {"float": _BLUE, "int8": _ORANGE, "": _GREY}
_LABELS = {"float": "signport, float", "int8": "signport, int8 file", "": "scikit-learn"}
# Tasks that differ in the amount of training data only are one learning curve.
_AMOUNT = re.compile(r"^(?P<what>.*), (?P<amount>\d+) (?P<unit>\w+?)s? a (?P<of>\w+)$")
_COLUMNS = 3
_ROW_INCHES, _HEAD_INCHES, _CURVE_ROWS = 0.3, 1.0, 9
# Characters of a line of a row's name and of a title, so that the points keep most of the width.
_NAME_WIDTH, _TITLE_WIDTH = 24, 42


def draw(scores: Scores, path: Path) -> None:
    """Draws a panel a task (dots: mean over the seeds; whiskers: standard deviation) and one a learning curve.

    Methods are drawn as they come; what else was done to them is for the tables.

    Args:
        scores: What was measured.
        path: The PNG.
    """
    import matplotlib.figure

    plain = {task: as_they_come(scores.summaries(task)) for task in scores.tasks() if not _AMOUNT.match(task)}
    curves: dict[str, dict[int, str]] = {}
    for task in scores.tasks():
        if found := _AMOUNT.match(task):
            title = f"{found['what']}: {found['unit']}s a {found['of']}"
            curves.setdefault(title, {})[int(found["amount"])] = task
    heights = [len(summaries) for summaries in plain.values()] + [_CURVE_ROWS] * len(curves)
    rows = [heights[start : start + _COLUMNS] for start in range(0, len(heights), _COLUMNS)]
    ratios = [max(row) * _ROW_INCHES + _HEAD_INCHES for row in rows]
    figure = matplotlib.figure.Figure(figsize=(16, sum(ratios) + 0.6), layout="constrained")
    grid = figure.add_gridspec(len(rows), _COLUMNS, height_ratios=ratios)
    panels = [figure.add_subplot(grid[divmod(number, _COLUMNS)]) for number in range(len(heights))]
    for axes, (task, summaries) in zip(panels, plain.items(), strict=False):
        _draw_task(axes, task, summaries)
    for axes, (title, amounts) in zip(panels[len(plain) :], curves.items(), strict=True):
        _draw_curve(axes, title, {amount: scores.summaries(amounts[amount]) for amount in sorted(amounts)})
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    wanted = [label for label in _LABELS.values() if label in handles]
    figure.legend([handles[label] for label in wanted], wanted, loc="outside upper center", ncols=3, frameon=False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80, metadata={"Software": None}, facecolor="white")


def _draw_task(axes: Any, task: str, summaries: dict[str, dict[str, Summary]]) -> None:
    for row, formats in enumerate(summaries.values()):
        for form, one in formats.items():
            shift = {"float": -0.14, "int8": 0.14, "": 0.0}[form] if len(formats) > 1 else 0.0
            axes.errorbar(
                one.mean,
                row + shift,
                xerr=one.spread,
                fmt="o",
                ms=5,
                lw=1.4,
                color=_COLOURS[form],
                label=_LABELS[form],
            )
    bar = best_baseline(summaries)
    if bar is not None:
        axes.axvline(bar, color=_GREY, lw=1, ls=":")
    names = [textwrap.fill(method, _NAME_WIDTH) for method in summaries]
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_title(
        f"{textwrap.fill(task, _TITLE_WIDTH)}\n({most_tested(summaries):,} tested)",
        fontsize=10.5,
        color=_INK,
        loc="left",
    )
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    low = min(axes.get_xlim()[0] - 0.01, 0.9)
    axes.set_xlim(low, 1 + 0.03 * (1 - low))  # room for a whole point at 1


def _draw_curve(axes: Any, title: str, amounts: dict[int, dict[tuple[str, str], dict[str, Summary]]]) -> None:
    rows = list(dict.fromkeys(row for summaries in amounts.values() for row in summaries))
    markers = cycle("osD^vPX*h<>p")
    for method, variant in rows:
        found = {
            amount: summaries[method, variant]
            for amount, summaries in amounts.items()
            if (method, variant) in summaries
        }
        form = next((name for name in ("int8", "float", "") if all(name in one for one in found.values())), None)
        if form is None:
            continue
        means = [one[form].mean for one in found.values()]
        name = f"{method}, {variant}" if variant else method
        axes.plot(list(found), means, marker=next(markers), ms=5, lw=1.4, color=_COLOURS[form], alpha=0.85, label=name)
    axes.set_xscale("log")
    axes.set_xticks(list(amounts), [str(amount) for amount in amounts], minor=False)
    axes.minorticks_off()
    axes.set_title(textwrap.fill(title, _TITLE_WIDTH), fontsize=10.5, color=_INK, loc="left")
    axes.set_ylabel("accuracy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.spines[["top", "right"]].set_visible(False)
