"""The main job on data that it makes: `make export-tflite`.

Renders hands, finds their landmarks with MediaPipe, trains the static families, quantizes, exports and bundles them,
shows on the desktop that what ships is what was trained, and prints one table. Every stage is also a `signport` verb.
"""

import argparse
import contextlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signport as sp
from signport.errors import SignportError


class Stopwatch:
    """Seconds of each stage, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announces a stage and measures it."""
        print(f"\n── {name}", flush=True)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/export-tflite"), help="where everything goes")
    parser.add_argument("--per-class", type=int, default=100, help="images a class (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw and detect")
    return parser.parse_args()


def main() -> None:
    """Runs the whole job."""
    options = arguments()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    watch = Stopwatch()
    work: Path = options.work
    shutil.rmtree(work / "runs", ignore_errors=True)  # of an earlier call; rendered images are reused

    caches = {}
    for classes in ("asl22", "canned"):
        with watch.stage(f"render and capture {classes}"):
            hands = sp.render_hands(
                work / f"hands-{classes}-{options.per_class}-{options.seed}",
                classes=classes,
                per_class=options.per_class,
                seed=options.seed,
                workers=options.workers,
            )
            report_detection(hands.detection_rates)
            caches[classes] = sp.LandmarkCache.read(hands.folder / "landmarks.parquet")
    signs, gestures = caches["asl22"], caches["canned"]

    common: dict[str, Any] = {"runs": work / "runs", "overrides": [f"seed={options.seed}"]}
    runs: dict[str, Any] = {}
    exports: dict[str, Any] = {}

    def train_and_export(name: str, recipe: str, data: Any, **more: Any) -> None:
        with watch.stage(f"train {name}"):
            runs[name] = sp.train(recipe, data, name=name, **common, **more)
        with watch.stage(f"export {name}"):
            exports[name] = sp.export_tflite(runs[name])

    train_and_export("mlp", "mlp", signs)
    train_and_export("mlp_v2", "mlp_v2", signs)
    train_and_export("gesture_embedder", "gesture_embedder", signs)
    embedder = runs["gesture_embedder"].path
    train_and_export("gesture_head", "gesture_head", signs, embedder=embedder)
    train_and_export("canned_head", "gesture_head", gestures, embedder=embedder)
    with watch.stage("bundle"):
        bundled = sp.bundle(runs["gesture_head"], head="int8", embedder="int8", canned=runs["canned_head"])
        print(f"{bundled.path}  {bundled.card['bytes']:,} bytes")
    with watch.stage("evaluate"):
        for name in ("mlp", "mlp_v2", "gesture_head"):
            sp.evaluate(runs[name], signs)
    reports = {}
    with watch.stage("parity on the desktop"):
        for name in ("mlp", "mlp_v2", "gesture_embedder", "gesture_head"):
            reports[name] = sp.check_parity(runs[name])

    print_results(exports, reports, watch, work)
    for report in reports.values():
        report.require()


def report_detection(rates: dict[str, float]) -> None:
    """Says how many hands MediaPipe found."""
    worst = min(rates, key=lambda name: rates[name])
    mean = sum(rates.values()) / len(rates)
    print(f"MediaPipe found {mean:.1%} of the hands; least in class {worst!r}: {rates[worst]:.1%}")


def print_results(exports: dict[str, Any], reports: dict[str, Any], watch: Stopwatch, work: Path) -> None:
    """The table that this is all about, then seconds and places."""
    from rich.console import Console
    from rich.table import Table

    title = "Held-back signers; latency in ai-edge-litert, one thread, median"
    table = Table(title=title, title_justify="left")
    table.add_column("model", no_wrap=True)
    for column in ("samples", "accuracy float", "int8", "agreement", "SQNR dB", "KB float", "int8", "µs float", "int8"):
        table.add_column(column, justify="right")
    for name, exported in exports.items():
        card = exported.card
        metrics, files = card["metrics"], card["files"]
        latency = latencies(reports[name]) if name in reports else {}
        table.add_row(
            name,
            str(metrics["test_samples"]),
            figure(metrics["float_accuracy"], ".4f"),
            figure(metrics["int8"]["accuracy"], ".4f"),
            figure(metrics["int8"]["top1"], ".4f"),
            figure(metrics["int8"]["sqnr_db"], ".1f"),
            figure(files["float32"]["bytes"] / 1000, ".1f"),
            figure(files["int8"]["bytes"] / 1000, ".1f"),
            figure(latency.get("float32"), ".1f"),
            figure(latency.get("int8"), ".1f"),
        )
    console = Console(width=max(Console().width, 120), highlight=False)
    console.print()
    console.print(table)
    for name, report in reports.items():
        gates = sum(len(one.task_gates) + sum(len(file.gates) for file in one.files.values()) for one in report.results)
        console.print(f"parity {name}: {report.status}, {gates} gates, {report.path}")
    seconds = ", ".join(f"{name} {spent:.0f}" for name, spent in watch.seconds.items())
    console.print(f"seconds: {seconds}; all {sum(watch.seconds.values()):.0f}")
    console.print(f"files: {work}/runs/*/export, bundle: {work}/runs/gesture_head/export/gesture_recognizer.task")


def latencies(report: Any) -> dict[str, float]:
    """Format → median microseconds in ai-edge-litert with one thread."""
    runtimes = report.content["targets"]["desktop"]["runtimes"]
    formats = runtimes["ai-edge-litert"]["formats"]
    return {form: entry["latency_us"]["1"]["median_us"] for form, entry in formats.items() if entry["latency_us"]}


def figure(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else format(value, form)


if __name__ == "__main__":
    try:
        main()
    except SignportError as error:
        print(f"signport: error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
