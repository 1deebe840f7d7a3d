"""How long a training step takes, in processes that keep their models: `training_step` tells them what to measure.

- `plain`: `model.fit(x, y)` as Keras compiles it unless told otherwise (`jit_compile="auto"`), without op determinism;
- `signport`: `signport.training.loop.fit`, without XLA, with op determinism, and with the best epoch kept in memory;
- `augmented`: the same, with the recipe's augmentation on the fly (or the family's default, if the recipe has none).
"""

import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

# Bytes of made-up inputs: enough for a good number of steps, little enough for any machine.
INPUT_BYTES = 25e6
FEWEST_STEPS, MOST_STEPS = 4, 100
CLASSES = 20
PLAIN = "plain"
SIGNPORT = ("signport", "augmented")
Cost = tuple[float, float]  # seconds by the clock, and of all processors together


class Bench:
    """One process's models of a family: answers how long a step of a variant takes."""

    def __init__(self, family: str, seconds: float, *, deterministic: bool) -> None:
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
        self.batch = self.recipe.training.batch_size
        self.seconds = seconds
        self.built: dict[str, Any] = {}
        self.model("shapes")
        self.inputs, self.targets = self.made_up()

    def model(self, name: str) -> Any:
        """A compiled model, made once."""
        import keras

        from signport.training.optimizer import compile_model

        if name not in self.built:
            model = self.family.build(self.recipe.model, CLASSES)
            compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=1e-4, weight_decay=1e-4)
            model.jit_compile = False
            if name == PLAIN:
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

    def cost(self, variant: str) -> Cost | None:
        """Measures a step; None where a variant does not exist."""
        if variant == PLAIN:
            return self._per_step(self._plain)
        examples = self._examples(augmented=variant == "augmented")
        if examples is None:
            return None
        return self._per_step(lambda epochs, note: self._signport(examples, epochs, note))

    def _per_step(self, fit: Callable[[int, Callable[[], None]], None]) -> Cost:
        """Of the cheapest epoch behind the first, which compiles and fills buffers: other work only adds."""
        epochs = self._epochs(fit, 1)
        if epochs[0][0] < self.seconds:
            epochs = self._epochs(fit, round(self.seconds / epochs[0][0]))
        clock, processors = (min(column) / self.steps for column in zip(*epochs, strict=True))
        return clock, processors

    def _epochs(self, fit: Callable[[int, Callable[[], None]], None], epochs: int) -> list[Cost]:
        ends: list[Cost] = []
        fit(1 + epochs, lambda: ends.append((time.perf_counter(), time.process_time())))
        return [(end[0] - start[0], end[1] - start[1]) for start, end in pairwise(ends)]

    def _plain(self, epochs: int, note: Callable[[], None]) -> None:
        import keras

        from signport.models.registry import feed

        model = self.model(PLAIN)
        callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: note())
        x = feed(model, self.inputs)
        model.fit(x, self.targets, batch_size=self.batch, epochs=epochs, callbacks=[callback], verbose=0)

    def _signport(self, examples: Any, epochs: int, note: Callable[[], None]) -> None:
        from signport.training.loop import fit

        fit(self.model("signport"), examples, None, self._settings(epochs), hooks=[lambda _moment: note()])

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
        pipe.send(bench.cost(variant))
