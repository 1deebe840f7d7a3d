"""Stages that are killed and started again: `python benchmarks/kill_and_resume.py`.

Capture, training, export and embed run undisturbed once; the next ones get the same inputs, but their whole process
group is killed (SIGKILL) one to eight times before they may end. Half of the kills come at a time drawn over the whole
duration of the stage, half of them right at a change in its output folder, when files are half written or half renamed:
which change is drawn too. What the last start leaves has to be what the undisturbed run left: the same files, byte for
byte, and no other file beside them. Exceptions that the stages do not promise: `tensorboard/` has a file a start, with
times in it, and `run.json` tells the seconds of its last start.

A kill counts only where it hit a living process. Results are written after every episode; started again, the script
goes on where it was (`--fresh` starts over).
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.table import Table

from signport.files import sha256_bytes, write_json

RESULTS = Path(__file__).parent / "results/kill_and_resume.json"
SIGNPORT = (sys.executable, "-c", "from signport.cli.main import main; main()")
MOST_KILLS = 8
POLL_S = 0.002


@dataclass(frozen=True)
class Stage:
    """A command that is killed.

    Attributes:
        name: What the table calls it.
        arguments: Those of `signport`; paths are relative to the folder of an episode.
        output: The folder that it writes to; what lies in it at the end is compared.
        prepare: Fills the folder of an episode with what the command starts from.
    """

    name: str
    arguments: tuple[str, ...]
    output: str
    prepare: Callable[[Path], None]


def stages(work: Path) -> list[Stage]:
    """The four, each of which starts from what the undisturbed one before it has left in `work`."""

    def nothing(folder: Path) -> None:
        (folder / "out").mkdir()

    def a_trained_run(folder: Path) -> None:
        shutil.copytree(work / "train-undisturbed/out", folder / "out")

    def an_app_with_an_earlier_model(folder: Path) -> None:
        models = folder / "app/src/jvmMain/resources/models/mlp"
        models.mkdir(parents=True)
        (models / "model_int8.tflite").write_bytes(b"an earlier model")
        (folder / "app/src/jvmMain/kotlin").mkdir()

    settings = {
        "model.hidden": "[64, 32]", "training.epochs": 16, "training.checkpoint_every": 1,
        "training.early_stopping_patience": 0, "quantization.epochs": 1,
    }  # fmt: skip
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    train = ("train", "mlp", "--data", "../capture-undisturbed/out/hands.parquet", "--runs", "out", "--run-id", "hands")
    formats = ("int8", "float16", "float32")
    embed = ("embed", "../export-undisturbed/out/hands", "--app", "app", "--package", "com.example.signs")
    return [
        Stage("capture", ("capture", "images", "../hands", "out/hands.parquet", "--workers", "2"), "out", nothing),
        Stage("train", (*train, "--restarted", *changes), "out", nothing),
        Stage("export", ("export", "out/hands"), "out", a_trained_run),
        Stage(
            "embed",
            (*embed, *(word for form in formats for word in ("--format", form))),
            "app",
            an_app_with_an_earlier_model,
        ),
    ]


class Running:
    """A start of a stage, with its own process group and its own folder for temporary files."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        (folder / "tmp").mkdir(exist_ok=True)
        self._log = (folder / "log.txt").open("wb")
        environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "TF_CPP_MIN_LOG_LEVEL": "3"}
        self.process = subprocess.Popen(
            [*SIGNPORT, *stage.arguments],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.output = folder / stage.output
        self.log = folder / "log.txt"
        self.start = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._log.close()

    def kill(self) -> bool:
        """Kills the group; whether its first process was alive."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait() == -signal.SIGKILL

    def changes(self) -> Iterator[int]:
        """Yields the number of changes in the output folder so far, every few milliseconds, until the process ends."""
        seen, number = _names(self.output), 0
        while self.process.poll() is None:
            now = _names(self.output)
            number += now != seen
            seen = now
            yield number
            time.sleep(POLL_S)


def _names(folder: Path) -> set[tuple[str, int]]:
    """Path and size of everything below a folder; what vanishes meanwhile is passed over."""
    found = set()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                found.add((str(path), path.stat().st_size))
    return found


def undisturbed(stage: Stage, work: Path) -> tuple[float, int]:
    """Runs a stage to its end; its seconds and the number of changes that were seen in its output folder."""
    folder = work / f"{stage.name}-undisturbed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage.prepare(folder)
    number = 0
    with Running(stage, folder) as running:
        for number in running.changes():  # noqa: B007
            pass
        if running.process.wait():
            raise SystemExit(f"{stage.name}: failed undisturbed:\n{running.log.read_text()}")
        return time.perf_counter() - running.start, number


def left(folder: Path) -> dict[str, str]:
    """What is to be the same: path → digest, of every file below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_dir() or "tensorboard" in relative.parts:
            continue
        content = path.read_bytes()
        if path.name == "run.json":
            record = json.loads(content)
            record.pop("seconds", None)
            content = json.dumps(record).encode()
        found[relative.as_posix()] = sha256_bytes(content)
    return found


def episode(stage: Stage, work: Path, seconds: float, changes: int, number: int, most: int) -> dict[str, Any]:
    """Starts a stage anew, kills it up to `most` times, lets it end, and compares."""
    draw = random.Random(f"{stage.name} {number}")  # noqa: S311
    folder = work / f"{stage.name}-killed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stage.prepare(folder)
    kills: dict[str, list[float]] = {"time": [], "change": []}
    for _ in range(draw.randint(1, most)):
        kind = draw.choice(("time", "change"))
        moment = draw.uniform(0, seconds) if kind == "time" else draw.randint(1, max(1, changes))
        after = draw.uniform(0, 0.01)
        with Running(stage, folder) as running:
            for seen in running.changes():
                elapsed = time.perf_counter() - running.start
                if (elapsed if kind == "time" else seen) >= moment:
                    time.sleep(after if kind == "change" else 0)
                    break
            if running.kill():
                kills[kind].append(round(time.perf_counter() - running.start, 2))
            elif running.process.returncode:
                return _result(kills, failed=running.log.read_text()[-600:])
            else:
                break
    with Running(stage, folder) as running:
        if running.process.wait():
            return _result(kills, failed=running.log.read_text()[-600:])
    wanted, got = left(work / f"{stage.name}-undisturbed" / stage.output), left(folder / stage.output)
    return _result(
        kills,
        missing=sorted(wanted.keys() - got.keys()),
        left_over=sorted(got.keys() - wanted.keys()),
        differ=sorted(name for name in wanted.keys() & got.keys() if wanted[name] != got[name]),
        temporary=len(list((folder / "tmp").iterdir())),
    )


def _result(kills: dict[str, list[float]], **found: Any) -> dict[str, Any]:
    same = not any(found.get(name) for name in ("failed", "missing", "left_over", "differ"))
    return {"kills": sum(map(len, kills.values())), "at": kills, "same": same, **found}


def measure(stage: Stage, work: Path, wanted: int, path: Path) -> None:
    """Kills a stage until as many kills as wanted have hit it; results are written after every episode."""
    seconds, changes = undisturbed(stage, work)
    found = read_results(path).get(stage.name, {"seconds": round(seconds, 1), "changes": changes, "episodes": []})
    episodes = found["episodes"]
    while (done := sum(one["kills"] for one in episodes)) < wanted:
        one = episode(stage, work, seconds, changes, len(episodes), min(MOST_KILLS, wanted - done))
        episodes.append(one)
        told = "as undisturbed" if one["same"] else {name: one.get(name) for name in one if name != "at"}
        print(f"{stage.name}: {done + one['kills']} of {wanted} kills; {told}", flush=True)
        # Stages may run side by side, each in a process of its own.
        write_json(path, {**read_results(path), stage.name: found})


def read_results(path: Path) -> dict[str, Any]:
    """What earlier runs have measured."""
    return json.loads(path.read_text()) if path.is_file() else {}


def table(results: dict[str, Any]) -> Table:
    """What was measured, a row a stage."""
    shown = Table(title="killed with SIGKILL and started again until done", box=None)
    for column in ("stage", "seconds undisturbed", "kills", "at a time", "at a write", "resumed to the end", "same"):
        shown.add_column(column, justify="left" if column == "stage" else "right")
    for name, found in results.items():
        episodes = found["episodes"]
        kinds = [sum(len(one["at"][kind]) for one in episodes) for kind in ("time", "change")]
        same = sum(one["same"] for one in episodes)
        shown.add_row(name, str(found["seconds"]), *map(str, (sum(kinds), *kinds, len(episodes), same)))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="a stage (50)")
    parser.add_argument("--stages", nargs="+", default=["capture", "train", "export", "embed"])
    parser.add_argument("--work", type=Path, default=Path("build/kill-and-resume"), help="folder for what is made")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args()
    work = options.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        options.results.unlink(missing_ok=True)
    hands = ("render", "hands", str(work / "hands"), "--classes", "canned", "--per-class", "20", "--size", "192")
    subprocess.run([*SIGNPORT, *hands, "--no-detect", "--seed", "3"], check=True)
    for stage in stages(work):
        if stage.name in options.stages:
            measure(stage, work, options.kills, options.results)
        elif not (work / f"{stage.name}-undisturbed").is_dir():
            undisturbed(stage, work)
    results = read_results(options.results)
    Console().print(table(results))
    episodes = [one for found in results.values() for one in found["episodes"]]
    if broken := sum(not one["same"] for one in episodes):
        raise SystemExit(f"{broken} of {len(episodes)} episodes did not end as the undisturbed one did")


if __name__ == "__main__":
    main()
