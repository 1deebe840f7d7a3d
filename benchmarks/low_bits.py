"""Dense layers with weights of 4 bits, and what fine-tuning is worth there: `python benchmarks/low_bits.py`.

Takes the runs that `benchmarks/quantization.py` trains, of every family that has dense layers between its first and its
last, makes files of 8 and of 4 bits a weight, before and after fine-tuning, and sets what LiteRT answers on the
held-back test part against the float model. 4 bits come twice: as they ship, with the first and the last dense layer in
8 bits, and with these two in 4 bits as well. What was measured stays in the work folder's `low_bits`, and is not
measured again until it is deleted there.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from quantization_cases import Case, Data
from rich.console import Console
from rich.table import Table

import signport as sp
from quantization import figure, trained
from signport.errors import SignportError
from signport.files import write_json


@dataclass(frozen=True)
class Way:
    """How a file is made.

    Attributes:
        name: In the results.
        title: In the table.
        weight_bits: Of dense layers' weights; 32 is the float model.
        edge_bits: Of the first and the last one's.
        tuned: Whether it is fine-tuned, or only calibrated.
    """

    name: str
    title: str
    weight_bits: int
    edge_bits: int = 8
    tuned: bool = False

    @property
    def form(self) -> str:
        """The export format that its file is of."""
        return {32: "float32", 8: "int8", 4: "int4"}[self.weight_bits]


WAYS = (
    Way("float32", "float", 32),
    Way("ptq8", "PTQ-8", 8),
    Way("qat8", "QAT-8", 8, tuned=True),
    Way("ptq4", "PTQ-4", 4),
    Way("qat4", "QAT-4", 4, tuned=True),
    Way("ptq4_all", "PTQ-4, edges too", 4, edge_bits=4),
    Way("qat4_all", "QAT-4, edges too", 4, edge_bits=4, tuned=True),
)
# Files that one call of the converter makes: it takes one saved model a format.
_BATCHES = (("float32", "ptq8", "ptq4"), ("qat8", "qat4"), ("ptq4_all",), ("qat4_all",))


def without_inner_layers(recipe: str) -> str:
    """Why nothing of a family can take 4 bits, in one line; empty if something can."""
    from signport.models.registry import family_named
    from signport.quantization.deploy import deploy_form
    from signport.quantization.low_bits import lower_weight_bits
    from signport.training.recipe import load_recipe

    loaded = load_recipe(recipe)
    family = family_named(loaded.family)
    try:
        lower_weight_bits(deploy_form(family.deployed(family.build(loaded.model, 2))))
    except SignportError as error:
        return str(error)
    return ""


def measure(run: Any, so_far: Path) -> dict[str, Any]:
    """Figures a way of one run; those that `so_far` has, under the same settings, are taken from there."""
    from signport.export.reference import Reference

    settings = {key: value for key, value in asdict(run.recipe.quantization).items() if key != "weight_bits"}
    known = json.loads(so_far.read_text(encoding="utf-8")) if so_far.is_file() else {}
    if (known.get("settings"), known.get("run")) != (settings, run.id):
        known = {"run": run.id, "settings": settings, "ways": {}}
    ways = {way.name: way for way in WAYS}
    reference: Any = None
    for batch in _BATCHES:
        if all(name in known["ways"] for name in batch):
            continue
        reference = reference or Reference.of(run)
        known |= {"samples": len(reference.labels), "float_accuracy": reference.accuracy}
        known["ways"] |= made_and_checked(reference, [ways[name] for name in batch])
        write_json(so_far, known)
    return dict(known)


def made_and_checked(reference: Any, ways: list[Way]) -> dict[str, Any]:
    """Quantizes, converts and runs the files of some ways, of a format each."""
    from signport.export.convert import FORMATS, convert
    from signport.export.exporter import model_info
    from signport.export.metadata import finish
    from signport.quantization.agreement import compare
    from signport.quantization.deploy import deploy_form
    from signport.quantization.qat import simulate

    run, found = reference.run, {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quantized = {way.name: fine_tuned(reference, way) for way in ways if way.weight_bits < 32}
        for way in ways:
            deploy = quantized[way.name].deploy if way.name in quantized else deploy_form(reference.model)
            deploy.save(folder / FORMATS[way.form].source)
        convert(run.family.name, folder, [way.form for way in ways])
        for way in ways:
            content = (folder / FORMATS[way.form].file_name).read_bytes()
            checked = reference.check(way.form, finish(content, model_info(reference)))
            figures = {
                "accuracy": checked.accuracy,
                "agreement": none_for_nan(checked.agreement.top1),
                "sqnr_db": checked.agreement.sqnr_db,
                "bytes": len(checked.content),
                "gates_broken": [str(gate) for gate in checked.gates if not gate.passed],
            }
            if way.name in quantized:
                simulated = simulate(quantized[way.name].deploy, reference.inputs)
                same = compare(simulated, checked.answers, run.family.output)
                figures |= {"simulation_agreement": none_for_nan(same.top1), "simulation_sqnr_db": same.sqnr_db}
                figures["epoch"] = quantized[way.name].chosen.epoch
            found[way.name] = figures
    return found


def fine_tuned(reference: Any, way: Way) -> Any:
    """The quantized model of a way."""
    import keras

    from signport.quantization.qat import quantize

    run = reference.run
    settings = run.recipe.quantization
    settings = settings.low_bits if way.weight_bits == 4 else settings
    settings = settings if way.tuned else replace(settings, epochs=0)
    keras.utils.set_random_seed(run.recipe.seed)
    parts, bits = (run.inputs("train"), run.inputs("validation")), {"edge_bits": way.edge_bits}
    return quantize(reference.model, *parts, settings, run.recipe.seed, weight_bits=way.weight_bits, **bits)


def none_for_nan(value: float) -> float | None:
    """An embedder has no top class."""
    return None if value != value else value  # noqa: PLR0124


def show(console: Console, results: dict[str, list[dict[str, Any]]]) -> None:
    """A row a way of every family and data set; means over the seeds."""
    title = "Held-back test parts, files in LiteRT, mean over the seeds"
    table = Table(title=title, title_justify="left")
    left = ("data, family", "weights")
    for column in (
        *left,
        "accuracy",
        "agree with float",
        "dB",
        "KB",
        "of float",
        "file = simulation",
        "worst seed, dB",
    ):
        table.add_column(column, justify="left" if column in left else "right")
    for name, seeds in results.items():
        for number, way in enumerate(WAYS):
            rows = [one["ways"][way.name] for one in seeds]
            base = mean(one["ways"]["float32"]["bytes"] for one in seeds)
            size, quantized = mean(row["bytes"] for row in rows), way.weight_bits < 32
            table.add_row(
                f"{name} ({len(seeds)})" if number == 0 else "",
                way.title,
                known_mean(rows, "accuracy"),
                known_mean(rows, "agreement"),
                known_mean(rows, "sqnr_db", ".1f") if quantized else "–",
                f"{size / 1000:,.1f}",
                f"{size / base:.3f}",
                known_mean(rows, "simulation_agreement") if quantized else "–",
                f"{min(row['sqnr_db'] for row in rows):.1f}" if quantized else "–",
                end_section=number == len(WAYS) - 1,
            )
    console.print(table)


def known_mean(rows: list[dict[str, Any]], name: str, form: str = ".4f") -> str:
    """Mean of a figure over the rows that have it, or a dash."""
    return figure([row[name] for row in rows if row.get(name) is not None], form)


def wanted(options: argparse.Namespace, console: Console) -> Iterator[tuple[str, Case, int]]:
    """The cases and seeds that are asked for and have something to put into 4 bits; says of the others why not."""
    cases = list(Data(options.work, options.data).cases())
    chosen = [case for case in cases if not options.families or case.recipe in options.families]
    reasons = {recipe: without_inner_layers(recipe) for recipe in dict.fromkeys(case.recipe for case in chosen)}
    for recipe, reason in reasons.items():
        if reason:
            console.print(f"left out: {recipe}: {reason}")
    for seed in range(options.seeds):
        for case in chosen:
            name = f"{case.data}-{case.recipe}-{seed}"
            if reasons[case.recipe]:
                continue
            if options.no_training and not finished(options.work / "runs" / name):
                console.print(f"left out: {name}: not trained")
                continue
            yield name, case, seed


def finished(path: Path) -> bool:
    """Whether there is a trained run in a folder."""
    return path.is_dir() and bool(sp.Run.open(path, unfinished=True).record["finished"])


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/bench-quantization"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real landmarks")
    parser.add_argument("--families", nargs="+", default=[], metavar="RECIPE", help="all, if left out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-training", action="store_true", help="leaves out runs that are not trained yet")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/low_bits.json"))
    options = parser.parse_args()
    kept = options.work / "low_bits"
    for folder in (options.work / "runs", kept, options.results.parent):
        folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=max(Console().width, 150), highlight=False)

    results: dict[str, list[dict[str, Any]]] = {}
    for name, case, seed in wanted(options, console):
        run = trained(case, seed, options.work / "runs")
        measured = measure(run, kept / f"{name}.json")
        results.setdefault(f"{case.data}, {case.recipe}", []).append(measured)
        console.print(f"measured: {name}")
    show(console, results)
    write_json(options.results, results)
    console.print(f"written: {options.results}")


if __name__ == "__main__":
    main()
