"""`make fuzz`: atheris (libFuzzer, guided by coverage) on every reader of `tests/fuzz/readers.py`.

Each reader runs in a process of its own, which may take 1 GiB more than it has after it has read its seeds; an input
may take `--timeout` seconds of the processor's time, so that a busy machine is no finding. Only signport's modules are
instrumented. An input that makes a reader fail is saved in `tests/fuzz/found/<reader>/`, one for each place in the
code, named for what went wrong; a crash of native code ends the process, and the rest of the inputs is tried in the
next one.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
FOUND = ROOT / "tests/fuzz/found"
_MEMORY = 2**30
_FAST = Path("/dev/shm")  # noqa: S108  a folder in memory, where there is one
# Crashes of native code after which a reader is given up.
_MOST_CRASHES = 5
_NATIVE_HANG_S = 300
_ARTIFACTS = ("crash-", "timeout-", "oom-")


class Findings:
    """Inputs that made a reader fail, one for each place in the code."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def add(self, content: bytes, error: BaseException) -> None:
        """Keeps an input, unless one that failed at the same place is kept already."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/signport/" in frame.filename]
        place = f"{Path(frames[-1].filename).stem}-{frames[-1].name.strip('<>')}" if frames else "nowhere"
        name = f"{type(error).__name__}-{place}"
        if name in self.names:
            return
        self.names.append(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        print(f"FOUND {self.folder.name}/{name}: {error}", flush=True)


def _too_long(*_: object) -> None:
    raise TimeoutError("it takes too long")


def readers() -> dict[str, Any]:
    """The readers of `tests/fuzz/readers.py` by name."""
    sys.path.insert(0, str(ROOT))
    found: dict[str, Any] = importlib.import_module("tests.fuzz.readers").READERS
    return found


def child(name: str, runs: int, seed: int, timeout: int, report: Path) -> None:
    """Fuzzes one reader in this process, which does not come back from it."""
    atheris = importlib.import_module("atheris")
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["signport"], enable_loader_override=False):
        reader = readers()[name]
        findings = Findings(FOUND / name)
        # What readers import when they are first called is instrumented too.
        for content in reader.seeds():
            with contextlib.suppress(Exception):
                reader(content)
    signal.signal(signal.SIGPROF, _too_long)
    done, accepted = 0, 0

    def test_one_input(content: bytes) -> None:
        nonlocal done, accepted
        done += 1
        try:
            signal.setitimer(signal.ITIMER_PROF, timeout)
            accepted += reader(content)
        except Exception as error:  # noqa: BLE001  what is looked for
            findings.add(content, error)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if done % 50 == 0 or done >= runs:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            figures = {"inputs": done, "accepted": accepted, "peak_mib": peak, "found": findings.names}
            report.write_text(json.dumps(figures), encoding="utf-8")

    with tempfile.TemporaryDirectory() as corpus:
        known = [path.read_bytes() for path in (FOUND / name).glob("*") if not path.name.startswith("crash")]
        for number, content in enumerate([*reader.seeds(), *known]):
            Path(corpus, f"{number:04d}").write_bytes(content)
        longest = max(4096, 2 * max(map(len, reader.seeds())))
        in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + _MEMORY, in_use + _MEMORY))
        arguments = [
            f"-runs={runs}",
            f"-seed={seed}",
            f"-timeout={_NATIVE_HANG_S}",
            f"-max_len={longest}",
            "-rss_limit_mb=0",
        ]
        arguments += ["-print_final_stats=0", "-verbosity=0", f"-artifact_prefix={report.parent}/"]
        atheris.Setup([sys.argv[0], *arguments, corpus], test_one_input)
        atheris.Fuzz()


def fuzz(name: str, runs: int, timeout: int) -> dict[str, Any]:
    """Fuzzes one reader in processes of its own; what came of it."""
    start, total, seed = time.perf_counter(), 0, 1
    figures: dict[str, Any] = {"reader": name, "accepted": 0, "peak_mib": 0, "found": []}
    while total < runs and seed <= _MOST_CRASHES:
        with tempfile.TemporaryDirectory(prefix="signport-fuzz-", dir=_FAST if _FAST.is_dir() else None) as folder:
            report = Path(folder, "report.json")
            options = ["--runs", str(runs - total), "--seed", str(seed), "--timeout", str(timeout)]
            arguments = [sys.executable, __file__, "--child", name, *options, "--report", str(report)]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OPENCV_LOG_LEVEL": "SILENT", "TMPDIR": folder}
            log = Path(folder, "log.txt")
            with log.open("wb") as sink:
                status = subprocess.run(
                    arguments, stdout=sink, stderr=sink, env=environment, cwd=ROOT, check=False
                ).returncode
            said = log.read_text(encoding="utf-8", errors="replace")
            for line in re.findall(r"^FOUND .*$", said, re.MULTILINE):
                print(f"  {line[:240]}", flush=True)
            told: dict[str, Any] = {"inputs": 0, "found": []}
            if report.is_file():
                told = json.loads(report.read_text(encoding="utf-8"))
            total += told["inputs"]
            figures["accepted"] += told.get("accepted", 0)
            figures["peak_mib"] = max(figures["peak_mib"], told.get("peak_mib", 0))
            figures["found"] += [one for one in told["found"] if one not in figures["found"]]
            for path in sorted(path for path in Path(folder).iterdir() if path.name.startswith(_ARTIFACTS)):
                kind = path.name.partition("-")[0]
                kept = FOUND / name / f"{kind}-{path.name[-8:]}"
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(path.read_bytes())
                figures["found"].append(kept.name)
                print(f"  FOUND {name}/{kept.name}", flush=True)
            if status and not told["inputs"]:
                raise SystemExit(f"{name}: the fuzzer did not start:\n{said[-3000:]}")
        seed += 1
    return {**figures, "inputs": total, "seconds": round(time.perf_counter() - start, 1)}


def table(results: list[dict[str, Any]]) -> Table:
    """What came of it, a row a reader."""
    shown = Table(box=None)
    for column in ("reader", "inputs", "accepted", "seconds", "peak MiB", "found"):
        shown.add_column(column, justify="left" if column in ("reader", "found") else "right")
    for one in results:
        figures = [f"{one['inputs']:,}", f"{one['accepted']:,}", str(one["seconds"]), str(one["peak_mib"])]
        shown.add_row(one["reader"], *figures, ", ".join(one["found"]) or "nothing")
    return shown


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000, help="inputs a reader (10000)")
    parser.add_argument("--readers", nargs="+", help="which [default: all]")
    parser.add_argument("--timeout", type=int, default=10, help="seconds of CPU that an input may take (10)")
    parser.add_argument("--results", type=Path, help="JSON file for the table")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.runs, options.seed, options.timeout, options.report)
        return
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit("atheris is not installed; it has wheels for Linux only: make setup")
    results = []
    for name in options.readers or readers():
        results.append(fuzz(name, options.runs, options.timeout))
        told = results[-1]
        print(f"{name}: {told['inputs']:,} inputs, {told['seconds']} s, found {len(told['found'])}", flush=True)
        if options.results:
            options.results.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    Console(width=160).print(table(results))
    if any(one["found"] or one["inputs"] < options.runs for one in results):
        raise SystemExit("inputs that make a reader fail are in tests/fuzz/found; mend the reader and keep them")


if __name__ == "__main__":
    main()
