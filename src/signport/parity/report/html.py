"""`parity.html`: the report in one file that needs no network, for people."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signport.files import write_text
from signport.parity.report.charts import error_strips, latency_chart, reliability_diagram
from signport.parity.report.figures import (
    Pictured,
    chosen_errors,
    chosen_worst,
    error_decades,
    error_histogram,
    landmark_input,
    pictured,
    reliability,
)
from signport.parity.report.markup import Child, Markup, prose, tag
from signport.parity.report.samples import worst_cards
from signport.parity.report.tables import (
    devices_table,
    edge_table,
    figures_table,
    files_table,
    layers_table,
    matrix_table,
    pairs_table,
    scrolled,
    shown_operators,
    speed_table,
    state_badge,
)
from signport.parity.report.view import Row, broken_gates, key_figures, matrix, target_states, verdict
from signport.parity.report.words import in_order, plural

if TYPE_CHECKING:
    from signport.parity.check import ParityReport

HTML_FILE = "parity.html"
_MOST_STRIPS = 10
_MOST_DRAWN = 2
# The format whose calibration is set against the float model's: the first of these that ran.
_CALIBRATED = ("int8", "int4", "dynamic", "float16", "float32")
_STATUS = {"passed": "Passed", "failed": "Failed", "skipped": "Nothing shown"}


def write_html(report: "ParityReport") -> Path:
    """Writes `parity.html` beside `parity.json`.

    Returns:
        The file: HTML with its style and pictures inside, without scripts.

    Raises:
        SignportError: The folder cannot be written to.
    """
    path = report.path.with_name(HTML_FILE)
    write_text(path, html_page(report))
    return path


def html_page(report: "ParityReport") -> str:
    """The page. Everything that comes from the run is escaped."""
    content = report.content
    rows, found = matrix(content), pictured(report.job, report.results)
    sections = [
        _summary(content),
        _broken(content),
        _skipped(content),
        _section("matrix", "Every file in every runtime", scrolled(matrix_table(content, rows), "Matrix")),
        _layers(content),
        _samples(report, found),
        _latency(rows),
        _errors(report, found),
        _reliability(report, found),
        _figures(content, rows),
        _edges(rows),
        _provenance(content, rows),
    ]
    title = f"{_STATUS[content['status']]}: parity of {content['name'] or content['run']}"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        tag("title", title),
        tag("style", Markup(files(__package__).joinpath("report.css").read_text(encoding="utf-8"))),
    ]
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', tag('main', sections)), lang='en')}\n"


def _section(name: str, title: str, *children: Child) -> Markup:
    return tag("section", tag("h2", title), children, id_=name)


def _note(*words: Child) -> Markup:
    return tag("p", words, class_="note")


def _summary(content: dict[str, Any]) -> Markup:
    status = content["status"]
    tiles = [tag("div", tag("dt", name), tag("dd", value)) for name, value in key_figures(content)]
    targets = [
        tag("li", state_badge(state), tag("b", target), tag("span", ran, class_="sub"), class_=state)
        for target, state, ran in target_states(matrix(content))
    ]
    about = f"{content['family']} · {content['created'].replace('T', ' ')} · {content['machine']['processor']}"
    return tag(
        "header",
        tag("p", "signport parity", class_="kicker"),
        tag("h1", tag("span", _STATUS[status], class_=f"status {status}"), " ", content["name"] or content["run"]),
        tag("p", verdict(content), class_="verdict"),
        tag("p", about, class_="sub"),
        tag("ul", targets, class_="targets"),
        tag("dl", tiles, class_="tiles"),
    )


def _broken(content: dict[str, Any]) -> Child:
    """Broken gates, those with the same advice together."""
    found = broken_gates(content)
    if not found:
        return None
    grouped: dict[tuple[str, str], list[Child]] = {}
    for one in found:
        what = [tag("b", one.where), f": {one.what}"]
        grouped.setdefault((one.advice, one.why), []).append(tag("li", what))
    cards = []
    for (advice, why), gates in grouped.items():
        reason = tag("p", "The runtime said: ", tag("code", why)) if why else None
        todo = tag("p", tag("b", "What to do: "), prose(advice))
        cards.append(tag("div", tag("ul", gates), reason, todo, class_="alarm"))
    return _section("broken", plural(len(found), "broken gate").capitalize(), cards)


def _skipped(content: dict[str, Any]) -> Child:
    if not content["skipped"]:
        return None
    words = [tag("li", state_badge("skipped"), " ", prose(one)) for one in content["skipped"]]
    note = _note("What was skipped is not shown: it neither passes nor fails.")
    return _section("skipped", "Not run", note, tag("ul", words, class_="skips"))


def _latency(rows: list[Row]) -> Markup:
    chart = latency_chart(rows)
    left_out = [f"{row.target} {row.runtime} ({row.entry['emulated']})" for row in rows if row.entry.get("emulated")]
    emulated = f"Left out, for an emulator's times mean nothing: {', '.join(left_out)}." if left_out else None
    notes = _note("Bar: 5th to 95th percentile of single calls after warm-up; dot: median. ", emulated)
    return _section("latency", "Latency", notes, chart or tag("p", "Nothing was measured."))


def _errors(report: "ParityReport", found: list[Pictured]) -> Markup:
    job = report.job
    reference = job.reference[job.real]
    shown = chosen_errors(found, _MOST_STRIPS)
    if not shown:
        return _section("errors", "Errors", tag("p", "There are no answers to compare."))
    decades = error_decades(reference, [one.output for one in shown])
    strips = error_strips([(one, error_histogram(reference, one.output, decades)) for one in shown], decades, job.scale)
    what = "probability" if job.output == "probabilities" else "value of the embedding"
    words = f"How far each {what} is from the Keras float model's, over {plural(len(reference), 'golden sample')}. "
    left_out = len([one for one in found if not one.file.passed and one not in shown])
    more = f"Not drawn: {plural(left_out, 'more broken file')}." if left_out else None
    return _section("errors", "Errors", _note(words, "Dashed: the gate. ", more), strips)


def _reliability(report: "ParityReport", found: list[Pictured]) -> Child:
    job = report.job
    if job.output != "probabilities":
        return _section("reliability", "Reliability", _note("An embedding has no confidence, so there is no diagram."))
    labels, weights = job.labels[job.real], job.weights[job.real]
    keras = reliability(job.reference[job.real], labels, weights)
    if not keras:
        return _section("reliability", "Reliability", _note("No golden sample has a label, so there is no diagram."))
    pictures = [reliability_diagram(keras, "Keras float", "keras")]
    one = next((one for form in _CALIBRATED for one in found if one.file.form == form), None)
    if one is not None:
        bins = reliability(one.output, labels, weights)
        pictures.append(reliability_diagram(bins, one.where, one.file.form))
    note = _note(
        "Whether a score of 80 % is right 80 % of the time: on the dashed line it is. Golden samples hold the hardest "
        "ones on purpose; accuracies weigh each sample by how many of the test part it stands for, counts do not."
    )
    return _section("reliability", "Reliability", note, tag("div", pictures, class_="side-by-side"))


def _samples(report: "ParityReport", found: list[Pictured]) -> Child:
    job = report.job
    chosen = chosen_worst(job, found, _MOST_DRAWN)
    if not chosen:
        return None
    why = None
    if landmark_input(job) is None:
        why = _note(f"This model takes {', '.join(job.inputs)}, not landmarks, so there is nothing to draw.")
    parts: list[Child] = []
    for one in chosen:
        cards = worst_cards(job, one)
        words = f"Where {one.where} is furthest from the float model" if cards else f"{one.where} answers exactly alike"
        parts += [tag("h3", words), tag("div", cards, class_="samples")]
    return _section("samples", "Worst samples", why, parts)


def _figures(content: dict[str, Any], rows: list[Row]) -> Markup:
    parts = []
    for form in in_order(content["files"]):
        broken = any(form in row.cells and row.cells[form].state == "failed" for row in rows)
        summary = tag("summary", f"Answers of {form} ", state_badge("failed") if broken else None)
        parts.append(tag("details", summary, figures_table(content, rows, form), open=broken or form == "int8"))
    speed = tag("details", tag("summary", "Speed and memory"), speed_table(rows))
    note = _note("Against the Keras float model; McNemar: right only in float : right only in the file.")
    return _section("figures", "All figures", note, parts, speed)


def _edges(rows: list[Row]) -> Child:
    table = edge_table(rows)
    note = _note("Inputs that no test part holds, but a camera may: nothing found, one hand missing, wild coordinates.")
    summary = tag("summary", "Largest error on each")
    return _section("edges", "Edge cases", note, tag("details", summary, table)) if table else None


def _layers(content: dict[str, Any]) -> Child:
    """Where a file's graph parts from what it was at its export, and from the float32 file's."""
    parts: list[Child] = []
    for table in content.get("layers") or []:
        against = "the same file at its export" if table["against"] == "export" else "the float32 file"
        parts.append(tag("p", tag("b", f"{table['form']} against {against}: "), prose(table["verdict"])))
        if table["rows"]:
            shown, count = len(shown_operators(table)), len(table["rows"])
            words = f"All {plural(count, 'operator')}"
            if shown < count:
                words = f"{shown} of {plural(count, 'operator')}; parity.json has all"
            summary = tag("summary", words)
            parts.append(tag("details", summary, layers_table(table)))
    return _section("layers", "Where it parts", parts) if parts else None


def _provenance(content: dict[str, Any], rows: list[Row]) -> Markup:
    golden = content["golden"]
    facts = {
        "run": content["run"],
        "family": content["family"],
        "golden samples": f"{golden['samples']}, standing for {golden['stand_for']}",
        "report": content["schema"],
        **content["machine"],
        **content.get("versions", {}),
    }
    return _section(
        "provenance",
        "Where this comes from",
        tag("p", "Run it again:"),
        tag("pre", tag("code", content["command"])),
        files_table(content),
        devices_table(rows),
        tag("details", tag("summary", "Machine and versions"), pairs_table("Machine and versions", facts)),
        tag("details", tag("summary", "Gates of this family"), pairs_table("Gates", content["gates"])),
    )
