"""What changed between two parity reports, and whether it got worse by more than is allowed."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from signport.errors import GateError, SignportError
from signport.files import read_json
from signport.parity.check import REPORT_FILE, SCHEMA
from signport.parity.report.changes import Change, Thresholds, Verdict, row_changes, same_device, size_changes
from signport.parity.report.view import Row, matrix
from signport.parity.report.words import plural

_RANK = ("regression", "warning", "worse", "changed", "new", "better")
_MOST_NAMED = 8  # regressions in an error


@dataclass(frozen=True)
class Comparison:
    """Two reports, compared.

    Attributes:
        before: The first report's file.
        after: The second's.
        changes: What changed, the worst first.
        notes: What could not be compared, and why.
    """

    before: Path
    after: Path
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> list[Change]:
        """What got worse by more than is allowed."""
        return [change for change in self.changes if change.verdict == "regression"]

    def require(self) -> None:
        """Raises where something got worse by more than is allowed.

        Raises:
            GateError: The message names all regressions.
        """
        if found := self.regressions:
            words = [str(change) for change, _ in _together(found)]
            if len(words) > _MOST_NAMED:
                words = [*words[:_MOST_NAMED], f"and {len(words) - _MOST_NAMED} more"]
            raise GateError(f"{self.after}: {plural(len(found), 'regression')} since {self.before}: {'; '.join(words)}")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "before": str(self.before),
            "after": str(self.after),
            "passed": not self.regressions,
            "changes": [asdict(change) for change in self.changes],
            "notes": list(self.notes),
        }


def compare(before: str | Path, after: str | Path, thresholds: Thresholds | None = None) -> Comparison:
    """Compares two reports.

    Args:
        before: `parity.json`, or the run's folder that it lies in.
        after: The same of the newer one.
        thresholds: How much worse it may be.

    Raises:
        SignportError: A report is missing, damaged, or of another schema; or the two are of different kinds of models.
    """
    thresholds = thresholds or Thresholds()
    paths = report_file(before), report_file(after)
    a, b = (_read(path) for path in paths)
    if a["output"] != b["output"]:
        raise SignportError(f"{paths[1]}: answers {b['output']}, {paths[0]} {a['output']}: they cannot be compared")
    try:
        changes, notes = _changes_and_notes(a, b, thresholds)
    except (KeyError, TypeError) as error:
        raise SignportError(
            f"{paths[0]}, {paths[1]}: one of them lacks something ({error!r}); run `signport parity` again"
        ) from error
    return Comparison(*paths, tuple(sorted(changes, key=lambda one: _RANK.index(one.verdict))), tuple(notes))


def _changes_and_notes(a: dict[str, Any], b: dict[str, Any], thresholds: Thresholds) -> tuple[list[Change], list[str]]:
    changes = [*_status_changes(a, b), *size_changes(a, b, thresholds)]
    rows = {(row.target, row.runtime): row for row in matrix(b)}
    previous = {(row.target, row.runtime): row for row in matrix(a)}
    notes = _notes(a, b)
    same_machine = all(a["machine"][key] == b["machine"][key] for key in ("platform", "processor", "cores"))
    for key, row in previous.items():
        changes += row_changes(row, rows.get(key), thresholds, timed=same_machine)
        notes += _device_notes(row, rows.get(key)) if same_machine else []
    for key, row in rows.items():
        if key not in previous:
            changes.append(Change(" ".join(key), "", "status", "not there", row.entry["status"], "new"))
    return changes, notes


def report_file(path: str | Path) -> Path:
    """The `parity.json` that is meant by a file, a run's folder or its `parity` folder."""
    path = Path(path)
    if not path.is_dir():
        return path
    inside = path / "parity" / REPORT_FILE
    found = inside if inside.is_file() else path / REPORT_FILE
    if not found.is_file():
        raise SignportError(f"{path}: no {REPORT_FILE} in it; run `signport parity {path}` first")
    return found


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise SignportError(f"{path}: schema is {schema!r}, expected {SCHEMA!r}; run `signport parity` again")
    needed = ("status", "output", "family", "classes", "machine", "golden", "files", "targets")
    if missing := [key for key in needed if key not in content]:
        raise SignportError(f"{path}: {missing[0]}: missing; run `signport parity` again")
    return dict(content)


def _notes(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    notes = []
    for key, words in (("family", "families"), ("classes", "classes"), ("golden", "golden samples")):
        if a[key] != b[key]:
            said = f" ({a[key]}, {b[key]})" if key == "family" else ""
            notes.append(f"The reports have different {words}{said}: shares are of different things.")
    for key in ("platform", "processor", "cores"):
        if a["machine"][key] != b["machine"][key]:
            said = f"{key} {a['machine'][key]}, then {b['machine'][key]}"
            return [*notes, f"Latencies are not comparable: another machine ({said})."]
    return notes


def _device_notes(a: Row, b: Row | None) -> list[str]:
    if b is None or same_device(a, b):
        return []
    return [f"Latencies of {a.target} {a.runtime} are not comparable: another device."]


def _status_changes(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    if a["status"] != b["status"]:
        verdict: Verdict = "better" if b["status"] == "passed" else "worse"
        yield Change("report", "", "status", a["status"], b["status"], verdict)


def _together(changes: Iterable[Change]) -> list[tuple[Change, int]]:
    """The first of the changes that are alike but for the runtime, and how many more there are."""
    alike: dict[Change, list[Change]] = {}
    for change in changes:
        alike.setdefault(replace(change, where=""), []).append(change)
    return [(found[0], len(found) - 1) for found in alike.values()]


def print_comparison(found: Comparison) -> None:
    """Prints a row a change, the worst first and those alike in one, then the notes."""
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=150)
    if found.changes:
        table = Table(title=f"{found.before} → {found.after}", title_justify="left")
        for name in ("verdict", "where", "file", "what"):
            table.add_column(name)
        for name in ("before", "after"):
            table.add_column(name, justify="right", no_wrap=True)
        for one, others in _together(found.changes):
            where = f"{one.where} and {others} more" if others else one.where
            table.add_row(one.verdict, where, one.form, one.what, one.before, one.after)
        console.print(table)
    for note in found.notes:
        console.print(note)
    console.print(f"{plural(len(found.regressions), 'regression')}, {plural(len(found.changes), 'change')}")
