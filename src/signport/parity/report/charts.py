"""A parity report's charts as SVG: latency with spread, error histograms, the reliability diagram.

Strips are laid out in per cent of their width, so that their text keeps its size on a phone.
"""

import math
from typing import Any

from signport.parity.report.figures import BINS_A_DECADE, ConfidenceBin, ErrorHistogram, Pictured, calibration_error
from signport.parity.report.markup import Child, Markup, tag
from signport.parity.report.view import TASK, Row
from signport.parity.report.words import error_text, percent_text, plural, time_text

_LANE = 15.0
_HISTOGRAM_HEIGHT = 46.0
_EXACT_SHARE = 7.0  # of a histogram's width: the bar of outputs without any error stands apart from the axis
_SQUARE, _MARGIN, _COUNTS = 280.0, 34.0, 56.0  # of the reliability diagram
_LIGHTEST_LABEL = 12  # per cent of the width that a tick's label takes


def latency_chart(rows: list[Row]) -> Markup | None:
    """A strip a runtime, a lane a format: a bar from the 5th to the 95th percentile, a dot at the median.

    Returns:
        None where nothing was measured.
    """
    measured = [(row, found) for row in rows if (found := _lanes(row))]
    times = [lane[2][key] for _, found in measured for lane in found for key in ("p5_us", "p95_us")]
    if not times:
        return None
    low, high = _log_range(min(times), max(times))
    body = []
    for row, lanes in measured:
        strip: list[Child] = [_grid(low, high, len(lanes) * _LANE)]
        strip += [_lane(lane, number, low, high) for number, lane in enumerate(lanes)]
        values = [
            tag("span", tag("b", time_text(figures["median_us"])), f" {form}", class_=f"lane {form_class(form)}")
            for form, _, figures in lanes
        ]
        heading = tag("th", tag("span", row.target, class_="target"), " ", row.runtime, scope="row")
        drawing = tag("svg", strip, width="100%", height=len(lanes) * _LANE, aria_hidden="true")
        body.append(tag("tr", heading, tag("td", drawing, class_="strip"), tag("td", values, class_="values")))
    axis = tag("svg", _axis(low, high, _tick_time), width="100%", height=18, aria_hidden="true")
    foot = tag("tr", tag("td"), tag("td", axis, class_="strip"), tag("td"), class_="axis")
    head = tag(
        "tr",
        tag("th", "runtime", scope="col"),
        tag("th", "p5 – median – p95 (logarithmic)", scope="col"),
        tag("th", "median", scope="col"),
    )
    return tag("table", tag("thead", head), tag("tbody", body, foot), class_="chart")


def _lanes(row: Row) -> list[tuple[str, str, dict[str, Any]]]:
    """(format, words, percentiles) of what was measured with the fewest threads."""
    found = []
    for form, cell in row.cells.items():
        if cell.latency:
            threads = min(cell.latency)
            words = "one image" if form == TASK else plural(threads, "thread")
            found.append((form, words, cell.latency[threads]))
    return found


def _lane(lane: tuple[str, str, dict[str, Any]], number: int, low: float, high: float) -> Markup:
    form, words, figures = lane
    y = (number + 0.5) * _LANE
    places = [_percent(math.log10(max(figures[key], 1e-3)), low, high) for key in ("p5_us", "median_us", "p95_us")]
    said = (
        f"{form}, {words}: median {time_text(figures['median_us'])}, 5 to 95 % of calls: "
        f"{time_text(figures['p5_us'])} to {time_text(figures['p95_us'])}"
    )
    bar = tag("line", x1=f"{places[0]:.2f}%", x2=f"{places[2]:.2f}%", y1=y, y2=y, class_="spread")
    dot = tag("circle", cx=f"{places[1]:.2f}%", cy=y, r=4)
    return tag("g", tag("title", said), bar, dot, class_=form_class(form))


def error_strips(found: list[tuple[Pictured, ErrorHistogram]], decades: tuple[int, int], scale: float = 1.0) -> Markup:
    """A strip an answer: how many outputs are how far off, on one logarithmic axis.

    Args:
        found: Answers with their histograms.
        decades: Exponents where the axis begins and ends.
        scale: What gates measure absolute errors in; see `Job.scale`.
    """
    body = []
    for one, histogram in found:
        bound = next((g.bound for g in one.file.gates if g.name == f"{one.file.form} max abs error"), None)
        strip = _histogram(histogram, decades, bound and bound * scale)
        words = [tag("span", f"median {error_text(histogram.median)}"), tag("span", _worst_words(histogram))]
        name = [tag("b", one.file.form), tag("span", f"{one.result.target} {one.result.answers.runtime}", class_="sub")]
        state = "" if one.file.passed else "broken"
        drawing = tag(
            "svg", strip, width="100%", height=_HISTOGRAM_HEIGHT, class_=form_class(one.file.form), aria_hidden="true"
        )
        body.append(
            tag(
                "tr",
                tag("th", name, scope="row"),
                tag("td", drawing, class_="strip"),
                tag("td", words, class_="values"),
                class_=state,
            )
        )
    ticks = _axis(*decades, _decade_text, left=_EXACT_SHARE)
    ticks.append(tag("text", "exact", x="0", y=13, class_="tick"))
    axis = tag("svg", ticks, width="100%", height=18, aria_hidden="true")
    foot = tag("tr", tag("td"), tag("td", axis, class_="strip"), tag("td"), class_="axis")
    names = ("file", "number of outputs by absolute error (logarithmic)", "error")
    head = tag("tr", [tag("th", name, scope="col") for name in names])
    return tag("table", tag("thead", head), tag("tbody", body, foot), class_="chart")


def _histogram(found: ErrorHistogram, decades: tuple[int, int], bound: float | None) -> list[Child]:
    drawn: list[Child] = [_grid(*decades, _HISTOGRAM_HEIGHT, left=_EXACT_SHARE)]
    most = max(*found.counts, found.exact, 1)
    width = (100 - _EXACT_SHARE) / len(found.counts)
    bars = [(0.0, _EXACT_SHARE - 2, found.exact, "without any error")]
    for number, count in enumerate(found.counts):
        low = 10 ** (found.first_decade + number / BINS_A_DECADE)
        words = f"off by {error_text(low)} to {error_text(low * 10 ** (1 / BINS_A_DECADE))}"
        bars.append((_EXACT_SHARE + number * width, width * 0.92, count, words))
    for x, wide, count, words in bars:
        if count:
            height = max(1.5, (_HISTOGRAM_HEIGHT - 4) * count / most)
            said = tag("title", f"{plural(count, 'output')} {words}")
            y = _HISTOGRAM_HEIGHT - height
            drawn.append(tag("rect", said, x=f"{x:.2f}%", width=f"{wide:.2f}%", y=y, height=height, class_="bar"))
    if bound and decades[0] <= math.log10(bound) <= decades[1]:
        place = f"{_percent(math.log10(bound), *decades, left=_EXACT_SHARE):.2f}%"
        said = tag("title", f"gate: at most {error_text(bound)}")
        drawn.append(tag("line", said, x1=place, x2=place, y1=0, y2=_HISTOGRAM_HEIGHT, class_="bound"))
    return drawn


def _worst_words(found: ErrorHistogram) -> str:
    largest = f"largest {error_text(found.largest)}"
    return f"{largest}, {found.not_finite:,} NaN or ∞" if found.not_finite else largest


def _tick_time(microseconds: float) -> str:
    number, unit = time_text(microseconds).split()
    return f"{float(number):g} {unit}"


def _decade_text(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else f"1e{round(math.log10(value))}"


def reliability_diagram(bins: list[ConfidenceBin], name: str, form: str) -> Markup:
    """Confidence against accuracy, with 95 % intervals and the number of samples in each bin.

    Args:
        bins: What to draw.
        name: Whose answers they are.
        form: Its format, for its colour; `keras` for the float model.
    """
    drawn: list[Child] = [tag("rect", width=_SQUARE, height=_SQUARE, class_="panel")]
    for tenth in range(0, 11, 2):
        at, words = _SQUARE * tenth / 10, f"{tenth * 10} %"
        drawn.append(tag("line", x1=at, x2=at, y1=0, y2=_SQUARE, class_="grid"))
        drawn.append(tag("line", x1=0, x2=_SQUARE, y1=at, y2=at, class_="grid"))
        drawn.append(tag("text", words, x=-4, y=_SQUARE - at + 4, class_="tick end"))
        drawn.append(tag("text", words, x=at, y=_SQUARE + _COUNTS + 14, class_="tick mid"))
    drawn.append(tag("line", x1=0, y1=_SQUARE, x2=_SQUARE, y2=0, class_="ideal"))
    most = max((one.samples for one in bins), default=1)
    for one in bins:
        x, y = _SQUARE * one.confidence, _SQUARE * (1 - one.accuracy)
        said = (
            f"confidence {percent_text(one.confidence)}, accuracy {percent_text(one.accuracy)} "
            f"[{percent_text(one.accuracy_low)}, {percent_text(one.accuracy_high)}], {one.samples} samples"
        )
        ends = {"y1": _SQUARE * (1 - one.accuracy_low), "y2": _SQUARE * (1 - one.accuracy_high)}
        drawn.append(
            tag("g", tag("title", said), tag("line", x1=x, x2=x, **ends, class_="spread"), _dot(x, y), class_="point")
        )
        high = max(2.0, (_COUNTS - 22) * one.samples / most)
        left, width = _SQUARE * one.low + 2, _SQUARE / 10 - 4
        foot = _SQUARE + _COUNTS
        drawn.append(tag("rect", x=left, width=width, y=foot - high, height=high, class_="bar"))
        drawn.append(tag("text", str(one.samples), x=left + width / 2, y=foot - high - 3, class_="tick mid"))
    drawn.append(tag("text", "accuracy", x=6, y=14, class_="tick"))
    drawn.append(tag("text", "confidence", x=_SQUARE - 4, y=_SQUARE - 6, class_="tick end"))
    box = f"{-_MARGIN - 4:g} -6 {_SQUARE + _MARGIN + 20:g} {_SQUARE + _COUNTS + 28:g}"
    said = f"Reliability diagram of {name}: confidence against accuracy"
    picture = tag("svg", tag("title", said), drawn, viewBox=box, role="img", aria_label=said, class_=form_class(form))
    gap = tag("span", f"calibration error {percent_text(calibration_error(bins))}", class_="sub")
    caption = tag("figcaption", tag("b", name), tag("br"), gap)
    return tag("figure", caption, picture, class_="reliability")


def _dot(x: float, y: float) -> Markup:
    return tag("circle", cx=x, cy=y, r=4)


def form_class(form: str) -> str:
    """CSS class of a format's colour."""
    return f"form-{form.strip('.')}"


def _log_range(low: float, high: float) -> tuple[float, float]:
    """Exponents that hold both numbers, with a little room."""
    first, last = math.log10(max(low, 1e-3)), math.log10(max(high, 1e-3))
    room = max(0.06 * (last - first), 0.12)
    return first - room, last + room


def _percent(exponent: float, low: float, high: float, *, left: float = 0.0) -> float:
    share = min(max((exponent - low) / (high - low), 0.0), 1.0)
    return left + (100 - left) * share


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each decade if these are few, else the decades."""
    steps = (1, 2, 5) if high - low < 2 else (1,)
    found = [step * 10.0**decade for decade in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [value for value in found if low - 1e-9 <= math.log10(value) <= high + 1e-9]


def _grid(low: float, high: float, height: float, *, left: float = 0.0) -> list[Markup]:
    places = [f"{_percent(math.log10(value), low, high, left=left):.2f}%" for value in _ticks(low, high)]
    return [tag("line", x1=x, x2=x, y1=0, y2=height, class_="grid") for x in places]


def _axis(low: float, high: float, words: Any, *, left: float = 0.0) -> list[Markup]:
    found, last = [], left - 2.0 if left else -100.0
    for value in _ticks(low, high):
        place = _percent(math.log10(value), low, high, left=left)
        if place - last < _LIGHTEST_LABEL:
            continue
        last = place
        anchor = "end" if place > 95 else "mid" if place > 4 else ""
        found.append(tag("text", words(value), x=f"{place:.2f}%", y=13, class_=f"tick {anchor}".strip()))
    return found
