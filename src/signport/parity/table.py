"""A parity report as a table for people."""

from typing import Any

from signport.export.convert import FORMATS
from signport.parity.answers import Latency
from signport.parity.check import ParityReport
from signport.parity.figures import Accuracy
from signport.parity.judgement import FileResult, RuntimeResult

_AGAINST = {"export": "its export", "float32": "the float32 file"}
_LOG_WIDTH = 150  # where stdout is no terminal, rich would fold the table to 80 columns


def print_report(report: ParityReport) -> None:
    """Prints a row a format and runtime, then what was skipped and what is broken."""
    from rich.console import Console
    from rich.table import Table

    threads = sorted({count for one in report.results for file in one.files.values() for count in file.answer.latency})
    golden = report.content["golden"]
    title = f"{report.content['name']} ({report.content['family']}): {golden['samples']} golden samples"
    if golden["stand_for"] != golden["samples"]:
        title += f", weighted to stand for {golden['stand_for']}"
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=_LOG_WIDTH)
    table = Table(title=title, title_justify="left")
    several = len(report.content["targets"]) > 1
    for column in (*(["target"] if several else []), "file", "runtime"):
        table.add_column(column)
    for column in ("KB", "max abs", "SQNR dB", "agreement", "accuracy [95 %]", *(f"µs {n} thr" for n in threads)):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("gates")
    keras = report.content["reference"]["accuracy"]
    blank = [""] if several else []
    if keras:
        table.add_row(*blank, "Keras float", "keras", "", "", "", "", _accuracy(Accuracy(**keras)))
    for form in FORMATS:
        table.add_section()
        if form not in report.job.files:
            if FORMATS[form].optional:
                continue
            table.add_row(*blank, form, "-", *["-"] * (5 + len(threads)), "not exported")
            continue
        path = report.job.files[form]
        for result in report.results:
            if form in result.files and result.answers.status != "skipped":
                cells = _cells(result.files[form], path.stat().st_size, threads)
                table.add_row(*([result.target] if several else []), form, result.answers.runtime, *cells)
    table.add_section()
    for result in report.results:
        if result.task.get("status") in ("ran", "failed"):
            cells = _task_cells(report, result, threads)
            table.add_row(*([result.target] if several else []), ".task", result.answers.runtime, *cells)
    console.print(table)
    for words in (*report.content["skipped"], *_skipped_files(report)):
        console.print(f"skipped: {words}")
    for words in report.broken:
        console.print(f"broken: {words}")
    for layers in report.layers:
        console.print(f"{layers.form} against {_AGAINST[layers.against]}: {layers.verdict}")
    seconds = ", ".join(f"{name} {found['seconds']:.0f}" for name, found in report.content["targets"].items())
    console.print(f"seconds: {seconds}")
    console.print(f"{report.status}: {report.path}, and {report.path.with_suffix('.html').name} to look at")


def _skipped_files(report: ParityReport) -> list[str]:
    """What runtimes that ran did not take, and why: too long for a cell."""
    return [
        f"{result.target} {result.answers.runtime} {form}: {file.reason}"
        for result in report.results
        if result.answers.status == "ran"
        for form, file in result.files.items()
        if file.status == "skipped"
    ]


def _cells(file: FileResult, size: int, threads: list[int]) -> list[str]:
    kilobytes = f"{size / 1000:.1f}"
    if file.agreement is None:
        words = "skipped" if file.status == "skipped" else f"FAILED: {file.reason}"
        return [kilobytes, "", "", "", "", *[""] * len(threads), words]
    found = file.agreement
    return [
        kilobytes,
        _figure(found.max_abs, ".1e"),
        _figure(found.sqnr_db, ".1f"),
        _figure(found.top1, ".4f"),
        _accuracy(file.accuracy),
        *(_latency(file.answer.latency.get(count)) for count in threads),
        _gates(file.gates),
    ]


def _task_cells(report: ParityReport, result: RuntimeResult, threads: list[int]) -> list[str]:
    assert report.job.task is not None
    task: dict[str, Any] = result.task
    kilobytes = f"{report.job.task.path.stat().st_size / 1000:.1f}"
    if task["status"] == "failed":
        return [kilobytes, "", "", "", "", *[""] * len(threads), f"FAILED: {task['reason']}"]
    values = [value for value in task["max_abs"].values() if value is not None]
    accuracy = task["accuracy"]
    right = _accuracy(Accuracy(**accuracy)) if accuracy["value"] is not None else "-"
    times = [f"{task['latency_us']['median']:,.0f}", *[""] * (len(threads) - 1)] if threads else []
    return [
        kilobytes,
        _figure(max(values, default=float("nan")), ".1e"),
        "",
        "",
        right,
        *times,
        _gates(result.task_gates),
    ]


def _accuracy(found: Accuracy | None) -> str:
    return "-" if found is None else f"{found.value:.4f} [{found.low:.3f}, {found.high:.3f}]"


def _latency(found: Latency | None) -> str:
    return "-" if found is None else f"{found.median_us:,.1f}"


def _gates(gates: list[Any]) -> str:
    passed = sum(gate.passed for gate in gates)
    return f"{passed} of {len(gates)}" if passed == len(gates) else f"{passed} of {len(gates)} BROKEN"


def _figure(value: float, form: str) -> str:
    if value == float("inf"):
        return "∞"
    return "-" if value != value else format(value, form)  # noqa: PLR0124  NaN is unequal to itself
