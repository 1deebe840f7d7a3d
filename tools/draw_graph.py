"""Draws a Keras model: layers as boxes, shapes on the edges, a block that comes several times once."""

from pathlib import Path

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from model_graph import Box, Graph, graph_of
from small_png import write_small

INK, QUIET = "#1d2733", "#7a8494"
FILLS = {"input": "#ffffff", "preprocessing": "#fde9d3", "weights": "#d6e4f5", "plain": "#eef0f3"}
MEANING = {
    "preprocessing": "preprocessing, inside the file",
    "weights": "with weights",
    "plain": "without",
}
# Sizes in inches.
WIDTH, GAP, LINE, PADDING = 1.75, 0.34, 0.17, 0.1
SIDE_GAP, TRACK, MARGIN = 0.25, 0.22, 0.55
LEGEND = 4.2


def draw_graph(model: keras.Model, path: Path) -> Path:
    """Draws a model into a PNG."""
    graph = graph_of(model)
    ranks = _ranks(graph)
    main = _main_path(graph)
    places, size = _places(graph, ranks, main)
    tracks = _tracks(graph, ranks)
    taken = set(places.values())
    middle = places[next(reversed(graph.boxes))][0]
    right = max(LEGEND, size[0] + TRACK * (1 + max(tracks.values(), default=-1)) + 0.45)
    figure = Figure(figsize=(right + MARGIN, size[1] + 0.55))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-MARGIN, right)
    axes.set_ylim(-size[1] - 0.5, 0.05)
    axes.set_axis_off()
    for names, count in sorted(graph.repeats, key=lambda entry: -len(entry[0])):
        _draw_repeat(axes, [(places[name], graph.boxes[name]) for name in names], count)
    for name, box in graph.boxes.items():
        for parent in box.parents:
            track = tracks.get((parent, name))
            # Another box lies below the parent, where the edge would turn.
            is_blocked = places[parent][0] != places[name][0] and (places[parent][0], places[name][1]) in taken
            ends = (graph.boxes[parent], places[parent], box, places[name])
            _draw_edge(axes, *ends, size[0], track, ends_in_middle=places[name][0] == middle, is_blocked=is_blocked)
    for name, box in graph.boxes.items():
        _draw_box(axes, box, places[name])
    _draw_legend(axes, -size[1] - 0.3)
    return write_small(figure, path, colours=64)


def _height(box: Box) -> float:
    return PADDING * 2 + LINE * (len(box.lines) + 1)


def _ranks(graph: Graph) -> dict[str, int]:
    """Row of each box: inputs first, everything else just above the first box that reads it."""
    earliest: dict[str, int] = {}
    for name, box in graph.boxes.items():
        earliest[name] = 1 + max((earliest[parent] for parent in box.parents), default=-1)
    ranks = dict(earliest)
    for name, box in reversed(list(graph.boxes.items())):
        readers = [ranks[other.name] for other in graph.boxes.values() if name in other.parents]
        if readers and box.kind != "input":
            ranks[name] = min(readers) - 1
    return ranks


def _places(
    graph: Graph, ranks: dict[str, int], main: set[str]
) -> tuple[dict[str, tuple[float, float]], tuple[float, float]]:
    """Middle of each box's upper side; and width and height of all."""
    rows: dict[int, list[Box]] = {}
    for name, rank in ranks.items():
        rows.setdefault(rank, []).append(graph.boxes[name])
    columns = {rank: _columns(row, main) for rank, row in rows.items()}
    first = min(column for row in columns.values() for column in row)
    last = max(column for row in columns.values() for column in row)
    places, top = {}, 0.0
    for rank in sorted(rows):
        for box, column in zip(rows[rank], columns[rank], strict=True):
            places[box.name] = (WIDTH / 2 + (column - first) * (WIDTH + SIDE_GAP), -top)
        top += max(_height(box) for box in rows[rank]) + GAP
    return places, (WIDTH + (last - first) * (WIDTH + SIDE_GAP), top - GAP)


def _main_path(graph: Graph) -> set[str]:
    """From the last box back to an input, always to the parent that has most boxes before it."""
    depths: dict[str, int] = {}
    for name, box in graph.boxes.items():
        depths[name] = 1 + max((depths[parent] for parent in box.parents), default=-1)
    name = next(reversed(graph.boxes))
    path = {name}
    while graph.boxes[name].parents:
        name = max(graph.boxes[name].parents, key=depths.__getitem__)
        path.add(name)
    return path


def _columns(row: list[Box], main: set[str]) -> list[int]:
    """Column of each box of a row; the main path goes through column 0, unless it splits into equals."""
    equals = [box for box in row if box.blocks == row[0].blocks and box.kind == row[0].kind]
    if len(equals) % 2 and len(equals) > 1:
        middle = len(equals) // 2
        return [place - middle for place in range(len(row))]
    centre = next((place for place, box in enumerate(row) if box.name in main), 0)
    others = iter(range(1, len(row)))
    return [0 if place == centre else next(others) for place in range(len(row))]


def _tracks(graph: Graph, ranks: dict[str, int]) -> dict[tuple[str, str], int]:
    """Edges that pass other rows run along the right side; those of one box share a track."""
    spans: dict[str, tuple[int, int]] = {}
    for name, box in graph.boxes.items():
        for parent in box.parents:
            if ranks[name] - ranks[parent] > 1:
                spans[parent] = (ranks[parent], max(ranks[name], spans.get(parent, (0, 0))[1]))
    taken: list[int] = []
    track_of: dict[str, int] = {}
    for parent, (start, end) in sorted(spans.items(), key=lambda entry: entry[1][0]):
        track = next((number for number, until in enumerate(taken) if until <= start), len(taken))
        taken[track : track + 1] = [end]
        track_of[parent] = track
    return {
        (parent, name): track_of[parent]
        for name, box in graph.boxes.items()
        for parent in box.parents
        if ranks[name] - ranks[parent] > 1
    }


def _draw_box(axes: Axes, box: Box, place: tuple[float, float]) -> None:
    x, y = place
    height = _height(box)
    shape = FancyBboxPatch(
        (x - WIDTH / 2, y - height),
        WIDTH,
        height,
        boxstyle="round,pad=0,rounding_size=0.06",
        facecolor=FILLS[box.kind],
        edgecolor=INK,
        linewidth=0.8,
        zorder=3,
    )
    axes.add_patch(shape)
    for number, line in enumerate(box.lines):
        colour = QUIET if line.startswith("dropout") else INK
        weight = "bold" if number == 0 else "normal"
        baseline = y - PADDING - LINE * (number + 0.5)
        axes.text(x, baseline, line, ha="center", va="center", fontsize=8, color=colour, weight=weight, zorder=4)
    last = y - PADDING - LINE * (len(box.lines) + 0.5)
    axes.text(x, last, box.name, ha="center", va="center", fontsize=6, color=QUIET, family="monospace", zorder=4)


def _draw_edge(
    axes: Axes,
    parent: Box,
    start: tuple[float, float],
    child: Box,
    end: tuple[float, float],
    width: float,
    track: int | None,
    *,
    ends_in_middle: bool,
    is_blocked: bool,
) -> None:
    text = "×".join(str(size) for size in parent.shape)
    arrow = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    if track is None:
        below, sideways = start[1] - _height(parent), WIDTH / 2 * (1 if end[0] > start[0] else -1)
        corner, tip = (start[0], below), end
        if is_blocked:
            corner = (start[0], below)
        elif ends_in_middle and end[0] != start[0]:  # down, then sideways into the child
            corner = (start[0], end[1] - _height(child) / 2)
            tip = (end[0] - sideways, corner[1])
            axes.plot([start[0]] * 2, [below, corner[1]], color=INK, linewidth=0.8)
        elif end[0] != start[0]:  # sideways out of the parent, then down
            corner = (end[0], start[1] - _height(parent) / 2)
            axes.plot([start[0] + sideways, end[0]], [corner[1]] * 2, color=INK, linewidth=0.8)
        axes.annotate("", tip, corner, arrowprops=arrow | {"color": INK})
        label = (end[0], end[1] + GAP) if corner[0] == end[0] else (start[0], below)
        axes.text(label[0] + 0.06, label[1] - 0.15, text, ha="left", va="center", fontsize=6.5, color=QUIET)
        return
    lane = width + 0.15 + TRACK * track
    out, into = start[1] - _height(parent) / 2, end[1] - _height(child) / 2 + 0.05
    middle = start[0] + WIDTH / 2, end[0] + WIDTH / 2
    axes.plot([middle[0], lane, lane], [out, out, into], color=QUIET, linewidth=0.8, zorder=1)
    axes.annotate("", (middle[1], into), (lane, into), arrowprops=arrow, zorder=1)


def _draw_repeat(axes: Axes, members: list[tuple[tuple[float, float], Box]], count: int) -> None:
    left = min(x for (x, _), _ in members) - WIDTH / 2 - 0.1
    right = max(x for (x, _), _ in members) + WIDTH / 2 + 0.1
    top = max(y for (_, y), _ in members) + 0.08
    bottom = min(y - _height(box) for (_, y), box in members) - 0.07
    frame = FancyBboxPatch(
        (left, bottom),
        right - left,
        top - bottom,
        boxstyle="round,pad=0,rounding_size=0.1",
        facecolor="#f8f9fb",
        edgecolor=QUIET,
        linewidth=0.9,
        linestyle="--",
        zorder=0,
    )
    axes.add_patch(frame)
    axes.text(
        left - 0.08, (top + bottom) / 2, f"{count} ×", ha="right", va="center", fontsize=11, weight="bold", color=INK
    )


def _draw_legend(axes: Axes, y: float) -> None:
    x = 0.1 - MARGIN
    for kind, text in MEANING.items():
        patch = FancyBboxPatch((x, y), 0.14, 0.14, boxstyle="round,pad=0", facecolor=FILLS[kind], edgecolor=INK, lw=0.6)
        axes.add_patch(patch)
        axes.text(x + 0.2, y + 0.06, text, fontsize=6.5, color=INK, va="center")
        x += 0.36 + 0.062 * len(text)
