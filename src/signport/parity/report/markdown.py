"""`parity.md`: the report for a comment on a pull request."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from signport.files import write_text
from signport.parity.report.markup import clean
from signport.parity.report.view import TASK, Broken, Cell, Row, broken_gates, columns, matrix, verdict
from signport.parity.report.words import (
    decibels_text,
    error_text,
    interval_text,
    percent_text,
    plural,
    size_text,
    time_text,
)

if TYPE_CHECKING:
    from signport.parity.check import ParityReport

_Entry = TypeVar("_Entry")

MARKDOWN_FILE = "parity.md"
_MOST_BYTES = 65_000  # GitHub takes comments of 65,536 characters
_MOST_LINES, _LONGEST = 20, 400  # of a list, and of a text from the run
_STATUS = {"passed": "✅ Parity passed", "failed": "❌ Parity failed", "skipped": "⚪ Parity: nothing shown"}
_SIGNS = {"passed": "✅", "failed": "❌", "skipped": "⚪", "absent": ""}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_CUT = "\n\n… cut to what a comment may hold; parity.html has all.\n"


def write_markdown(report: "ParityReport") -> Path:
    """Writes `parity.md` beside `parity.json`: short, and below GitHub's limit of 65,536 characters.

    Raises:
        SignportError: The folder cannot be written to.
    """
    path = report.path.with_name(MARKDOWN_FILE)
    write_text(path, markdown(report.content))
    return path


def markdown(content: dict[str, Any]) -> str:
    """The report as GitHub's Markdown. What comes from the run is escaped; what does not fit is left out.

    Args:
        content: Of `parity.json`.
    """
    rows = matrix(content)
    text = "\n\n".join(block for block in (*_head(content), *_matrix(content, rows), *_lists(content)) if block) + "\n"
    for block in (_figures(rows), _provenance(content, rows)):
        longer = f"{text}\n{block}\n"
        if len(longer.encode()) <= _MOST_BYTES:
            text = longer
    if len(text.encode()) > _MOST_BYTES:
        kept = text.encode()[:_MOST_BYTES].decode(errors="ignore")
        text = kept[: kept.rfind("\n")] + _CUT
    return text


def _head(content: dict[str, Any]) -> list[str]:
    name = escaped(content["name"] or content["run"])
    return [f"## {_STATUS[content['status']]}: {name} ({escaped(content['family'])})", escaped(verdict(content))]


def _matrix(content: dict[str, Any], rows: list[Row]) -> list[str]:
    forms = columns(content)
    body = []
    for row in rows:
        name = f"{escaped(row.target)} {escaped(row.runtime)}"
        if row.entry.get("emulated"):
            name += " (emulated)"
        if row.entry["status"] == "ran":
            cells = [_cell(row.cells[form]) for form in forms]
        else:
            cells = [f"{_SIGNS[row.state]} {row.state}", *[""] * (len(forms) - 1)]
        body.append([name, *cells])
    heads = ["runtime"]
    for form in forms:
        size = content["files"].get(form, {}).get("bytes") if form != TASK else None
        heads.append(f"{escaped(form)}<br>{size_text(size)}" if size else escaped(form))
    return [_table(heads, body)]


def _cell(cell: Cell) -> str:
    if cell.state == "absent":
        return "–"
    words = cell.detail if cell.state == "failed" else cell.headline
    return f"{_SIGNS[cell.state]} {escaped(words or cell.headline)}"


def _lists(content: dict[str, Any]) -> list[str]:
    blocks = []
    if found := broken_gates(content):
        advice = list(dict.fromkeys(one.advice for one in found))
        blocks.append(f"### {plural(len(found), 'broken gate').capitalize()}\n{_bullets(found, _broken)}")
        blocks.append(f"**What to do**\n{_bullets(advice, prose)}")
    if content["skipped"]:
        blocks.append(f"### Not run\n{_bullets(content['skipped'], prose)}")
    return blocks


def _broken(one: Broken) -> str:
    return f"**{escaped(one.where)}**: {prose(one.what)}" + (f" ({prose(one.why)})" if one.why else "")


def _bullets(entries: list[_Entry], words: Callable[[_Entry], str]) -> str:
    lines = [f"- {words(entry)}" for entry in entries[:_MOST_LINES]]
    if len(entries) > _MOST_LINES:
        lines.append(f"- … and {len(entries) - _MOST_LINES:,} more: see parity.html")
    return "\n".join(lines)


def _figures(rows: list[Row]) -> str:
    body = []
    for row in rows:
        for form, cell in row.cells.items():
            found = cell.entry.get("figures")
            if not found:
                continue
            times = cell.latency[min(cell.latency)] if cell.latency else None
            speed = time_text(times["median_us"] if times else None)
            sqnr = decibels_text(found["sqnr_db"], equal=found["max_abs"] == 0)
            shares = [percent_text(found["top1"]), interval_text(cell.entry["accuracy"])]
            name = f"{escaped(row.target)} {escaped(row.runtime)}"
            body.append([name, escaped(form), error_text(found["max_abs"]), sqnr, *shares, speed])
    heads = ["runtime", "file", "max error", "SQNR", "agreement", "accuracy [95 %]", "median latency"]
    return _details("Figures", _table(heads, body)) if body else ""


def _provenance(content: dict[str, Any], rows: list[Row]) -> str:
    versions = [
        [f"{escaped(row.target)} {escaped(row.runtime)}", _code(row.entry["version"]), escaped(row.entry["emulated"])]
        for row in rows
        if row.entry["version"]
    ]
    digests = [[escaped(form), _code(entry["sha256"])] for form, entry in content["files"].items()]
    machine = content["machine"]
    where = escaped(f"{machine['processor']}, {plural(machine['cores'], 'core')}, {machine['platform']}")
    golden = f"{plural(content['golden']['samples'], 'golden sample')}, {escaped(content['created'])}"
    parts = [
        f"{where}; {golden}",
        f"Again: {_code(content['command'])}",
        _table(["runtime", "version", "emulated"], versions),
        _table(["file", "SHA-256"], digests),
    ]
    return _details("Machine, versions, digests", "\n\n".join(parts))


def _details(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _table(heads: list[str], body: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def prose(text: str) -> str:
    """Escaped text, in which `commands` between backticks stay commands."""
    parts = _line(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick
        return escaped(text)
    return "".join(_code(part) if number % 2 else _escaped(part) for number, part in enumerate(parts))


def escaped(text: str) -> str:
    """One line in which nothing is Markdown or HTML, and nobody is mentioned."""
    return _escaped(_line(text))


def _escaped(text: str) -> str:
    found = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", found).replace("@", "@\u200b")


def _code(text: str) -> str:
    """A code span; a table's cell ends at a bar, even in code."""
    return f"`{_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`" if text.strip() else "–"


def _line(text: str) -> str:
    """Without line breaks and control characters, and not longer than anybody reads."""
    found = " ".join(clean(text[: 2 * _LONGEST]).split())
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}…"
