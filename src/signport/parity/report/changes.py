"""Changes between two parity reports, each judged by how much worse it may get."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from signport.errors import SignportError
from signport.parity.report.view import TASK, Cell, Row, columns
from signport.parity.report.words import decibels_text, gate_words, percent_text, plural, size_text, time_text

# Beyond this an error is not to be seen, and no drop matters.
_MOST_DB = 80.0
# Changes below these are the noise of a measurement: they are left out.
_LEAST_DB, _LEAST_LATENCY_RATIO = 0.1, 1.05

Verdict = Literal["regression", "warning", "worse", "better", "changed", "new"]


@dataclass(frozen=True)
class Thresholds:
    """How much worse the second report may be.

    Attributes:
        accuracy_drop: Accuracy lost, 0 to 1.
        agreement_drop: Agreement with the float model lost, 0 to 1.
        sqnr_drop_db: SQNR lost, in dB.
        latency_ratio: Median latency, second over first; where 95 % of the second's calls are slower than the first's
            median, else a busy machine is the likelier cause.
        size_ratio: Bytes of a file, second over first.
        strict: Whether what is skipped now but ran before is a regression, not a warning.
    """

    accuracy_drop: float = 0.01
    agreement_drop: float = 0.01
    sqnr_drop_db: float = 3.0
    latency_ratio: float = 1.25
    size_ratio: float = 1.1
    strict: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value, least = getattr(self, one.name), 1 if one.name.endswith("ratio") else 0
            if not value >= least:
                raise SignportError(f"--max-{one.name.replace('_', '-')} {value:g}: give {least} or more")


@dataclass(frozen=True)
class Change:
    """One thing that is not as it was.

    Attributes:
        where: Target and runtime, or `file`.
        form: The format; may be empty.
        what: What changed.
        before: As it was, in words.
        after: As it is.
        verdict: `regression` where it is worse than allowed; `warning` where it is no longer shown.
    """

    where: str
    form: str
    what: str
    before: str
    after: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{' '.join(part for part in (self.where, self.form, self.what) if part)}: {self.before} → {self.after}"


def size_changes(a: dict[str, Any], b: dict[str, Any], thresholds: Thresholds) -> Iterator[Change]:
    """Files that are new, gone, larger or smaller; `a` and `b` are the contents of `parity.json`."""
    for form in columns(a):
        if form == TASK:
            if not b["task"]:
                yield Change("file", form, "export", "there", "gone", "regression")
        elif form not in b["files"]:
            yield Change("file", form, "export", "there", "gone", "regression")
        else:
            before, after = a["files"][form]["bytes"], b["files"][form]["bytes"]
            if before != after:
                verdict = _ratio_verdict(after / before, thresholds.size_ratio)
                yield Change("file", form, "size", size_text(before), size_text(after), verdict)
    for form in columns(b):
        if form not in columns(a):
            yield Change("file", form, "export", "not there", "there", "new")


def row_changes(a: Row, b: Row | None, thresholds: Thresholds, *, timed: bool) -> Iterator[Change]:
    """What changed in one runtime.

    Args:
        a: The older report's row.
        b: The newer one's; None where it has none.
        thresholds: How much worse it may be.
        timed: Whether both were measured on the same machine; on another device of it, times are left out too.
    """
    where, was = f"{a.target} {a.runtime}", a.entry["status"]
    if b is None:
        if was == "ran":
            yield Change(where, "", "status", was, "gone", "regression")
        return
    now = b.entry["status"]
    if was != now:
        yield Change(where, "", "status", was, now, _lost(was, now, thresholds))
    if was != "ran" or now != "ran":
        return
    timed = timed and same_device(a, b)
    for form, cell in a.cells.items():
        if cell.state != "absent" and form in b.cells:
            yield from _cell_changes(where, form, cell, b.cells[form], thresholds, timed=timed)


def same_device(a: Row, b: Row) -> bool:
    """Whether two rows tell of the same device, as far as they tell."""
    return (a.entry.get("device") or {}) == (b.entry.get("device") or {})


def _lost(was: str, now: str, thresholds: Thresholds) -> Verdict:
    if now == "ran":
        return "better"
    if was != "ran":
        return "changed"
    return "warning" if now == "skipped" and not thresholds.strict else "regression"


def _cell_changes(where: str, form: str, a: Cell, b: Cell, thresholds: Thresholds, *, timed: bool) -> Iterator[Change]:
    was, now = a.entry["status"], b.entry.get("status", "gone")
    if was != now:
        yield Change(where, form, "status", was, now, _lost(was, now, thresholds))
    before = {gate["name"]: gate for gate in a.entry.get("gates", [])}
    for gate in b.entry.get("gates", []):
        old = before.get(gate["name"])
        if old is None and not gate["passed"] and was == now:
            yield Change(where, form, f"gate {gate['name']}", "not judged", "broken", "regression")
        elif old is not None and old["passed"] != gate["passed"]:
            verdict: Verdict = "better" if gate["passed"] else "regression"
            yield Change(where, form, f"gate {gate['name']}", _gate_text(old), _gate_text(gate), verdict)
    yield from _figure_changes(where, form, a.entry, b.entry, thresholds)
    if timed:
        yield from _latency_changes(where, form, a, b, thresholds)


def _latency_changes(where: str, form: str, a: Cell, b: Cell, thresholds: Thresholds) -> Iterator[Change]:
    for threads in sorted(set(a.latency) & set(b.latency)):
        old, new = a.latency[threads], b.latency[threads]
        ratio = new["median_us"] / max(old["median_us"], 1e-9)
        verdict = _ratio_verdict(ratio, thresholds.latency_ratio)
        # A busy machine makes some calls slow, a slower file makes nearly all of them slow.
        if verdict == "regression" and new["p5_us"] <= old["median_us"]:
            verdict = "worse"
        if verdict == "regression" or not 1 / _LEAST_LATENCY_RATIO < ratio < _LEAST_LATENCY_RATIO:
            what = f"latency, {plural(threads, 'thread')}"
            yield Change(where, form, what, time_text(old["median_us"]), time_text(new["median_us"]), verdict)


def _figure_changes(
    where: str, form: str, a: dict[str, Any], b: dict[str, Any], thresholds: Thresholds
) -> Iterator[Change]:
    old, new = a.get("figures") or {}, b.get("figures") or {}
    values = [
        ("accuracy", _share(a), _share(b), thresholds.accuracy_drop, percent_text),
        ("agreement", old.get("top1"), new.get("top1"), thresholds.agreement_drop, percent_text),
        ("SQNR", _sqnr(old), _sqnr(new), thresholds.sqnr_drop_db, decibels_text),
    ]
    for what, before, after, allowed, words in values:
        if before is None or after is None:
            continue
        # A drop of exactly what is allowed passes; without the last part, rounding decides.
        lost = before - after > allowed + 1e-9
        if lost or abs(after - before) > (_LEAST_DB if what == "SQNR" else 0):
            verdict: Verdict = "regression" if lost else "better" if after > before else "worse"
            yield Change(where, form, what, words(before), words(after), verdict)


def _gate_text(gate: dict[str, Any]) -> str:
    """What was found and what must be, without the name."""
    return gate_words(gate).removeprefix(f"{gate['name']}: ")


def _sqnr(figures: dict[str, Any]) -> float | None:
    """In dB, as far as it matters; parity.json has null for infinity, where there is no error at all."""
    found = figures.get("sqnr_db")
    if found is None:
        return _MOST_DB if figures.get("max_abs") == 0 else None
    return min(float(found), _MOST_DB)


def _share(entry: dict[str, Any]) -> float | None:
    return (entry.get("accuracy") or {}).get("value")


def _ratio_verdict(ratio: float, allowed: float) -> Verdict:
    if ratio > allowed + 1e-9:
        return "regression"
    return "worse" if ratio > 1 else "better"
