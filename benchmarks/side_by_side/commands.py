"""How long each command keeps a person waiting when it has next to nothing to do, and what it imports for that."""

import json
from typing import Any

import numpy as np
from processes import PYTHON, run_each
from table import Command, Found

HEAVY = ("tensorflow", "keras", "mediapipe", "sklearn", "matplotlib")
PER_CLASS, SAMPLES, CLASSES = 4, 200, 10
# What a command has imported is written when it ends; its children, who convert and ask, are not looked into.
_WATCHED = """
import atexit, json, sys
names, path, *sys.argv[1:] = json.loads(sys.argv[1]), *sys.argv[2:]
atexit.register(lambda: open(path, "w").write(json.dumps([name for name in names if sys.modules.get(name)])))
from signport.cli.main import main
main()
"""


def measure(places: Any) -> Found:
    """A row a command, in the order in which a person comes by them."""
    folder = places.scratch("commands")
    app = folder / "app"
    (app / "src" / "main" / "resources").mkdir(parents=True)
    hands, cache, model, table = folder / "hands", folder / "hands.parquet", folder / "runs" / "mlp", folder / "x.npz"
    random = np.random.default_rng(0)
    np.savez(table, X=random.random((SAMPLES, 63), np.float32), y=random.integers(CLASSES, size=SAMPLES))
    training = ["--data", cache, "--runs", model.parent, "--name", model.name]
    commands: dict[str, list[Any]] = {
        "--help": ["--help"],
        "train --help": ["train", "--help"],
        "doctor": ["doctor"],
        "render hands": ["render", "hands", hands, "--classes", "digits", "--per-class", PER_CLASS, "--no-detect"],
        "capture images": ["capture", "images", hands, cache],
        "import npz": ["import", "npz", table, folder / "table.parquet"],
        "cache show": ["cache", "show", cache],
        "train mlp": ["train", "mlp", *training, "--set", "training.epochs=1"],
        "evaluate": ["evaluate", model, "--data", cache],
        "export": ["export", model],
        "inspect": ["inspect", model],
        "parity": ["parity", model, "--targets", "desktop"],
        "stream": ["stream", model, cache],
        "quantize debug": ["quantize", "debug", model],
        "embed": ["embed", model, "--app", app],
    }
    found = Found()
    reports = {name: folder / f"{name}.json" for name in commands}
    watched = [PYTHON, "-c", _WATCHED, json.dumps(HEAVY)]
    asked = {name: [*watched, reports[name], *arguments] for name, arguments in commands.items()}
    for name, ran in run_each("Commands", asked, found.notes).items():
        imported = json.loads(reports[name].read_text(encoding="utf-8"))
        found.commands.append(Command(f"signport {name}", ran.seconds, ran.processor_seconds, imported))
    return found
