"""Seconds from a trained model to four files, and from the shell to the first help."""

from pathlib import Path
from typing import Any

from processes import HERE, PYTHON, SIGNPORT, Ways, by_the_clock, in_turns, raw, run, times_less_work, work
from table import Found, Row

_STARTS = 5


def measure(places: Any) -> Found:
    """A row a family that has a run, and one of the start."""
    from signport.models.registry import family_names

    found = Found()
    for family in family_names():
        if not (places.runs / family).is_dir():
            found.notes.append(f"Conversion of `{family}`: skipped, for there is no {places.runs / family}.")
            continue
        _family(found, family, places)
    _start(found)
    return found


def _family(found: Found, family: str, places: Any) -> None:
    folder, trained = places.scratch(f"conversion/{family}"), places.runs / family
    calibration_samples(trained, folder / "calibration.npz")
    plain = [PYTHON, HERE / "plain_convert.py", family, trained / "model.keras", folder / "calibration.npz", folder]
    ours = [PYTHON, HERE / "our_convert.py", trained, folder]
    ways: Ways = {"TFLiteConverter": lambda: run(plain), "signport": lambda: run(ours)}
    turns = in_turns(ways, 1)
    said = [line for line in turns[0]["TFLiteConverter"].output.splitlines() if line.startswith(("made ", "no "))]
    made = [line.removeprefix("made ") for line in said if line.startswith("made ")]
    found.raw[family] = {**raw(turns), "said": said}
    clock = by_the_clock(turns, "TFLiteConverter", "signport")
    found.rows.append(
        Row(
            f"conversion, `{family}`",
            f"{work(turns, 'TFLiteConverter'):.1f} s, {len(made)} of {len(said)} files (`TFLiteConverter`)",
            f"{work(turns, 'signport'):.1f} s, 4 of 4 files",
            times_less_work(turns, "TFLiteConverter", "signport") if len(made) == len(said) else None,
            f"start, calibration, float32, float16, dynamic, int8; {clock}",
        )
    )


def calibration_samples(trained: Path, path: Path) -> None:
    """Writes the samples that ranges are measured on, the same for both."""
    import numpy as np

    from signport.quantization.calibration import representative
    from signport.training.run import Run

    run = Run.open(trained)
    np.savez(path, **representative(run.inputs("train"), run.recipe.quantization.calibration_samples, run.recipe.seed))


def _start(found: Found) -> None:
    ways: Ways = {
        "python": lambda: run([PYTHON, "-c", "pass"]),
        "import tensorflow": lambda: run([PYTHON, "-c", "import tensorflow"]),
        "signport --help": lambda: run([*SIGNPORT, "--help"]),
    }
    turns = in_turns(ways, _STARTS)
    found.raw["start"] = raw(turns)
    clock = by_the_clock(turns, "import tensorflow", "signport --help")
    found.rows.append(
        Row(
            "`signport --help`",
            f"{work(turns, 'import tensorflow'):.2f} s (`import tensorflow`)",
            f"{work(turns, 'signport --help'):.2f} s",
            times_less_work(turns, "import tensorflow", "signport --help"),
            f"`python -c pass` {work(turns, 'python'):.2f} s; {clock}",
        )
    )
