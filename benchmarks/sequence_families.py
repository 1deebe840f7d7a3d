"""The sequence families at equal size on the same made-up signs: `python benchmarks/sequence_families.py`.

Each is trained three times, with a split by signer a seed, as many epochs and about 300,000 parameters, and beside them
stand nearest neighbours and the small convolutional model of `signs_baseline.py`. Settings come from the validation
part of signs that other signers made (`sp.render_signs(seed=100)`), and for the older families from
`tools/export_tflite.py`. What is in the results file is not measured again.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

from interrupted import brought_to_end
from rich.console import Console
from rich.table import Table
from signs_baseline import convolutional_accuracy, knn_accuracy

import signport as sp
from signport.datasets.splits import split
from signport.files import write_json

VALIDATION, TEST = 0.17, 0.25  # two and three of twelve signers
COMMON = (f"data.validation={VALIDATION}", f"data.test={TEST}", "logging.tensorboard=false")
# About 300,000 parameters each. A graph convolution computes with all of them at every node, so that as many would take
# an hour a seed on two cores: it keeps the size of its recipe.
SETTINGS: dict[str, tuple[str, ...]] = {
    "conv_transformer": ("model.frames=48", "model.hidden=88", "model.stages=1"),
    "transformer": (
        "model.frames=48",
        "model.hidden=100",
        "model.heads=4",
        "model.layers=2",
        "model.dropout=0.2",
        "training.learning_rate=0.001",
    ),
    "lstm": ("model.units=[136,80,40]",),
    "stgcn": (
        "model.frames=32",
        "model.dropout=0.1",
        "training.learning_rate=0.004",
        "training.label_smoothing=0.1",
    ),
}
CONVOLUTIONAL, NEIGHBOURS = "small convolutional model", "5 nearest neighbours"
CONVOLUTIONAL_CHANNELS = 144
CHOICES = (*SETTINGS, CONVOLUTIONAL, NEIGHBOURS)
ROUNDS = 15


class Measured:
    """Figures that are kept in a file: family → `parameters`, `latency`, and seed → accuracy in float and int8."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def of(self, family: str) -> dict[str, Any]:
        """What is known of a family."""
        entry: dict[str, Any] = self.content.setdefault(family, {"parameters": None, "seeds": {}, "latency": None})
        return entry

    def seed(self, family: str, seed: int) -> dict[str, Any]:
        """What is known of a family's training."""
        entry: dict[str, Any] = self.of(family)["seeds"].setdefault(str(seed), {})
        return entry

    def write(self) -> None:
        """Keeps what was added."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, self.content)


def run_of(work: Path, family: str, seed: int) -> Path:
    """The folder of a training."""
    return work / "runs" / f"{family}-{seed}"


def train(measured: Measured, cache: sp.LandmarkCache, work: Path, family: str, seed: int, epochs: int) -> None:
    """Test accuracy in float."""
    entry = measured.seed(family, seed)
    if "float" in entry:
        return
    if family in SETTINGS:
        path = run_of(work, family, seed)
        if path.is_dir():
            run = brought_to_end(path)
        else:
            overrides = [f"seed={seed}", f"training.epochs={epochs}", *COMMON, *SETTINGS[family]]
            run = sp.train(family, cache, name=path.name, runs=path.parent, overrides=overrides)
        measured.of(family)["parameters"] = run.model().count_params()
        entry["float"] = json.loads((path / "run.json").read_text(encoding="utf-8"))["metrics"]["test"]["accuracy"]
    else:
        parts = split(cache, validation=VALIDATION, test=TEST, seed=seed)
        if family == NEIGHBOURS:
            entry["float"] = knn_accuracy(cache, parts)
        else:
            entry["float"], measured.of(family)["parameters"] = convolutional_accuracy(
                cache, parts, epochs, seed, CONVOLUTIONAL_CHANNELS
            )
    measured.write()
    print(f"{family}, seed {seed}: {entry['float']:.3f}", flush=True)


def quantize(measured: Measured, work: Path, family: str, seed: int) -> None:
    """Test accuracy in int8, and how often that is the float model's class."""
    entry = measured.seed(family, seed)
    if "int8" in entry or family not in SETTINGS or not run_of(work, family, seed).is_dir():
        return
    metrics = sp.export_tflite(run_of(work, family, seed)).card["metrics"]
    entry["int8"], entry["same"] = metrics["int8"]["accuracy"], metrics["int8"]["top1"]
    measured.write()
    print(f"{family}, seed {seed}: int8 {entry['int8']:.3f}, same {entry['same']:.4f}", flush=True)


def time_files(measured: Measured, work: Path, seed: int) -> None:
    """Microseconds a clip of all families' files in turns, and the ratio to the first one's float file."""
    from signport.export.golden import read_golden
    from signport.export.latency import paired_latency

    for form in ("float32", "int8"):
        for family in SETTINGS:
            export = run_of(work, family, seed) / "export"
            first = run_of(work, next(iter(SETTINGS)), seed) / "export" / "model_float32.tflite"
            latency = measured.of(family)["latency"] or {}
            if form in latency or not (export / "card.json").is_file() or not first.is_file():
                continue
            contents = {"own float32": (export / "model_float32.tflite").read_bytes()}
            contents[form] = (export / f"model_{form}.tflite").read_bytes()
            golden = read_golden(export)
            with tempfile.TemporaryDirectory() as folder:
                found = paired_latency(contents, dict(golden.inputs), Path(folder), ROUNDS)
            latency[form] = {"us": found[form].median_us, "of_float32": found[form].ratio}
            measured.of(family)["latency"] = latency
            measured.write()


def table(measured: Measured) -> Table:
    """All of it."""
    base = ((measured.content.get(next(iter(SETTINGS))) or {}).get("latency") or {}).get("float32")
    found = Table(title="Accuracy on signers that were held back, mean ± deviation of the seeds")
    for column in ("family", "parameters", "seeds", "float", "int8", "same class", "time float32", "int8"):
        found.add_column(column, justify="left" if column == "family" else "right")
    for family in CHOICES:
        entry = measured.of(family)
        seeds = list(entry["seeds"].values())
        latency = entry["latency"] or {}

        def spread(name: str, seeds: list[dict[str, float]] = seeds) -> str:
            values = [one[name] for one in seeds if name in one]
            return f"{mean(values):.3f} ± {pstdev(values):.3f}" if values else "–"

        def ratio(form: str, latency: dict[str, dict[str, float]] = latency) -> str:
            return f"{latency[form]['us'] / base['us']:.2f}" if base and form in latency else "–"

        parameters = f"{entry['parameters']:,}" if entry["parameters"] else "–"
        figures = (spread("float"), spread("int8"), spread("same"), ratio("float32"), ratio("int8"))
        found.add_row(family, parameters, str(len(seeds)), *figures)
    return found


def main() -> None:
    """Measures what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/sequence-families"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/sequence_families.json"))
    parser.add_argument("--families", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    signs = options.work / "signs.parquet"
    cache = sp.LandmarkCache.read(signs) if signs.is_file() else sp.render_signs(signs)
    measured = Measured(options.results)
    for seed in options.seeds:
        for family in options.families:
            train(measured, cache, options.work, family, seed, options.epochs)
    for seed in options.seeds:
        for family in options.families:
            quantize(measured, options.work, family, seed)
    time_files(measured, options.work, options.seeds[0])
    Console(width=132).print(table(measured))


if __name__ == "__main__":
    main()
