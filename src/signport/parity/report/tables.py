"""A parity report's tables as HTML: the matrix, every figure, speed, edge cases, layers, devices."""

from typing import Any

from signport.parity.report.charts import form_class
from signport.parity.report.markup import Child, Markup, prose, tag
from signport.parity.report.view import TASK, Cell, Row, columns
from signport.parity.report.words import (
    decibels_text,
    error_text,
    gate_words,
    interval_text,
    percent_text,
    plural,
    size_text,
    time_text,
)

_WORDS = frozenset({"file", "SHA-256", "version", "ran on", "emulated", "operator", "shape"})  # columns of text
# An unrolled LSTM has thousands of operators; parity.json has them all.
_MOST_OPERATORS, _BEFORE = 60, 10
_SIGNS = {"passed": ("✓", "passes"), "failed": ("✗", "fails"), "skipped": ("○", "skipped"), "absent": ("", "")}


def state_badge(state: str) -> Markup:
    """A mark and a word, so that colour is not all that tells them apart."""
    sign, words = _SIGNS[state]
    return tag("span", tag("span", sign, aria_hidden="true"), f" {words}", class_=f"badge {state}")


def scrolled(table: Child, name: str) -> Markup:
    """A table that scrolls sideways by itself where the screen is narrow, by keyboard too."""
    return tag("div", table, class_="scroll", role="region", aria_label=name, tabindex="0")


def matrix_table(content: dict[str, Any], rows: list[Row]) -> Markup:
    """Format × runtime, by target; a cell opens to its gates."""
    forms = columns(content)
    heads = [tag("th", "runtime", scope="col"), *(tag("th", _form_head(form, content), scope="col") for form in forms)]
    groups = []
    for target in content["targets"]:
        title = tag("th", target, colspan=len(forms) + 1, scope="rowgroup")
        lines = [_matrix_line(row, forms) for row in rows if row.target == target]
        groups.append(tag("tbody", tag("tr", title, class_="group"), lines))
    caption = tag("caption", "Open a cell for its gates")
    return tag("table", caption, tag("thead", tag("tr", heads)), groups, class_="matrix")


def _matrix_line(row: Row, forms: list[str]) -> Markup:
    heading = tag("th", _runtime_head(row), scope="row")
    if row.entry["status"] == "ran":
        cells = [tag("td", _cell(form, row.cells[form]), class_=f"cell {row.cells[form].state}") for form in forms]
        return tag("tr", heading, cells)
    words = [state_badge(row.state), tag("p", prose(row.entry["reason"]))]
    return tag("tr", heading, tag("td", words, colspan=len(forms), class_=f"cell {row.state}"))


def _form_head(form: str, content: dict[str, Any]) -> list[Child]:
    size = content["files"].get(form, {}).get("bytes") if form != TASK else None
    return [tag("span", form, class_=f"form {form_class(form)}"), size and tag("span", size_text(size), class_="sub")]


def _runtime_head(row: Row) -> list[Child]:
    version = row.entry["version"]
    emulated = row.entry.get("emulated")
    return [
        row.runtime,
        version and tag("span", version, class_="sub"),
        emulated and tag("span", f"emulated: {emulated}", class_="sub"),
    ]


def _cell(form: str, cell: Cell) -> Markup:
    if cell.state == "absent":
        return tag("span", "–", title="this runtime was not asked", class_="sub")
    summary = tag("summary", state_badge(cell.state), tag("b", cell.headline), cell.detail and tag("span", cell.detail))
    lines: list[Child] = [tag("li", cell.entry["reason"])] if cell.entry.get("reason") else []
    for gate in cell.entry.get("gates", []):
        mark = tag("span", "✓" if gate["passed"] else "✗", aria_label="passes" if gate["passed"] else "broken")
        words = gate_words(gate).removeprefix(f"{form} ").removeprefix("task ")
        lines.append(tag("li", mark, " ", words, class_="held" if gate["passed"] else "broken"))
    return tag("details", summary, tag("ul", lines))


def figures_table(content: dict[str, Any], rows: list[Row], form: str) -> Markup:
    """Every figure of one format: how its answers compare with the Keras float model's, a row a runtime."""
    classes = content["output"] != "embedding"
    names = ["runtime", "max error", "95 % below", "mean", "RMSE", "SQNR", "cosine"]
    names += ["KL", "top 1", "outside ties", "top 5", "accuracy [95 %]", "McNemar p"] if classes else []
    names += ["vs LiteRT", "steps"]
    body = []
    for row in rows:
        entry = row.cells[form].entry if form in row.cells else {}
        heading = tag("th", tag("span", row.target, class_="target"), " ", row.runtime, scope="row")
        if not entry:
            continue
        figures = entry.get("figures")
        if not figures or not figures["finite"]:
            words = "answers NaN or infinity" if figures else f"{entry['status']}: {entry['reason']}"
            body.append(tag("tr", heading, tag("td", words, colspan=len(names) - 1, class_="words")))
            continue
        body.append(tag("tr", heading, [tag("td", words) for words in _figure_cells(entry, classes=classes)]))
    return _table(f"Answers of the {form} file", names, body)


def _figure_cells(entry: dict[str, Any], *, classes: bool) -> list[str]:
    found, against = entry["figures"], entry.get("against_reference") or {}
    cells = [error_text(found[key]) for key in ("max_abs", "p95_abs", "mean_abs", "rmse")]
    cells.append(decibels_text(found["sqnr_db"], equal=found["max_abs"] == 0))
    cells.append("–" if found["cosine"] is None else f"{found['cosine']:.6f}")
    if classes:
        cells.append(error_text(found["kl"]))
        cells += [percent_text(found.get(key)) for key in ("top1", "top1_clear", "top5")]
        cells.append(interval_text(entry["accuracy"]))
        mcnemar = entry.get("mcnemar")
        cells.append(f"{mcnemar['p_value']:.2g} ({mcnemar['float_only']}:{mcnemar['file_only']})" if mcnemar else "–")
    steps = against.get("steps")
    return [*cells, error_text(against.get("max_abs")), "–" if steps is None else f"{steps:g}"]


def speed_table(rows: list[Row]) -> Markup:
    """Time of a call by thread count, time to load, memory and what a delegate took, a row a runtime and file."""
    counts = sorted({count for row in rows for cell in row.cells.values() for count in cell.latency})
    names = ["runtime", "file", *(plural(count, "thread") for count in counts), "load", "peak memory", "delegated"]
    body = []
    for row in rows:
        for form, cell in row.cells.items():
            if cell.state == "absent" or cell.entry.get("status") != "ran":
                continue
            heading = tag("th", tag("span", row.target, class_="target"), " ", row.runtime, scope="row")
            cells: list[str] = [*(_spread(cell.latency.get(count)) for count in counts)]
            load, taken = cell.entry.get("load_ms"), cell.entry.get("delegated")
            cells += [time_text(load * 1e3) if load is not None else "–", size_text(row.entry["peak_memory_bytes"])]
            cells.append(percent_text(taken))
            body.append(tag("tr", heading, tag("td", form, class_="words"), [tag("td", words) for words in cells]))
    return _table("Speed and memory", names, body)


def _spread(found: dict[str, Any] | None) -> str:
    if not found:
        return "–"
    return f"{time_text(found['median_us'])} [{time_text(found['p5_us'])}, {time_text(found['p95_us'])}]"


def edge_table(rows: list[Row]) -> Markup | None:
    """Largest error on each edge case, a row a runtime and file; None where there are none."""
    found = [(row, form, cell.entry.get("edge_cases")) for row in rows for form, cell in row.cells.items()]
    shown = [(row, form, cases) for row, form, cases in found if cases]
    if not shown:
        return None
    names = list(dict.fromkeys(name for _, _, cases in shown for name in cases))
    body = []
    for row, form, cases in shown:
        heading = tag("th", tag("span", row.target, class_="target"), " ", row.runtime, scope="row")
        cells = [_edge_cell(cases[name]) if name in cases else tag("td", "–") for name in names]
        body.append(tag("tr", heading, tag("td", form, class_="words"), cells))
    return _table("Edge cases: largest error", ["runtime", "file", *names], body)


def _edge_cell(error: float | None) -> Markup:
    return tag("td", "NaN or ∞", class_="broken") if error is None else tag("td", error_text(error))


def layers_table(table: dict[str, Any]) -> Markup:
    """Each operator's output in the file against another graph's, with the first that parts marked."""
    names = ["no", "operator", "shape", "SQNR", "max error", "steps", "tolerance", ""]
    first = (table["first"] or {}).get("index")
    body = []
    for row in shown_operators(table):
        cells = [tag("th", str(row["index"]), scope="row"), tag("td", row["op"], class_="words")]
        cells.append(tag("td", " × ".join(map(str, row["shape"])), class_="words"))
        cells.append(tag("td", decibels_text(row["sqnr_db"], equal=row["max_abs"] == 0)))
        cells += [tag("td", error_text(row[key])) for key in ("max_abs", "steps")]
        is_first = row["index"] == first
        cells += [tag("td", row["tolerance"]), tag("td", "parts here" if is_first else "apart" if row["apart"] else "")]
        body.append(tag("tr", cells, class_="broken" if is_first else None))
    return _table(f"Operators of the {table['form']} file", names, body)


def shown_operators(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a table of operators; of a long one, those around the first that parts, else the last."""
    rows: list[dict[str, Any]] = table["rows"]
    if len(rows) <= _MOST_OPERATORS:
        return rows
    places = [place for place, row in enumerate(rows) if table["first"] and row["index"] == table["first"]["index"]]
    start = max(0, min(places[0] - _BEFORE, len(rows) - _MOST_OPERATORS)) if places else len(rows) - _MOST_OPERATORS
    return rows[start : start + _MOST_OPERATORS]


def devices_table(rows: list[Row]) -> Markup:
    """What each runtime ran on, and its version."""
    body = []
    for row in rows:
        heading = tag("th", tag("span", row.target, class_="target"), " ", row.runtime, scope="row")
        device = row.entry.get("device") or {}
        fields = [tag("li", tag("span", f"{name} ", class_="sub"), value) for name, value in device.items()]
        words: Child = tag("ul", fields) if fields else "this machine" if row.entry["status"] == "ran" else "–"
        version, emulated = row.entry["version"] or "–", row.entry.get("emulated") or "–"
        body.append(tag("tr", heading, [tag("td", one, class_="words") for one in (version, words, emulated)]))
    return _table("Devices and versions", ["runtime", "version", "ran on", "emulated"], body)


def files_table(content: dict[str, Any]) -> Markup:
    """Size and SHA-256 of every file."""
    files = dict(content["files"])
    if content["task"] and content["task"].get("file"):
        files[TASK] = content["task"]
    body = []
    for form, entry in files.items():
        cells = [tag("td", entry["file"], class_="words"), tag("td", size_text(entry.get("bytes")))]
        digest = tag("td", tag("code", entry.get("sha256") or "–"), class_="words")
        body.append(tag("tr", tag("th", form, scope="row"), cells, digest))
    return _table("Files", ["format", "file", "size", "SHA-256"], body)


def pairs_table(name: str, pairs: dict[str, Any]) -> Markup:
    """A name and a value a row."""
    body = [
        tag("tr", tag("th", key, scope="row"), tag("td", "–" if value is None else str(value), class_="words"))
        for key, value in pairs.items()
    ]
    return scrolled(tag("table", tag("caption", name), tag("tbody", body), class_="figures"), name)


def _table(name: str, names: list[str], body: list[Markup]) -> Markup:
    columns = [tag("th", one, scope="col", class_="words" if one in _WORDS else None) for one in names]
    head = tag("thead", tag("tr", columns))
    return scrolled(tag("table", tag("caption", name), head, tag("tbody", body), class_="figures"), name)
