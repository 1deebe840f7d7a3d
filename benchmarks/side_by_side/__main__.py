"""signport beside what people would use instead: `python benchmarks/side_by_side`, one table from one run.

Both sides of a row do the same work on the same data in turns, in processes of their own. Seconds are processor seconds
of all these processes together, which other work on the machine hardly changes, unless a row says that they are the
clock's. A ratio is the median of the ratios within the rounds, and above 1 ours is better. Each finished part is kept
in the work folder, so that a run that was interrupted goes on behind it; the finished run goes to
benchmarks/results/side_by_side.json. Families are measured on the runs of `make export-tflite`; real images and clips
are looked for where `--data` says, and what lacks them is measured on drawn hands, or is skipped and says so.
"""

import argparse
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GLOG_minloglevel", "2")

from table import Found, markdown

from signport.files import read_json, write_json

PARTS = ("gesture_head", "capture", "quantization", "training_step", "conversion", "memory", "growth", "commands")
RESULTS = Path(__file__).parents[1] / "results" / "side_by_side.json"
_PACKAGES = ("signport", "tensorflow", "keras", "mediapipe", "ai-edge-litert")


@dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        work: Gets what is made on the way.
        data: Real data, laid out as ../shared/data.
        runs: Trained and exported runs, each in a folder named for its family.
        rounds: How often each way has its turn.
    """

    work: Path
    data: Path
    runs: Path
    rounds: int

    def scratch(self, name: str) -> Path:
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder.resolve()


def machine() -> dict[str, Any]:
    """What it was measured on."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {"cores": os.cpu_count(), "platform": platform.platform(), "versions": versions}


def measure(part: str, places: Places) -> dict[str, Any]:
    """Measures a part."""
    print(f"── {part}", file=sys.stderr, flush=True)
    start, load = time.perf_counter(), os.getloadavg()[0]
    found: Found = import_module(part).measure(places)
    print(markdown([found]), file=sys.stderr, flush=True)
    spent = time.perf_counter() - start
    return {**found.to_json(), "seconds": round(spent), "load_before": round(load, 1)}


def whole_run(places: Places) -> dict[str, Any]:
    """All parts, those of an interrupted run as they are."""
    done = places.work / "parts"
    found = {}
    for part in PARTS:
        path = done / f"{part}.json"
        if not path.is_file():
            done.mkdir(parents=True, exist_ok=True)
            write_json(path, measure(part, places))
        found[part] = read_json(path)
    content = {**machine(), "parts": found}
    write_json(RESULTS, content)
    shutil.rmtree(done)
    return content


def main() -> None:
    """Measures what is asked for and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="measure these anew and put them into the results")
    parser.add_argument("--table", action="store_true", help="print the results again, without measuring")
    parser.add_argument("--work", type=Path, default=Path("build/side-by-side"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real data")
    parser.add_argument("--runs", type=Path, default=Path("build/export-tflite/runs"), help="of make export-tflite")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    places = Places(options.work.resolve(), options.data.resolve(), options.runs.resolve(), options.rounds)
    if options.only:
        for part in options.only:
            measured = measure(part, places)
            earlier = read_json(RESULTS) if RESULTS.is_file() else {"parts": {}}
            write_json(RESULTS, {**machine(), "parts": {**earlier["parts"], part: measured}})
    content = read_json(RESULTS) if options.only or options.table else whole_run(places)
    print(markdown(Found.of(content["parts"][part]) for part in PARTS if part in content["parts"]))


if __name__ == "__main__":
    main()
