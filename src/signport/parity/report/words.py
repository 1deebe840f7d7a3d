"""How a parity report says its numbers, and what it advises where a gate is broken."""

import math
import re
from typing import Any

from signport.export.convert import FORMATS

# What a gate's name holds → what to do about it; the first that fits. `{run}` is the run's folder.
_ADVICE = (
    ("images with a hand", "Golden images show no hand that the landmarker finds: see export/golden_images.npz."),
    ("LIVE_STREAM frames", "Frames went unanswered: send them no faster than the recognizer answers."),
    ("thresholds", "Check the bundle's score threshold and labels, then `signport bundle {run}`."),
    ("task runs", "The bundle does not load there: `signport inspect` shows what is in it."),
    ("task", "The head in the bundle is not the exported one, or it is fed differently: `signport bundle {run}`."),
    ("another file", "That side holds a stale or changed file: send it the exported one again."),
    ("wrong shape", "This is another model's file: `signport export {run}`."),
    ("edge cases", "The graph breaks on unusual input: guard the division or logarithm in the model's preprocessing."),
    ("finite", "The file answers NaN or infinity: `signport parity {run} --layers` names the first layer that does."),
    (" runs", "It stopped before it answered: see its message, put that right, and run it again."),
    ("ai-edge-litert", "Runtimes compute one file differently: try a newer release of this one."),
    ("operators", "The graph holds operators that apps' runtimes lack: `signport inspect` lists them."),
    ("variable tensors", "The graph keeps state between calls: export the unrolled LSTM."),
    ("float islands", "Layers run in float between int8 ones: `signport inspect` lists them."),
    ("float32", "The float32 file is not the trained model: `signport export {run}` again; has preprocessing changed?"),
    ("float16", "Half precision is too coarse for some layer: `signport parity {run} --layers` names it."),
    ("dynamic", "8-bit weights are too coarse for some layer: `signport parity {run} --layers` names it."),
    ("int4", "4 bits are too few: keep the costliest layers in int8 (`signport quantize debug {run}`)."),
    (
        "int8",
        "`signport quantize debug {run}` shows the costliest layers; keep them in float, or fine-tune for longer.",
    ),
)


def advice(gate: str, fault: str | None, run: str) -> str:
    """What to do about a broken gate.

    Args:
        gate: The gate's name.
        fault: `runtime` where ai-edge-litert passes with the same file, `file` where it does not; None: unknown.
        run: The run's folder, for commands.
    """
    found = next((words for part, words in _ADVICE if part in gate), "`signport parity {run} --layers` shows where.")
    if fault == "runtime" and "another file" not in gate:
        found = "The file is fine: ai-edge-litert passes with it. This runtime is not: try a newer release of it."
    return found.format(run=run)


def gate_words(gate: dict[str, Any]) -> str:
    """A gate as in `parity.json` in words: `int8 SQNR (dB): 35.2 ≥ 20`, or, broken, `… 12.3, must be ≥ 20`."""
    # JSON has null for infinity, which holds a gate, and for NaN, which breaks every one.
    value = "∞" if gate["passed"] else "not a number"
    if gate["value"] is not None:
        value = number_text(gate["value"])
    sign = "≤" if gate["kind"] == "most" else "≥"
    return f"{gate['name']}: {value}{'' if gate['passed'] else ', must be'} {sign} {number_text(gate['bound'])}"


def number_text(value: float) -> str:
    """Four digits, and an exponent without zeros in front."""
    return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), f"{value:.4g}")


def plural(count: int, noun: str) -> str:
    """`1 gate`, `2 gates`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def in_order(forms: Any) -> list[str]:
    """Formats in the order in which they are documented; unknown ones last."""
    known = list(FORMATS)
    return sorted(forms, key=lambda form: (known.index(form) if form in known else len(known), form))


def error_text(value: float | None) -> str:
    """An error with two digits, such as `1.2e-7`; `0` where it is none, `–` where there is no number."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e4:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits}e{int(exponent)}"
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.4g}"


def percent_text(value: float | None) -> str:
    """A share in per cent, rounded down, so that it is 100 % only where nothing is missing."""
    if value is None or math.isnan(value):
        return "–"
    if value in {0, 1}:
        return f"{100 * value:.0f} %"
    return f"{math.floor(value * 10000 + 1e-6) / 100:.2f} %"


def decibels_text(value: float | None, *, equal: bool = False) -> str:
    """A ratio in dB; parity.json has null for infinity, which is right where the answers are `equal`."""
    if value is None or math.isinf(value):
        return "∞ dB" if equal or value is not None else "–"
    return f"{value:.1f} dB"


def time_text(microseconds: float | None) -> str:
    """A time with three digits, in µs, ms or s."""
    if microseconds is None:
        return "–"
    for unit, size in (("s", 1e6), ("ms", 1e3), ("µs", 1.0)):
        value = microseconds / size
        if value >= 1 or unit == "µs":
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
    raise AssertionError


def size_text(count: float | None) -> str:
    """Bytes in kB or MB, powers of ten."""
    if count is None:
        return "–"
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def interval_text(found: dict[str, Any] | None) -> str:
    """A share with its 95 % interval."""
    if not found or found["value"] is None:
        return "–"
    return f"{percent_text(found['value'])} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"
