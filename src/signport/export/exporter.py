"""`signport export`: a trained run → checked `.tflite` files. To export is to convert AND to check."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from signport.errors import GateError, SignportError
from signport.export.check import Gate, judge, judge_graph
from signport.export.convert import FORMATS, convert
from signport.export.golden import worst_margin_rows, write_golden, write_golden_images
from signport.export.metadata import ModelInfo, finish
from signport.files import atomic_folder, sha256_bytes, write_bytes, write_json, write_text
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.quantization.agreement import Agreement, compare
from signport.quantization.deploy import deploy_form, largest_difference
from signport.quantization.qat import quantize
from signport.training.run import Run
from signport.training.versions import installed_versions

GOLDEN_SAMPLES = 400
GOLDEN_IMAGES = 24
# Folding reorders float32 sums; on weights of ordinary size it moves outputs by 1e-7 to 1e-6 of their magnitude.
_DEPLOY_TOLERANCE = 1e-5
_SCORE_THRESHOLD = 0.5
BACKGROUND = "None"


@dataclass(frozen=True)
class Exported:
    """What `export` made.

    Attributes:
        folder: The export folder.
        card: Content of `card.json`.
    """

    folder: Path
    card: dict[str, Any]


@dataclass(frozen=True)
class _Checked:
    """A finished file and how it answered on the test part."""

    content: bytes
    agreement: Agreement
    accuracy: float | None
    gates: list[Gate]


def export(run: Run | str | Path) -> Exported:
    """Quantizes, converts and checks a run's model; replaces the run's `export` folder whole.

    Args:
        run: A trained run, or its folder.

    Raises:
        GateError: A file breaks a gate; the earlier export stays.
        SignportError: The run cannot be exported.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    keras.utils.set_random_seed(run.recipe.seed)
    model = run.family.deployed(run.model())
    test, labels = run.inputs("test"), run.labels("test")
    reference = predict(model, test)
    floating = deploy_form(model)
    scale = float(np.abs(reference).max()) if run.family.output == "embedding" else 1.0
    difference = largest_difference(model, floating, test) / scale
    if not difference <= _DEPLOY_TOLERANCE:
        raise GateError(f"{run.path}: the deploy form differs from the trained model by {difference:.2g}; report this")
    quantized = quantize(model, run.inputs("train"), run.inputs("validation"), run.recipe.quantization, run.recipe.seed)

    with atomic_folder(run.export_folder) as folder:
        contents = _convert(run, model, floating, quantized.deploy)
        checked = {
            form: _check(run, form, content, model, test, reference, labels, scale)
            for form, content in contents.items()
        }
        gates = [Gate("deploy form max abs error", difference, _DEPLOY_TOLERANCE, "most")]
        gates += [gate for one in checked.values() for gate in one.gates]
        if broken := [str(gate) for gate in gates if not gate.passed]:
            raise GateError(f"{run.path}: the export breaks {len(broken)} of {len(gates)} gates: {'; '.join(broken)}")
        for form, one in checked.items():
            write_bytes(folder / FORMATS[form].file_name, one.content)
        quantized.deploy.save(folder / "quantized.keras")
        _write_golden(run, folder, test, reference, labels)
        write_text(folder / "labels.txt", "".join(f"{name}\n" for name in _labels(run)))
        card = _card(run, model, checked, gates, quantized.to_json(), labels, reference)
        write_json(folder / "card.json", card)
    return Exported(run.export_folder, card)


def _labels(run: Run) -> tuple[str, ...]:
    """Class names as files carry them; MediaPipe knows its background class by one spelling only."""
    if run.family.output == "embedding":
        return ()
    return tuple(BACKGROUND if name.lower() == BACKGROUND.lower() else name for name in run.classes)


def _convert(run: Run, model: keras.Model, floating: keras.Model, quantized: keras.Model) -> dict[str, bytes]:
    output = "embedding" if run.family.output == "embedding" else "probabilities"
    info = ModelInfo(
        name=run.id,
        description=f"signport {run.family.name}: {', '.join(t.name for t in model.inputs)} to {output}.",
        inputs=[(tensor.name, run.family.describes.get(tensor.name, "")) for tensor in model.inputs],
        output=(output, run.family.describes.get(output, "Probability of each class, in the order of the labels.")),
        labels=_labels(run),
        version=installed_versions()["signport"],
        score_threshold=_SCORE_THRESHOLD if run.family.fits_task == "head" else None,
    )
    with tempfile.TemporaryDirectory(prefix="signport-") as name:
        folder = Path(name)
        floating.save(folder / "floating.keras")
        quantized.save(folder / "quantized.keras")
        convert(folder / "floating.keras", folder / "quantized.keras", folder)
        return {form.name: finish((folder / form.file_name).read_bytes(), info) for form in FORMATS.values()}


def _check(
    run: Run,
    form: str,
    content: bytes,
    model: keras.Model,
    test: dict[str, np.ndarray],
    reference: np.ndarray,
    labels: np.ndarray,
    scale: float,
) -> _Checked:
    answers = LiteRtModel(content).predict([test[tensor.name] for tensor in model.inputs])
    agreement = compare(reference, answers, run.family.output)
    accuracy = drop = None
    if run.family.output == "probabilities":
        accuracy = float((answers.argmax(axis=1) == labels).mean())
        drop = float((reference.argmax(axis=1) == labels).mean()) - accuracy
    shapes = [(1, *tensor.shape[1:]) for tensor in model.inputs]
    gates = judge_graph(form, content, shapes)
    gates += judge(form, agreement, run.family.gates, reference_scale=scale, accuracy_drop=drop)
    return _Checked(content, agreement, accuracy, gates)


def _write_golden(
    run: Run, folder: Path, test: dict[str, np.ndarray], reference: np.ndarray, labels: np.ndarray
) -> None:
    rows = worst_margin_rows(reference, GOLDEN_SAMPLES, run.recipe.seed)
    cache, in_cache = run.cache(), run.split().test
    ids = [cache.sample_ids[in_cache[row]] for row in rows]
    write_golden(folder, {name: values[rows] for name, values in test.items()}, reference[rows], labels[rows], ids)
    if run.family.fits_task == "head":
        spread = np.random.default_rng(run.recipe.seed).permutation(in_cache)[:GOLDEN_IMAGES]
        write_golden_images(folder, cache, spread, run.classes)


def _card(
    run: Run,
    model: keras.Model,
    checked: dict[str, _Checked],
    gates: list[Gate],
    quantization: dict[str, Any],
    labels: np.ndarray,
    reference: np.ndarray,
) -> dict[str, Any]:
    def figures(one: _Checked) -> dict[str, Any]:
        values = {name: value for name, value in asdict(one.agreement).items() if name not in ("samples", "finite")}
        values = {name: float(value) if np.isfinite(value) else None for name, value in values.items()}
        return {"accuracy": one.accuracy, **values}

    accuracy = float((reference.argmax(axis=1) == labels).mean()) if run.family.output == "probabilities" else None
    output = "embedding" if run.family.output == "embedding" else "probabilities"
    return {
        "name": run.id,
        "family": run.family.name,
        "output": run.family.output,
        "classes": list(_labels(run)),
        "preprocessing": "none: it is inside the graph; hand over the inputs as described",
        "inputs": [
            {
                "name": tensor.name,
                "shape": [1, *tensor.shape[1:]],
                "dtype": "float32",
                "description": run.family.describes.get(tensor.name, ""),
            }
            for tensor in model.inputs
        ],
        "outputs": [{"name": output, "shape": [1, int(reference.shape[1])], "dtype": "float32"}],
        "files": {
            form: {"file": FORMATS[form].file_name, "sha256": sha256_bytes(one.content), "bytes": len(one.content)}
            for form, one in checked.items()
        },
        "metrics": {
            "test_samples": len(labels),
            "float_accuracy": accuracy,
            **{form: figures(one) for form, one in checked.items()},
        },
        "gates": [gate.to_json() for gate in gates],
        "quantization": quantization,
        "data": {"cache_sha256": run.cache_digest, "split_by": run.split().by},
        "versions": installed_versions(),
    }


def require_export(run: Run, form: str) -> bytes:
    """An exported file of a run.

    Raises:
        SignportError: The run was not exported.
    """
    if form not in FORMATS:
        raise SignportError(f"format {form!r} is unknown; choose one of: {', '.join(FORMATS)}")
    path = run.export_folder / FORMATS[form].file_name
    if not path.is_file():
        raise SignportError(f"{path}: no such file; run `signport export {run.path}` first")
    return path.read_bytes()
