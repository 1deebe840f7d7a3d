"""A training step of each family against plain Keras `fit` on arrays in memory: `python benchmarks/training_step.py`.

Everything is measured in one run, in rounds: each variant takes its turn in each round, and ratios are taken within the
round. The table shows medians and the range of the main ratio:

- `plain`: `model.fit(x, y)` as Keras compiles it unless told otherwise (`jit_compile="auto"`), without op determinism;
- `plain, no XLA`: the same with `jit_compile=False`, which is what signport trains with;
- `signport`: `signport.training.loop.fit`, with its checkpoint of the best epoch in memory and op determinism;
- `augmented`: the same, with the recipe's augmentation on the fly (or the family's default, if the recipe has none);
- `input`: the time to make the batches of such a step alone, as a share of the step.

Ratios are speeds: 1.00 and more is not slower than plain Keras.
"""

import argparse
import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rich.console import Console
from rich.table import Table

# Bytes of made-up inputs: enough for a good number of steps, little enough for any machine.
INPUT_BYTES = 25e6
FEWEST_STEPS, MOST_STEPS = 8, 100
CLASSES = 20
PLAIN = {"plain": "auto", "plain, no XLA": False}
SIGNPORT = ("signport", "augmented", "input", "input, augmented")


class Bench:
    """One process's models of a family: answers how long a step of a variant takes."""

    def __init__(self, family: str, scale: float, seconds: float, *, deterministic: bool) -> None:
        import keras

        from signport.models.registry import family_named
        from signport.training.devices import seed_everything
        from signport.training.recipe import Recipe, load_recipe, recipe_names

        if deterministic:
            seed_everything(0)
        else:
            keras.utils.set_random_seed(0)
        self.recipe = load_recipe(family) if family in recipe_names() else Recipe(family, family)
        self.family = family_named(family)
        self.batch = max(2, round(self.recipe.training.batch_size * scale))
        self.seconds = seconds
        self.built: dict[str, Any] = {}
        self.model("shapes")
        self.inputs, self.targets = self.made_up()

    def model(self, name: str) -> Any:
        """A compiled model, made once."""
        import keras

        from signport.training.loop import compile_model

        if name not in self.built:
            model = self.family.build(self.recipe.model, CLASSES)
            compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=1e-4, weight_decay=1e-4)
            model.jit_compile = PLAIN.get(name, False)
            if model.jit_compile == "auto":
                from keras.src.trainers.trainer import model_supports_jit

                model.jit_compile = model_supports_jit(model)
            self.built[name] = model
        return self.built[name]

    def made_up(self) -> tuple[dict[str, Any], Any]:
        """Random inputs of the right shapes; sequences end in missing frames, each somewhere else."""
        import numpy as np

        random = np.random.default_rng(0)
        shapes = {tensor.name: tensor.shape[1:] for tensor in self.built["shapes"].inputs}
        size = 4 * self.batch * sum(int(np.prod(shape)) for shape in shapes.values())
        self.steps = int(min(MOST_STEPS, max(FEWEST_STEPS, INPUT_BYTES // size)))
        count = self.steps * self.batch
        inputs = {name: random.random((count, *shape), np.float32) for name, shape in shapes.items()}
        for values in inputs.values():
            if values.ndim == 4 and values.shape[1] > 1:
                for row, length in enumerate(random.integers(values.shape[1] // 2, values.shape[1] + 1, count)):
                    values[row, length:] = np.nan
        return inputs, np.eye(CLASSES, dtype=np.float32)[random.integers(CLASSES, size=count)]

    def seconds_a_step(self, variant: str) -> float | None:
        """Measures; None where a variant does not exist."""
        if variant in PLAIN:
            return self._per_step(lambda epochs, note: self._plain(variant, epochs, note))
        examples = self._examples(augmented=variant in ("augmented", "input, augmented"))
        if examples is None:
            return None
        if variant.startswith("input"):
            return self._per_step(lambda epochs, note: self._input(examples, epochs, note))
        return self._per_step(lambda epochs, note: self._signport(examples, epochs, note))

    def _per_step(self, fit: Callable[[int, Callable[[], None]], None]) -> float:
        """Mean seconds a step of the epochs behind the first, which compiles and fills buffers."""
        epoch = self._seconds_an_epoch(fit, 1)
        if epoch < self.seconds:
            epoch = self._seconds_an_epoch(fit, round(self.seconds / epoch))
        return epoch / self.steps

    def _seconds_an_epoch(self, fit: Callable[[int, Callable[[], None]], None], epochs: int) -> float:
        ends: list[float] = []
        fit(1 + epochs, lambda: ends.append(time.perf_counter()))
        return (ends[-1] - ends[0]) / (len(ends) - 1)

    def _plain(self, variant: str, epochs: int, note: Callable[[], None]) -> None:
        import keras

        from signport.models.registry import feed

        model = self.model(variant)
        callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: note())
        x = feed(model, self.inputs)
        model.fit(x, self.targets, batch_size=self.batch, epochs=epochs, callbacks=[callback], verbose=0)

    def _signport(self, examples: Any, epochs: int, note: Callable[[], None]) -> None:
        from signport.training.loop import fit

        fit(self.model("signport"), examples, None, self._settings(epochs), hooks=[lambda _moment: note()])

    def _input(self, examples: Any, epochs: int, note: Callable[[], None]) -> None:
        from signport.training.batches import epoch_batches

        batches = epoch_batches(self.model("signport"), examples, self._settings(epochs), 0)
        for number, _ in enumerate(batches, start=1):
            if number % self.steps == 0:
                note()

    def _settings(self, epochs: int) -> Any:
        from signport.training.loop import FitSettings

        return FitSettings(epochs, self.batch, monitor="loss")

    def _examples(self, *, augmented: bool) -> Any:
        from signport.landmarks.topology import topology_named
        from signport.training.loop import Examples

        if not augmented:
            return Examples(self.inputs, self.targets)
        layout = topology_named(self.family.topology)
        own = self.recipe.data.augmentation.on_the_fly(layout) or self.family.augmentation().on_the_fly(layout)
        return None if own is None else Examples(self.inputs, self.targets, None, own)


def serve(pipe: Connection, *arguments: Any, **options: Any) -> None:
    """The body of a process: makes a bench, then measures what it is told."""
    bench = Bench(*arguments, **options)
    pipe.send((bench.batch, bench.steps, bench.built["shapes"].count_params()))
    while (variant := pipe.recv()) is not None:
        pipe.send(bench.seconds_a_step(variant))


def measure(family: str, arguments: argparse.Namespace) -> tuple[tuple[int, int, int], list[dict[str, float | None]]]:
    """Batch size, steps an epoch and parameters; and for each round seconds a step by variant."""
    context = get_context("spawn")
    pipes, processes = [], []
    for deterministic in (False, True):
        here, there = context.Pipe()
        options = {"deterministic": deterministic}
        process = context.Process(
            target=serve, args=(there, family, arguments.scale, arguments.seconds), kwargs=options, daemon=True
        )
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    sizes = [pipe.recv() for pipe in pipes]
    rounds = []
    for _ in range(arguments.rounds):
        found = {}
        for variant in (*PLAIN, *SIGNPORT):
            pipe = pipes[variant in SIGNPORT]
            pipe.send(variant)
            found[variant] = pipe.recv()
        rounds.append(found)
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        process.join()
    return sizes[0], rounds


def row(family: str, sizes: tuple[int, int, int], rounds: list[dict[str, Any]]) -> list[str]:
    """The cells of a family."""

    def milliseconds(variant: str) -> str:
        return "–" if rounds[0][variant] is None else f"{1000 * median(one[variant] for one in rounds):.1f}"

    def share(part: str, whole: str) -> str:
        return "–" if rounds[0][part] is None else f"{median(one[part] / one[whole] for one in rounds):.1%}"

    def speed(variant: str, plain: str) -> str:
        if rounds[0][variant] is None:
            return "–"
        ratios = [one[plain] / one[variant] for one in rounds]
        return f"{median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"

    return [
        family,
        f"{sizes[2]:,}",
        str(sizes[0]),
        *map(milliseconds, (*PLAIN, "signport", "augmented")),
        *(speed(variant, plain) for variant in ("signport", "augmented") for plain in PLAIN),
        share("input", "signport"),
        share("input, augmented", "augmented"),
    ]


def main() -> None:
    """Prints a row a family."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", help="which families; all by default")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the recipe's batch size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="least time a measurement takes")
    arguments = parser.parse_args()
    from signport.models.registry import family_names

    console = Console(width=160)
    table = Table(title=f"milliseconds a step, medians of {arguments.rounds} rounds")
    ratios = [f"{variant} / {plain}" for variant in ("signport", "augmented") for plain in PLAIN]
    for heading in ("family", "weights", "batch", *PLAIN, "signport", "augmented", *ratios, *SIGNPORT[2:]):
        table.add_column(heading, justify="left" if heading == "family" else "right")
    for family in arguments.families or family_names():
        if family not in family_names():
            console.print(f"{family}: no such family here; it is left out")
            continue
        try:
            cells = row(family, *measure(family, arguments))
        except EOFError:  # the process has said why
            console.print(f"{family}: could not be measured; it is left out")
            continue
        console.print(" | ".join(cells))
        table.add_row(*cells)
    console.print(table)


if __name__ == "__main__":
    main()
