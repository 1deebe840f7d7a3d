"""The model card: what an app's author has to know about the exported files, as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from signport.export.check import Gate
from signport.export.convert import FORMATS
from signport.export.reference import CheckedFile, Reference
from signport.export.stream import BACKGROUND
from signport.files import finite, sha256_bytes
from signport.quantization.agreement import Agreement
from signport.quantization.low_bits import low_bit_layers
from signport.quantization.qat import Quantized
from signport.training.run import Run


def model_labels(run: Run) -> tuple[str, ...]:
    """Class names as the run's files carry them; none for an embedder."""
    if run.family.output == "embedding":
        return ()
    return tuple(BACKGROUND if name.lower() == BACKGROUND.lower() else name for name in run.classes)


def input_entries(reference: Reference) -> list[dict[str, Any]]:
    """Name, shape, dtype and description of every input, in the order of the signature."""
    describes = reference.run.family.describes
    return [
        {
            "name": tensor.name,
            "shape": [1, *tensor.shape[1:]],
            "dtype": "float32",
            "description": describes.get(tensor.name, ""),
        }
        for tensor in reference.model.inputs
    ]


def output_entry(reference: Reference) -> dict[str, Any]:
    """Name, shape, dtype and description of the output."""
    name = reference.run.family.output
    description = reference.run.family.describes.get(name, "Probability of each class, in the order of the labels.")
    return {
        "name": name,
        "shape": [1, int(reference.answers.shape[1])],
        "dtype": "float32",
        "description": description,
    }


def model_card(
    reference: Reference,
    files: dict[str, CheckedFile],
    gates: list[Gate],
    quantized: dict[str, Quantized],
    simulations: dict[str, Agreement],
    keep: Mapping[str, str],
) -> dict[str, Any]:
    """The content of `card.json`; it holds no time, so the same run gives the same card.

    Args:
        reference: The float model and its answers on the test part.
        files: Finished files by format.
        gates: All gates of the export.
        quantized: By quantized format: how its simulation was chosen.
        simulations: The same files' answers against these simulations'.
        keep: Layers of the quantized files that are not int8 → what they are.
    """
    run = reference.run
    return {
        "name": run.id,
        "family": run.family.name,
        "topology": run.family.topology,
        "output": run.family.output,
        "classes": list(model_labels(run)),
        "preprocessing": "none: it is inside the graph; hand over the inputs as described",
        "inputs": input_entries(reference),
        "outputs": [output_entry(reference)],
        "files": {
            form: {"file": FORMATS[form].file_name, "sha256": sha256_bytes(one.content), "bytes": len(one.content)}
            for form, one in files.items()
        },
        "metrics": {
            "test_samples": len(reference.labels),
            "float_accuracy": reference.accuracy,
            **{form: _figures(one) for form, one in files.items()},
        },
        "gates": [gate.to_json() for gate in gates],
        "stricter_gates": dict(run.recipe.gates),
        # For devices that judge for themselves: export/kotlin/parity has no list of bounds of its own.
        "parity_gates": asdict(run.family.gates.tightened(run.recipe.gates, "gates.")),
        "quantization": {
            **_chosen(quantized["int8"], simulations["int8"]),
            "final_softmax": "float32" if run.family.output == "probabilities" else None,
            "keep": dict(keep),
        },
        **_low_bits(quantized, simulations),
        **_clips(reference),
        **_lstm_form(reference),
        "data": {"cache_sha256": run.cache_digest, "split_by": run.split().by},
        "versions": run.record["versions"],
    }


def _chosen(quantized: Quantized, simulation: Agreement) -> dict[str, Any]:
    figures = {name: value for name, value in _plain(simulation).items() if name in ("top1", "sqnr_db", "max_abs")}
    return {**quantized.to_json(), "file_against_simulation": figures}


def _low_bits(quantized: dict[str, Quantized], simulations: dict[str, Agreement]) -> dict[str, Any]:
    """What there is to say of the int4 file, where one was asked for."""
    if "int4" not in quantized:
        return {}
    layers = list(low_bit_layers(quantized["int4"].deploy))
    runtimes = "LiteRT 2.3 and TensorFlow 2.19; not tflite-runtime 2.14"
    return {"low_bits": {**_chosen(quantized["int4"], simulations["int4"]), "layers": layers, "runs_in": runtimes}}


def _clips(reference: Reference) -> dict[str, float]:
    """Median length and frame rate of a sequence family's training clips: what a live window should look like.

    Both as the model sees them: a clip that is longer than the model takes is thinned out, and so has a lower rate.
    """
    clips = reference.run.part("train")
    if clips.num_frames.max() == 1:
        return {}
    longest = reference.model.inputs[0].shape[1]
    found: dict[str, float] = {"clip_frames": int(min(np.median(clips.num_frames), longest))}
    rates = clips.frame_rates * np.minimum(1.0, longest / clips.num_frames)
    rates = rates[np.isfinite(rates)]
    return {**found, "frame_rate": round(float(np.median(rates)), 3)} if len(rates) else found


def _lstm_form(reference: Reference) -> dict[str, str]:
    """Says in which form LSTMs ship, where there are any."""
    if not any(isinstance(layer, keras.layers.LSTM) for layer in reference.model.layers):
        return {}
    return {"lstm": "fused" if reference.fused_lstm else "unrolled"}


def _figures(one: CheckedFile) -> dict[str, float | None]:
    return {"accuracy": one.accuracy, **_plain(one.agreement)}


def _plain(agreement: Agreement) -> dict[str, float | None]:
    values = {name: float(value) for name, value in asdict(agreement).items() if name not in {"samples", "finite"}}
    return {name: finite(value) for name, value in values.items()}
