"""How far quantization-aware training drifts from the float model, by learning rate.

Run it as `python benchmarks/learning_rates.py`.

Fine-tunes the int8 simulation of trained runs (of `benchmarks/quantization.py`, which keeps them) at several learning
rates and draws agreement with the float model, and the signal-to-noise ratio, against steps. Candidates are judged on
the validation part, as in every export. What has been measured is not measured again.
"""

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signport as sp
from signport.files import write_json
from signport.training.run import Run

RATES = (1e-6, 1e-5, 1e-4, 1e-3)


def curve(run: Run, rate: float, epochs: int) -> dict[str, Any]:
    """Candidates of one fine-tuning, with the steps before each."""
    from signport.quantization.qat import quantize

    settings = replace(run.recipe.quantization, learning_rate=rate, epochs=epochs)
    model = run.family.deployed(run.model())
    training = run.inputs("train")
    found = quantize(model, training, run.inputs("validation"), settings, run.recipe.seed)
    steps = -(-len(next(iter(training.values()))) // settings.batch_size)
    return {"steps_an_epoch": steps, "candidates": [asdict(candidate) for candidate in found.candidates]}


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """A column a run: agreement above, SQNR below."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(results), figsize=(4.2 * len(results), 6), sharex="col", squeeze=False)
    for column, (name, rates) in enumerate(results.items()):
        for shade, (rate, one) in enumerate(rates.items()):
            steps = [candidate["epoch"] * one["steps_an_epoch"] for candidate in one["candidates"]]
            color = mpl.colormaps["viridis"](shade / max(1, len(rates) - 1) * 0.9)
            for row, value in enumerate(("agreement", "sqnr_db")):
                values = [candidate[value] for candidate in one["candidates"]]
                axes[row, column].plot(steps, values, "o-", ms=4, lw=1.5, color=color, label=f"{float(rate):g}")
        axes[0, column].set_title(name.split("-")[1])
        axes[1, column].set_xlabel("steps")
    axes[0, 0].set_ylabel("agreement with float")
    axes[1, 0].set_ylabel("SQNR of the logits, dB")
    axes[0, 0].legend(title="learning rate")
    for one in axes.flat:
        one.grid(alpha=0.3)
    figure.suptitle("Fine-tuning in int8, distilled from the float model: validation part, step 0 is calibration alone")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measures what is missing, prints and draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("build/bench-quantization/runs"))
    parser.add_argument("--names", nargs="+", default=["drawn-mlp_v2-0", "drawn-transformer-0", "drawn-stgcn-0"])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/learning_rates.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/learning-rates.png"))
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8")) if options.results.is_file() else {}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        run = sp.Run.open(options.runs / name)
        for rate in RATES:
            if f"{rate:g}" not in results.setdefault(name, {}):
                results[name][f"{rate:g}"] = curve(run, rate, options.epochs)
                write_json(options.results, results)
            last = results[name][f"{rate:g}"]["candidates"][-1]
            print(
                f"{name} {rate:g}: epoch {last['epoch']} {last['agreement']:.4f} {last['sqnr_db']:.1f} dB", flush=True
            )
    draw(results, options.picture)
    print(options.picture)


if __name__ == "__main__":
    main()
