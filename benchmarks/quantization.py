"""What full int8 costs and gains, for every family: `make bench-quantization`, `python benchmarks/quantization.py`.

Trains every family on the data that `make export-tflite` makes and, where there are any, on real landmarks (laid out as
`../shared/data` is), for several seeds; quantizes each run with TensorFlow's converter and with signport, before and
after fine-tuning; and sets the files against the float model on the held-back test part. Sizes and latencies are of the
full-size recipes. Runs that are in the work folder already are neither trained nor measured again.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from interrupted import brought_to_end
from quantization_cases import Case, Data
from rich.console import Console
from rich.table import Table

import signport as sp
from signport.files import finite, write_json

WAYS = ("float32", "ptq", "calibrated", "qat")
# Those of the drawn hands, and those that the sequence recipes were made for.
HAND_CLASSES, SEQUENCE_CLASSES = 22, 123
# The bars that were set before any of this was written: ratio to the float32 file (an LSTM's: to its fused one).
SIZE_BARS = {"mlp": 0.30, "mlp_v2": 0.30, "transformer": 0.30, "stgcn": 0.36, "lstm": 0.40}
LATENCY_BARS = {"mlp": 0.9, "mlp_v2": 0.9, "transformer": 0.25, "stgcn": 0.25, "lstm": 0.45}


def trained(case: Case, seed: int, runs: Path) -> Any:
    """The run of a case and seed: an earlier one, brought to its end if it was interrupted, or a new one."""
    name = f"{case.data}-{case.recipe}-{seed}"
    if (runs / name).is_dir():
        return brought_to_end(runs / name)
    overrides = [f"seed={seed}", "logging.tensorboard=false", *case.settings]
    return sp.train(case.recipe, case.cache(), name=name, runs=runs, overrides=overrides, **case.more(seed))


def measure(run: Any, *, again: bool) -> dict[str, Any]:
    """What came of one run: figures a way, and how well the int8 file equals its simulation.

    Kept beside the run, and taken from there unless `again`.
    """
    from signport.export.baselines import compare_ways

    path = run.path / "quantization" / "benchmark.json"
    if path.is_file() and not again:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
    found = compare_ways(run, rounds=1, ways=WAYS)
    ways = {}
    for row in found.rows:
        if row.checked is None:
            ways[row.way.name] = {"reason": row.reason}
            continue
        agreement = row.checked.agreement
        ways[row.way.name] = {
            "accuracy": row.checked.accuracy,
            "agreement": finite(agreement.top1),
            "sqnr_db": finite(agreement.sqnr_db),
            "bytes": row.size,
            "gates_broken": [str(gate) for gate in row.broken],
        }
    simulation = found.row("qat").simulation
    ways["qat"]["simulation_agreement"] = None if simulation is None else finite(simulation.top1)
    ways["qat"]["simulation_largest_difference"] = None if simulation is None else simulation.max_abs
    result = {"samples": found.samples, "float_accuracy": found.float_accuracy, "ways": ways}
    path.parent.mkdir(exist_ok=True)
    write_json(path, result)
    return result


def over_seeds(results: list[dict[str, Any]], way: str, figure: str) -> list[float]:
    """A figure of every seed; those that have none are left out."""
    return [value for one in results if (value := one["ways"][way].get(figure)) is not None]


def full_size(recipe: str, rounds: int) -> dict[str, float]:
    """Bytes and median latency of the full-size int8 file as ratios to float32 (an LSTM's: to its fused form).

    The weights are random: neither figure depends on them.
    """
    import keras
    import numpy as np

    from signport.export.convert import FLOATING, FORMATS, QUANTIZED, convert
    from signport.export.latency import paired_latency
    from signport.export.metadata import ModelInfo, finish
    from signport.models.registry import family_named
    from signport.quantization.calibration import calibrate
    from signport.quantization.deploy import deploy_form
    from signport.training.recipe import load_recipe

    keras.utils.set_random_seed(0)
    loaded = load_recipe(recipe)
    family = family_named(loaded.family)
    classes = HAND_CLASSES if family.topology == "hand" else SEQUENCE_CLASSES
    model = family.deployed(family.build(loaded.model, classes))
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # biases of zeros would be one constant
        variable.assign_add(random.uniform(-0.01, 0.01, variable.shape))
    inputs = {
        tensor.name: random.uniform(0.2, 0.8, (8, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs
    }
    described = [(tensor.name, family.describes.get(tensor.name, "")) for tensor in model.inputs]
    labels = [str(number) for number in range(classes if family.output == "probabilities" else 0)]
    info = ModelInfo(recipe, f"signport {family.name}", described, (family.output, ""), labels)
    contents: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def file(form: str) -> bytes:
            convert(family.name, folder, [form])
            return finish((folder / FORMATS[form].file_name).read_bytes(), info)

        if any(isinstance(layer, keras.layers.LSTM) for layer in model.layers):
            deploy_form(model, fused_lstm=True).save(folder / FLOATING)
            contents["fused float32"] = file("float32")
        deploy_form(model).save(folder / FLOATING)
        contents["float32"] = file("float32")
        quantized = deploy_form(model)
        calibrate(quantized, inputs)
        quantized.save(folder / QUANTIZED)
        contents["int8"] = file("int8")
        if family.output == "probabilities":
            contents["int8 softmax"] = with_int8_softmax(folder / FORMATS["int8"].file_name, info)
        latency = paired_latency(contents, inputs, folder, rounds)
    base = next(iter(contents))
    return {
        "parameters": model.count_params(),
        "bytes_base": len(contents[base]),
        "bytes": len(contents["int8"]),
        "bytes_ratio": len(contents["int8"]) / len(contents[base]),
        "us_base": latency[base].median_us,
        "us": latency["int8"].median_us,
        "latency_ratio": latency["int8"].ratio,
        "latency_ratio_range": [latency["int8"].lowest, latency["int8"].highest],
        "int8_softmax_us": latency["int8 softmax"].median_us if "int8 softmax" in latency else None,
    }


def with_int8_softmax(path: Path, info: Any) -> bytes:
    """The converter's int8 file with its softmax left in int8, and all else as it ships."""
    from signport.export.compact import compact
    from signport.export.flatbuffer import name_tensors, read_model, write_model

    model = read_model(path.read_bytes())
    name_tensors(model, [name for name, _ in info.inputs], info.output[0])
    compact(model)
    return write_model(model)


def print_accuracies(console: Console, results: dict[str, list[dict[str, Any]]]) -> None:
    """A row a family and data set; means over the seeds, with their standard deviation where it matters."""
    table = Table(title="Held-back test parts, mean over the seeds", title_justify="left")
    for column in (
        "data, family",
        "samples",
        "float",
        "PTQ",
        "calibrated",
        "QAT",
        "agree PTQ",
        "calibrated",
        "QAT",
        "dB PTQ",
        "calibrated",
        "QAT",
        "file = simulation",
    ):
        table.add_column(column, justify="left" if column == "data, family" else "right")
    for name, seeds in results.items():
        floats = [one["float_accuracy"] for one in seeds if one["float_accuracy"] is not None]
        table.add_row(
            name,
            str(seeds[0]["samples"]),
            spread(floats),
            *(spread(over_seeds(seeds, way, "accuracy")) for way in WAYS[1:]),
            *(figure(over_seeds(seeds, way, "agreement"), ".4f") for way in WAYS[1:]),
            *(figure(over_seeds(seeds, way, "sqnr_db"), ".1f") for way in WAYS[1:]),
            figure(over_seeds(seeds, "qat", "simulation_agreement"), ".4f"),
        )
    console.print(table)


def print_sizes(console: Console, results: dict[str, dict[str, Any]]) -> None:
    """A row a recipe at full size."""
    title = f"Full size, {HAND_CLASSES} or {SEQUENCE_CLASSES} classes, LiteRT with XNNPACK, one thread, batch 1"
    table = Table(title=title, title_justify="left")
    for column in (
        "recipe",
        "KB float32",
        "int8",
        "ratio",
        "bar",
        "µs float32",
        "int8",
        "ratio",
        "rounds",
        "bar",
        "µs int8 softmax",
    ):
        table.add_column(column, justify="left" if column == "recipe" else "right")
    for recipe, one in results.items():
        low, high = one["latency_ratio_range"]
        table.add_row(
            recipe + (" (to its fused form)" if recipe == "lstm" else ""),
            f"{one['bytes_base'] / 1000:,.1f}",
            f"{one['bytes'] / 1000:,.1f}",
            f"{one['bytes_ratio']:.3f}",
            f"{SIZE_BARS[recipe]:.2f}" if recipe in SIZE_BARS else "–",
            f"{one['us_base']:,.1f}",
            f"{one['us']:,.1f}",
            f"{one['latency_ratio']:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{LATENCY_BARS[recipe]:.2f}" if recipe in LATENCY_BARS else "–",
            "–" if one["int8_softmax_us"] is None else f"{one['int8_softmax_us']:,.1f}",
        )
    console.print(table)


def figure(values: list[float], form: str) -> str:
    """Their mean, or a dash."""
    return format(mean(values), form) if values else "–"


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{mean(values):.4f} ±{pstdev(values):.4f}" if values else "–"


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/bench-quantization"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real landmarks")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each file when latencies are taken")
    parser.add_argument("--again", action="store_true", help="measure runs that have been measured too")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/quantization.json"))
    options = parser.parse_args()
    runs = options.work / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    console = Console(width=max(Console().width, 200), highlight=False)

    accuracies: dict[str, list[dict[str, Any]]] = {}
    for seed in range(options.seeds):
        for case in Data(options.work, options.data).cases():
            name = f"{case.data}, {case.recipe}"
            accuracies.setdefault(name, []).append(measure(trained(case, seed, runs), again=options.again))
    print_accuracies(console, accuracies)
    sizes = {}
    for recipe in (
        "mlp",
        "mlp_v2",
        "gesture_embedder",
        "gesture_head",
        "lstm",
        "transformer",
        "stgcn",
        "conv_transformer",
    ):
        sizes[recipe] = full_size(recipe, options.rounds)
    print_sizes(console, sizes)
    options.results.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.results, {"full_size": sizes, "accuracies": accuracies, "seeds": options.seeds})
    console.print(f"written: {options.results}")


if __name__ == "__main__":
    main()
