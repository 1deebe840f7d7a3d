"""The main job on data that it makes: `make export-tflite`.

Renders hands and finds their landmarks with MediaPipe, lets kinematic signers sign; trains all families on that, small
ones for sequences; quantizes, exports and bundles them, shows on the desktop that what ships is what was trained, and
prints one table. Every stage is also a `signport` verb.
"""

import argparse
import contextlib
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signport as sp
from signport.errors import SignportError

# What makes the sequence recipes fit into minutes on two cores; the recipes themselves are full size.
SMALL = {
    "lstm": ["training.epochs=80", "training.early_stopping_patience=20", "training.plateau_patience=8"],
    "transformer": [
        "model.frames=48",
        "model.hidden=128",
        "model.heads=4",
        "model.layers=2",
        "model.dropout=0.2",
        "training.epochs=50",
        "training.learning_rate=0.001",
    ],
    "stgcn": [
        "model.frames=32",
        "model.blocks=3",
        "model.channels=32",
        "model.dropout=0.1",
        "training.epochs=45",
        "training.learning_rate=0.004",
        "training.label_smoothing=0.1",
    ],
    "conv_transformer": ["model.frames=48", "model.hidden=88", "model.stages=1", "training.epochs=40"],
}


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


class MainJob:
    """The job's data, made when first asked for, and what came of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work: Path = options.work
        self.watch = Stopwatch()
        self.runs: dict[str, Any] = {}
        self.exports: dict[str, Any] = {}

    @cached_property
    def hands(self) -> Any:
        """Single hands that spell."""
        return self._render_hands("asl22")

    @cached_property
    def gestures(self) -> Any:
        """Single hands with MediaPipe's canned gestures."""
        return self._render_hands("canned")

    @cached_property
    def signs(self) -> Any:
        """Clips of whole signers."""
        with self.watch.stage("render signs"):
            return sp.render_signs(
                self.work / f"signs-{self.options.signs}-{self.options.seed}.parquet",
                classes=self.options.signs,
                seed=self.options.seed,
            )

    def _render_hands(self, classes: str) -> Any:
        with self.watch.stage(f"render and capture {classes}"):
            rendered = sp.render_hands(
                self.work / f"hands-{classes}-{self.options.per_class}-{self.options.seed}",
                classes=classes,
                per_class=self.options.per_class,
                seed=self.options.seed,
                workers=self.options.workers,
            )
            report_detection(rendered.detection_rates)
            return sp.LandmarkCache.read(rendered.folder / "landmarks.parquet")

    def train_and_export(self, name: str, recipe: str, data: Any, settings: Sequence[str] = (), **more: Any) -> None:
        """Trains a run called `name` and exports it."""
        overrides = [f"seed={self.options.seed}", *settings]
        with self.watch.stage(f"train {name}"):
            self.runs[name] = sp.train(recipe, data, name=name, runs=self.work / "runs", overrides=overrides, **more)
        with self.watch.stage(f"export {name}"):
            self.exports[name] = sp.export_tflite(self.runs[name])

    def mlp(self) -> None:
        """The plain and the residual MLP."""
        for name in ("mlp", "mlp_v2"):
            self.train_and_export(name, name, self.hands)

    def gesture_head(self) -> None:
        """Embedder, gesture head and canned head, and the bundle of all three."""
        self.train_and_export("gesture_embedder", "gesture_embedder", self.hands)
        embedder = self.runs["gesture_embedder"].path
        self.train_and_export("gesture_head", "gesture_head", self.hands, embedder=embedder)
        self.train_and_export("canned_head", "gesture_head", self.gestures, embedder=embedder)
        with self.watch.stage("bundle"):
            head, canned = self.runs["gesture_head"], self.runs["canned_head"]
            bundled = sp.bundle(head, head="int8", embedder="int8", canned=canned)
            print(f"{bundled.path}  {bundled.card['bytes']:,} bytes")

    def sequence(self, family: str) -> None:
        """A sequence family, small."""
        self.train_and_export(family, family, self.signs, SMALL[family])

    def check(self) -> dict[str, Any]:
        """Evaluates every classifier and checks all files on the desktop."""
        with self.watch.stage("evaluate"):
            for run in self.runs.values():
                if run.family.output == "probabilities":
                    sp.evaluate(run, run.cache())
        with self.watch.stage("parity on the desktop"):
            return {name: sp.check_parity(run) for name, run in self.runs.items() if name != "canned_head"}


FAMILIES = {
    "mlp": MainJob.mlp,
    "gesture_head": MainJob.gesture_head,
    "lstm": lambda job: job.sequence("lstm"),
    "transformer": lambda job: job.sequence("transformer"),
    "stgcn": lambda job: job.sequence("stgcn"),
    "conv_transformer": lambda job: job.sequence("conv_transformer"),
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/export-tflite"), help="where everything goes")
    parser.add_argument("--families", nargs="*", default=[], help=f"which of {', '.join(FAMILIES)} (default all)")
    parser.add_argument("--per-class", type=int, default=100, help="images a class (default 100)")
    parser.add_argument("--signs", type=int, default=20, help="signs of the sequence families (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw and detect")
    options = parser.parse_args()
    if unknown := [name for name in options.families if name not in FAMILIES]:
        raise SignportError(f"--families {unknown[0]}: unknown; choose from: {', '.join(FAMILIES)}")
    return options


def main() -> None:
    """Runs the whole job."""
    options = arguments()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    shutil.rmtree(options.work / "runs", ignore_errors=True)  # of an earlier call; rendered images are reused
    job = MainJob(options)
    for name, make in FAMILIES.items():
        if name in (options.families or FAMILIES):
            make(job)
    reports = job.check()
    print_results(job, reports)
    for report in reports.values():
        report.require()


def report_detection(rates: dict[str, float]) -> None:
    """Says how many hands MediaPipe found."""
    worst = min(rates, key=lambda name: rates[name])
    mean = sum(rates.values()) / len(rates)
    print(f"MediaPipe found {mean:.1%} of the hands; least in class {worst!r}: {rates[worst]:.1%}")


def print_results(job: MainJob, reports: dict[str, Any]) -> None:
    """The table that this is all about, then seconds and places."""
    from rich.console import Console
    from rich.table import Table

    title = "Held-back signers; latency in ai-edge-litert, one thread, median"
    table = Table(title=title, title_justify="left")
    table.add_column("model", no_wrap=True)
    for column in (
        "samples",
        "accuracy",
        "int8",
        "agreement",
        "SQNR dB",
        "KB float",
        "int8",
        "µs float",
        "int8",
    ):
        table.add_column(column, justify="right")
    for name, exported in job.exports.items():
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
    console = Console(width=max(Console().width, 132), highlight=False)
    console.print()
    console.print(table)
    for name, report in reports.items():
        gates = sum(len(one.task_gates) + sum(len(file.gates) for file in one.files.values()) for one in report.results)
        console.print(f"parity {name}: {report.status}, {gates} gates, {report.path}")
    seconds = ", ".join(f"{name} {spent:.0f}" for name, spent in job.watch.seconds.items())
    console.print(f"seconds: {seconds}; all {sum(job.watch.seconds.values()):.0f}")
    console.print(f"files: {job.work}/runs/*/export")


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
