"""What an export says on the terminal."""

from pathlib import Path
from typing import Any


def print_card(card: dict[str, Any], folder: Path) -> None:
    """Prints a row a file: size, accuracy, agreement, SQNR and largest error against the float model."""
    from rich.console import Console
    from rich.table import Table

    metrics = card["metrics"]
    title = f"{card['name']}: {metrics['test_samples']} held-back samples"
    if metrics["float_accuracy"] is not None:
        title += f", Keras float accuracy {metrics['float_accuracy']:.4f}"
    table = Table(title=title, title_justify="left")
    for column in ("file", "KB", "accuracy", "agreement", "SQNR dB", "max abs error"):
        table.add_column(column, justify="left" if column == "file" else "right", no_wrap=True)
    for form, entry in card["files"].items():
        figures = metrics[form]
        table.add_row(
            entry["file"],
            f"{entry['bytes'] / 1000:.1f}",
            _figure(figures["accuracy"], ".4f"),
            _figure(figures["top1"], ".4f"),
            _figure(figures["sqnr_db"], ".1f"),
            _figure(figures["max_abs"], ".2g"),
        )
    console = Console(width=max(Console().width, 100), highlight=False)
    console.print(table)
    console.print(_quantized("int8", card["quantization"]))
    if "low_bits" in card:
        console.print(_quantized("int4", card["low_bits"]))
        console.print(f"int4: {', '.join(card['low_bits']['layers'])} in 4 bits; for {card['low_bits']['runs_in']}")
    if card.get("lstm") == "fused":
        console.print("lstm: fused; reset the interpreter's variables before each clip")
    passed = sum(gate["passed"] for gate in card["gates"])
    console.print(f"gates: {passed} of {len(card['gates'])} pass · {folder}")


def _quantized(form: str, told: dict[str, Any]) -> str:
    chosen = told["chosen"]
    engine = told.get("engine", "signport")  # cards of before there were two don't say
    what = f"epoch {chosen['epoch']} of fine-tuning" if chosen["epoch"] else "calibration alone"
    of = f"of {len(told['candidates'])} candidates" if len(told["candidates"]) > 1 else "without fine-tuning"
    return f"{form} by {engine}: {what} ships, {of} ({chosen['sqnr_db']:.1f} dB on validation)"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
