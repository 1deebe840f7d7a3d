"""What `signport quantize debug` says: two tables and a sentence, `debug.json` and a picture."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.debug_run import Debugged
from signport.files import finite, write_json
from signport.quantization.debugging import Answer, LayerCost
from signport.quantization.tensor_errors import TensorErrors

_NARROWEST = 100
_SMALLEST_SHARE = 1e-4
_TENSOR_COLUMNS = (
    "tensor", "kind", "scale", "zero\npoint", "clipped", "RMSE\n/scale", "SQNR\ndB", "cosine", "answer\ndB",
)  # fmt: skip
_TENSOR_NOTE = (
    "SQNR, RMSE and cosine: against float, with all that came before. Answer: the SQNR of the model's answer, if this "
    "tensor's own rounding and clipping were the only error; by it they are ranked."
)
_SAME_NOTE = " Same: share of samples with the same top class."
_LAYER_NOTE = (
    "Alone: only this layer in int8, against the same weights in float. Kept: all but this layer in int8, against the "
    "trained model. Won: kept against all in int8."
)


def write_report(debugged: Debugged) -> tuple[Path, Path]:
    """Writes `quantization/debug.json` and `quantization/debug.png` into the run's folder.

    Returns:
        The two paths.
    """
    from signport.export.debug_plot import draw_costs

    folder = debugged.run.path / "quantization"
    write_json(folder / "debug.json", to_json(debugged))
    draw_costs(debugged, folder / "debug.png")
    return folder / "debug.json", folder / "debug.png"


def to_json(debugged: Debugged) -> dict[str, Any]:
    """The content of `debug.json`; what is infinite or not defined is null."""
    diagnosis, best = debugged.diagnosis, debugged.worth_keeping
    return {
        "run": debugged.run.id,
        "family": debugged.run.family.name,
        "quantization": debugged.quantization,
        "keep": debugged.kept,
        "samples": diagnosis.samples,
        "test_samples": debugged.test_samples,
        "accuracy": finite(diagnosis.accuracy),
        "answers": {"deploy_float": _plain(diagnosis.floating), "int8": _plain(diagnosis.int8)},
        "worth_keeping": None if best is None else best.layer,
        "advice": advice(debugged),
        "tensors": [_plain(tensor) for tensor in diagnosis.tensors],
        "layers": [{**_plain(layer), "noise_share": debugged.share(layer)} for layer in diagnosis.layers],
    }


def _plain(record: Any) -> dict[str, Any]:
    """A dataclass as JSON has it."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return finite(value) if isinstance(value, float) else value

    return dict(plain(asdict(record)))


def advice(debugged: Debugged) -> str:
    """One sentence or two: what costs most, and what is worth keeping in float."""
    diagnosis, best = debugged.diagnosis, debugged.worth_keeping
    worst, int8 = diagnosis.layers[0], diagnosis.int8
    said = f"{worst.layer} costs most, {debugged.share(worst):.0%} of the noise that int8 makes"
    if worst.kind == "Quantizer":
        said += " (float becomes int8 there; it stays float if all that read it are kept in float)"
    if best is None:
        if not debugged.has_classes:
            return f"{said}; nothing is worth keeping in float: no layer wins 3 dB over int8's {int8.sqnr_db:.1f} dB."
        same = round(int8.agreement * diagnosis.samples)
        if same == diagnosis.samples:
            return f"{said}; nothing is worth keeping in float: int8 agrees with float on all {same} samples."
        return (
            f"{said}; nothing is worth keeping in float: int8 agrees with float on {same} of {diagnosis.samples} "
            "samples, and no layer wins more than chance would."
        )
    kept = best.kept
    assert kept is not None
    won = f"{debugged.gain_db(best):+.1f} dB"
    if debugged.has_classes:
        won = (
            f"{100 * debugged.gain(best):.1f} points of agreement ({int8.agreement:.4f} to {kept.agreement:.4f}), {won}"
        )
    command = f"signport export {debugged.run.path} --keep {best.layer}=float"
    return f"{said}. `{command}` (in a recipe, `{debugged.recipe_line}`) would win {won}."


def print_report(debugged: Debugged, *, top: int, width: int | None = None) -> None:
    """Prints the costliest tensors, the costliest layers, and what to do.

    Args:
        debugged: What was found.
        top: Rows a table.
        width: Of the console in characters; None for the terminal's, at least 100.
    """
    from rich.console import Console

    diagnosis = debugged.diagnosis
    console = Console(width=width or max(Console().width, _NARROWEST), highlight=False)
    console.print(_headline(debugged), soft_wrap=True)
    tensors = _table(_TENSOR_COLUMNS, left=2)
    for tensor in diagnosis.tensors[:top]:
        tensors.add_row(tensor_name(tensor), *_tensor_cells(tensor))
    console.print()
    console.print(tensors)
    console.print(_more(len(diagnosis.tensors) - top, "tensors") + _TENSOR_NOTE, style="dim")
    classes = ("alone\nsame", "kept\nsame", "kept\naccuracy", "points\nwon") if debugged.has_classes else ()
    same = _SAME_NOTE if debugged.has_classes else ""
    layers = _table(("layer", "kind", "noise", "alone\ndB", *classes, "kept\ndB", "dB\nwon"), left=2)
    for layer in diagnosis.layers[:top]:
        layers.add_row(layer.layer, layer.kind, *_layer_cells(debugged, layer))
    console.print()
    console.print(layers)
    console.print(_more(len(diagnosis.layers) - top, "layers") + _LAYER_NOTE + same, style="dim")
    console.print()
    console.print(advice(debugged), soft_wrap=True)


def _headline(debugged: Debugged) -> str:
    diagnosis = debugged.diagnosis
    of = "" if diagnosis.samples == debugged.test_samples else f"{diagnosis.samples} of "
    said = f"{debugged.run.id}: {of}{debugged.test_samples} held-back samples, int8 by {debugged.engine}"
    if debugged.kept:
        said += f", kept {', '.join(f'{name} in {how}' for name, how in debugged.kept.items())}"
    if debugged.has_classes:
        said += f"\ntrained, in float     accuracy {diagnosis.accuracy:.4f}"
    said += f"\nfine-tuned, in float  {_answer(diagnosis.floating)}"
    return f"{said}\nfine-tuned, in int8   {_answer(diagnosis.int8)}"


def _answer(answer: Answer) -> str:
    said = "" if np.isnan(answer.agreement) else f"accuracy {answer.accuracy:.4f} · agreement {answer.agreement:.4f} · "
    return f"{said}SQNR {answer.sqnr_db:.1f} dB"


def _more(count: int, what: str) -> str:
    return f"{count} more {what} in debug.json. " if count > 0 else ""


def _table(columns: tuple[str, ...], *, left: int) -> Any:
    """A table that folds names and cuts nothing; the first `left` columns are words."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False, show_edge=False)
    for number, column in enumerate(columns):
        words = number < left
        table.add_column(
            column, justify="left" if words else "right", overflow="fold", no_wrap=number > 0, vertical="bottom"
        )
    return table


def tensor_name(tensor: TensorErrors) -> str:
    """Layer and tensor; of a quantizer that stands alone, its name once."""
    return tensor.layer if tensor.layer == tensor.name else f"{tensor.layer}.{tensor.name}"


def _tensor_cells(tensor: TensorErrors) -> list[str]:
    return [
        tensor.kind,
        f"{tensor.scale:.3g}",
        str(tensor.zero_point),
        _share(tensor.clipped),
        _figure(tensor.rmse_steps, ".2f"),
        _figure(tensor.sqnr_db, ".1f"),
        _figure(tensor.cosine, ".4f"),
        _figure(tensor.answer_sqnr_db, ".1f"),
    ]


def _layer_cells(debugged: Debugged, layer: LayerCost) -> list[str]:
    kept = layer.kept
    cells = [f"{debugged.share(layer):.1%}", _figure(layer.alone.sqnr_db, ".1f")]
    if debugged.has_classes:
        cells.append(f"{layer.alone.agreement:.4f}")
        cells += ["–"] * 3 if kept is None else [f"{kept.agreement:.4f}", f"{kept.accuracy:.4f}"]
        cells += [] if kept is None else [_signed(100 * debugged.gain(layer))]
    return cells + (["–"] * 2 if kept is None else [_figure(kept.sqnr_db, ".1f"), _signed(debugged.gain_db(layer))])


def _figure(value: float, form: str) -> str:
    return "–" if np.isnan(value) else "∞" if np.isinf(value) else format(value, form)


def _share(value: float) -> str:
    return "–" if not value else "<0.01%" if value < _SMALLEST_SHARE else f"{value:.2%}"


def _signed(value: float) -> str:
    """With its sign, and no sign before 0."""
    said = _figure(value, "+.1f")
    return "0.0" if said in ("+0.0", "-0.0") else said
