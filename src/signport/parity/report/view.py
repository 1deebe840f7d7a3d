"""What a parity report's matrix shows: a row a runtime, a cell a format, each passed, failed, skipped or absent."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from signport.parity.report.words import (
    advice,
    decibels_text,
    error_text,
    gate_words,
    in_order,
    interval_text,
    listed,
    percent_text,
    plural,
)

State = Literal["passed", "failed", "skipped", "absent"]
TASK = ".task"


@dataclass(frozen=True)
class Cell:
    """One file in one runtime.

    Attributes:
        state: `absent` where the runtime was not asked.
        headline: The key figure, or why there is none.
        detail: A second figure; may be empty.
        entry: The file's part of `parity.json`.
    """

    state: State
    headline: str
    detail: str
    entry: dict[str, Any]

    @property
    def latency(self) -> dict[int, dict[str, float]]:
        """Thread count → `median_us`, `p5_us`, `p95_us`; a `.task` has one count only, 1."""
        found = self.entry.get("latency_us") or {}
        if "median" in found:
            return {1: {f"{name}_us": found[name] for name in ("median", "p5", "p95")}}
        return {int(threads): times for threads, times in found.items()}


@dataclass(frozen=True)
class Row:
    """One runtime of a target.

    Attributes:
        target: Name of the target.
        runtime: Name of the runtime.
        entry: The runtime's part of `parity.json`.
        cells: Format (or `.task`) → cell.
    """

    target: str
    runtime: str
    entry: dict[str, Any]
    cells: dict[str, Cell]

    @property
    def state(self) -> State:
        """Of the whole row."""
        if self.entry["status"] != "ran":
            return "failed" if self.entry["status"] == "failed" else "skipped"
        states = {cell.state for cell in self.cells.values()}
        return "failed" if "failed" in states else "passed" if "passed" in states else "skipped"


@dataclass(frozen=True)
class Broken:
    """A gate that does not hold, or a runtime that could not be started.

    Attributes:
        where: Target and runtime.
        what: What was found, and what must be.
        why: What the runtime said; may be empty.
        advice: What to do.
    """

    where: str
    what: str
    why: str
    advice: str


def columns(content: dict[str, Any]) -> list[str]:
    """The matrix's columns: formats in their order, then `.task` where there is one."""
    return in_order(content["files"]) + ([TASK] if content["task"] else [])


def runtimes(content: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Target, runtime and its part of the report, in the report's order."""
    for target, found in content["targets"].items():
        for runtime, entry in found["runtimes"].items():
            yield target, runtime, entry


def matrix(content: dict[str, Any]) -> list[Row]:
    """The report's rows."""
    forms, classes = columns(content), content["output"] != "embedding"
    absent = Cell("absent", "–", "", {})
    rows = []
    for target, runtime, entry in runtimes(content):
        cells = {}
        for form in forms:
            found = entry.get("task") if form == TASK else entry["formats"].get(form)
            cells[form] = _cell(found, classes=classes) if found else absent
        rows.append(Row(target, runtime, entry, cells))
    return rows


def _cell(entry: dict[str, Any], *, classes: bool) -> Cell:
    if entry["status"] == "skipped":
        return Cell("skipped", "not taken", "", entry)
    broken = [gate for gate in entry.get("gates", []) if not gate["passed"]]
    state: State = "failed" if broken or entry["status"] == "failed" else "passed"
    headline, detail = _key_figure(entry, classes=classes)
    return Cell(state, headline, plural(len(broken), "broken gate") if broken else detail, entry)


def _key_figure(entry: dict[str, Any], *, classes: bool) -> tuple[str, str]:
    if entry["status"] == "failed":
        return "did not run", ""
    if "images" in entry:
        differences = [value for value in entry["max_abs"].values() if value is not None]
        words = f"error ≤ {error_text(max(differences))}" if differences else "no hand"
        return words, f"{entry['hands']} of {entry['images']} hands"
    figures = entry.get("figures")
    if not figures or not figures["finite"]:
        return ("NaN or ∞" if figures else "no answers"), ""
    worst = f"error ≤ {error_text(figures['max_abs'])}"
    if classes:
        return f"{percent_text(figures['top1'])} agree", worst
    return decibels_text(figures["sqnr_db"], equal=figures["max_abs"] == 0), worst


def gates_of(row: Row) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Format, gate and the file's part of the report, for every gate of a row."""
    for form, cell in row.cells.items():
        for gate in cell.entry.get("gates", []):
            yield form, gate, cell.entry


def broken_gates(content: dict[str, Any]) -> list[Broken]:
    """What does not hold, in the report's order, each with what to do."""
    run, found = content["run"], []
    for row in matrix(content):
        where = f"{row.target} {row.runtime}"
        if row.entry["status"] == "failed":
            found.append(Broken(where, "could not be started", row.entry["reason"], advice(" runs", None, run)))
        for _, gate, entry in gates_of(row):
            if not gate["passed"]:
                words = advice(gate["name"], entry.get("fault"), run)
                found.append(Broken(where, gate_words(gate), entry.get("reason") or "", words))
    return found


def verdict(content: dict[str, Any]) -> str:
    """In one sentence, what the report shows."""
    rows = matrix(content)
    ran = [row for row in rows if row.entry["status"] == "ran"]
    golden = plural(content["golden"]["samples"], "golden sample")
    if content["status"] == "skipped":
        return f"Nothing could be run, so nothing is shown: of {plural(len(rows), 'runtime')} none was there."
    files, targets = columns(content), list(dict.fromkeys(row.target for row in ran))
    scope = f"in {plural(len(ran), 'runtime')} on {listed(targets)}"
    if content["status"] == "passed":
        same = "All" if len(files) > 1 else "The"
        answer = f"{len(files)} files answer" if len(files) > 1 else "file answers"
        return f"{same} {answer} as the trained Keras model does, within the gates, on {golden} {scope}."
    count = len(content["broken"])
    wrong = list(dict.fromkeys(f"{r.target} {r.runtime}" for r in rows if r.state == "failed"))
    if not ran:
        return f"Nothing could be run: {listed(wrong)} could not be started."
    shown = listed(wrong) if len(wrong) <= 4 else plural(len(wrong), "runtime")
    verb = "gate is" if count == 1 else "gates are"
    if all(entry.get("fault") == "runtime" for row in ran for _, gate, entry in gates_of(row) if not gate["passed"]):
        return f"The files pass in ai-edge-litert, but {count} {verb} broken in {shown} ({golden} {scope})."
    return f"What ships is not shown to be the trained model: {count} {verb} broken in {shown} ({golden} {scope})."


def target_states(rows: list[Row]) -> list[tuple[str, State, str]]:
    """Target, its state and how many of its runtimes ran: failed if one of them did, skipped if none ran."""
    found = []
    for target in dict.fromkeys(row.target for row in rows):
        own = [row for row in rows if row.target == target]
        states = {row.state for row in own}
        state: State = "failed" if "failed" in states else "passed" if "passed" in states else "skipped"
        ran = sum(row.entry["status"] == "ran" for row in own)
        found.append((target, state, f"{ran} of {plural(len(own), 'runtime')}"))
    return found


def key_figures(content: dict[str, Any]) -> list[tuple[str, str]]:
    """A few numbers that sum the report up: (what, how much)."""
    rows = matrix(content)
    gates = [gate for row in rows for _, gate, _ in gates_of(row)]
    ran = sum(row.entry["status"] == "ran" for row in rows)
    golden = content["golden"]
    samples = f"{golden['samples']:,}"
    if edges := golden.get("edge_cases"):
        count = edges if isinstance(edges, int) else len(edges)
        samples += f" + {plural(count, 'edge case')}"
    found = [
        ("gates hold", f"{sum(gate['passed'] for gate in gates):,} of {len(gates):,}"),
        ("runtimes ran", f"{ran} of {len(rows)}"),
        ("golden samples", samples),
    ]
    if accuracy := content["reference"]["accuracy"]:
        found.append(("Keras accuracy [95 %]", interval_text(accuracy)))
    return found
