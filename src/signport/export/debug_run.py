"""`signport quantize debug`: what int8 costs a run's model, by tensor and by layer, and what to do about it.

An export keeps the `.tflite` and not the fake-quantized model that it came from; that is made again here, which from
the same run, seed and machine gives the same model.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from signport.export.reference import Reference
from signport.quantization.calibration import representative
from signport.quantization.debugging import Diagnosis, LayerCost, diagnose
from signport.quantization.engines import Engine, engine_named
from signport.training.run import Run

SAMPLES = 256
# Less than this is chance: two or three samples next to a tie change sides with whatever layer is kept.
_LEAST_SAMPLES, _LEAST_AGREEMENT = 4, 0.005
# Embeddings have no top class; half the noise energy is the least that is worth an operator in float.
_LEAST_DB = 3.0


@dataclass(frozen=True)
class Debugged:
    """A run's int8 model, taken apart.

    Attributes:
        run: The run.
        quantization: Engine, candidates and the chosen one, as in the card of an export; where they differ, the export
            was made from another run or on another machine.
        test_samples: How many were held back.
        diagnosis: What was found on some or all of them.
    """

    run: Run
    quantization: dict[str, Any]
    test_samples: int
    diagnosis: Diagnosis

    @property
    def engine(self) -> str:
        """What quantized."""
        return str(self.quantization["engine"])

    @property
    def has_classes(self) -> bool:
        """Whether there is a top class to agree on; an embedder has none."""
        return self.run.family.output != "embedding"

    @property
    def kept(self) -> dict[str, str]:
        """What the recipe keeps out of int8 already: layer → precision."""
        return dict(self.run.recipe.quantization.keep)

    def share(self, layer: LayerCost) -> float:
        """The part of a layer in the noise that all layers make, each alone; 0 to 1."""
        whole = sum(one.noise for one in self.diagnosis.layers)
        return layer.noise / whole if whole else 0.0

    def gain_db(self, layer: LayerCost) -> float:
        """By how many dB the answer is nearer to float with this layer kept; NaN where it can't be."""
        return float("nan") if layer.kept is None else layer.kept.sqnr_db - self.diagnosis.int8.sqnr_db

    def gain(self, layer: LayerCost) -> float:
        """How much agreement with float keeping this layer wins; NaN for embedders, and where it can't be kept."""
        return float("nan") if layer.kept is None else layer.kept.agreement - self.diagnosis.int8.agreement

    @property
    def worth_keeping(self) -> LayerCost | None:
        """The layer whose keeping in float wins most, if it wins more than chance does."""
        layers = [layer for layer in self.diagnosis.layers if layer.kept is not None]
        if not layers:
            return None
        if not self.has_classes:
            best = max(layers, key=self.gain_db)
            return best if self.gain_db(best) >= _LEAST_DB else None
        best = max(layers, key=lambda layer: (self.gain(layer), self.gain_db(layer)))
        least = max(_LEAST_AGREEMENT, _LEAST_SAMPLES / self.diagnosis.samples)
        return best if self.gain(best) >= least - 1e-9 else None

    @property
    def recipe_line(self) -> str:
        """The line of the recipe that keeps this layer too; empty if none is worth it."""
        if self.worth_keeping is None:
            return ""
        kept = {**self.kept, self.worth_keeping.layer: "float"}
        return f"quantization.keep: {{{', '.join(f'{name}: {how}' for name, how in kept.items())}}}"


def debug_quantization(run: Run | str | Path, *, samples: int = SAMPLES, engine: Engine | None = None) -> Debugged:
    """Quantizes a run's model as `export` does, and finds what that costs, tensor by tensor and layer by layer.

    Args:
        run: A trained run, or its folder.
        samples: How many of the held-back samples are looked at, at most; a random subset.
        engine: What quantizes; None for what the recipe says (`quantization.engine`).

    Raises:
        SignportError: There is no such run, or it held no samples back.

    Examples:
        >>> debugged = sp.debug_quantization("runs/mlp-001", samples=64)  # doctest: +SKIP
    """
    run = run if isinstance(run, Run) else Run.open(run)
    settings, seed = run.recipe.quantization, run.recipe.seed
    keras.utils.set_random_seed(seed)
    reference = Reference.of(run)
    quantize = engine_named(engine or settings.engine)
    quantized = quantize(reference.model, run.inputs("train"), run.inputs("validation"), settings, seed)
    total = len(reference.labels)
    rows = representative({"row": np.arange(total)}, samples, seed)["row"]
    inputs = {key: values[rows] for key, values in reference.inputs.items()}
    diagnosis = diagnose(quantized.deploy, reference.model, inputs, reference.labels[rows], seed=seed)
    return Debugged(run, quantized.to_json(), total, diagnosis)
