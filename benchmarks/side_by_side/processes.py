"""Programs as a user starts them: how long they take, and how much memory they and their children hold at most."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import psutil

HERE = Path(__file__).parent
PYTHON = sys.executable
SIGNPORT = [PYTHON, "-c", "from signport.cli.main import main; main()"]
_SAMPLING_SECONDS = 0.5
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Ran:
    """What a program took.

    Attributes:
        seconds: From its start to its end.
        processor_seconds: That all processors together worked on it and on the children that it waited for.
        peak_mib: The most that it and its children held at once, in MiB of resident memory; what two processes share
            counts twice.
        output: What it printed.
    """

    seconds: float
    processor_seconds: float
    peak_mib: float
    output: str


Ways = Mapping[str, Callable[[], Ran]]


class Sampler(threading.Thread):
    """Looks twice a second how much memory a process and its children hold."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self._end = threading.Event()
        self.now_mib = self.peak_mib = 0.0

    def run(self) -> None:
        while True:
            self.now_mib = resident_mib(self._process)
            self.peak_mib = max(self.peak_mib, self.now_mib)
            if self._end.wait(_SAMPLING_SECONDS):
                return

    def stop(self) -> None:
        """Ends it; the peak stays."""
        self._end.set()
        self.join()


def resident_mib(process: psutil.Process) -> float:
    """Resident memory of a process and all below it, in MiB."""
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


@contextmanager
def started(command: Sequence[Any], env: Mapping[str, str] | None = None) -> Iterator[tuple[Any, Sampler, Path]]:
    """A running program, its sampler and the file of what it prints; it is ended with the block."""
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "2"}
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **quiet, **(env or {})},
        )
        sampler = Sampler(process.pid)
        sampler.start()
        try:
            yield process, sampler, Path(log.name)
        finally:
            sampler.stop()
            if process.poll() is None:
                process.terminate()
                process.wait()


def run(command: Sequence[Any], env: Mapping[str, str] | None = None) -> Ran:
    """Runs a program to its end.

    Raises:
        RuntimeError: It failed; the message ends with what it said last.
    """
    start = time.perf_counter()
    with started(command, env) as (process, sampler, log):
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = status = os.waitstatus_to_exitcode(status)
        output = log.read_text(encoding="utf-8", errors="replace")
        if status:
            words = "\n".join(output.strip().splitlines()[-15:])
            raise RuntimeError(f"{' '.join(map(str, command))} ended with status {status}:\n{words}")
    largest_mib = used.ru_maxrss / 1024  # of one process; the sampler may miss one that ends soon
    return Ran(seconds, used.ru_utime + used.ru_stime, max(sampler.peak_mib, largest_mib), output)


def run_each(what: str, commands: Mapping[str, Sequence[Any]], notes: list[str]) -> dict[str, Ran]:
    """What each program took; one that fails is noted, and the others go on."""
    ran = {}
    for name, command in commands.items():
        try:
            ran[name] = run(command)
        except RuntimeError as error:
            notes.append(f"{what}, {name}: not measured: {str(error).splitlines()[-1]}")
    return ran


def in_turns(ways: Mapping[str, Callable[[], _Answer]], rounds: int) -> list[dict[str, _Answer]]:
    """Lets each way have its turn in each round, so that all see the same noise."""
    return [{name: way() for name, way in ways.items()} for _ in range(rounds)]


def work(rounds: Sequence[Mapping[str, Ran]], name: str) -> float:
    """Median processor seconds of a way, which other work on the machine hardly changes."""
    return median(one[name].processor_seconds for one in rounds)


def times_less_work(rounds: Sequence[Mapping[str, Ran]], theirs: str, ours: str) -> float:
    """Median over the rounds of how many times as many processor seconds theirs took."""
    return median(one[theirs].processor_seconds / one[ours].processor_seconds for one in rounds)


def clock(rounds: Sequence[Mapping[str, Ran]], name: str) -> float:
    """Median seconds of a way by the clock."""
    return median(one[name].seconds for one in rounds)


def times_faster(rounds: Sequence[Mapping[str, Ran]], theirs: str, ours: str) -> float:
    """Median over the rounds of how many times as fast ours was by the clock."""
    return median(one[theirs].seconds / one[ours].seconds for one in rounds)


def by_the_clock(rounds: Sequence[Mapping[str, Ran]], theirs: str, ours: str) -> str:
    """What a row says of the clock, behind processor seconds."""
    seconds = f"{clock(rounds, theirs):.1f} and {clock(rounds, ours):.1f} s"
    return f"by the clock {seconds}, {times_faster(rounds, theirs, ours):.2f}"


def raw(rounds: Sequence[Mapping[str, Ran]]) -> dict[str, Any]:
    """Way → what each round took."""
    figures = ("seconds", "processor_seconds", "peak_mib")
    return {
        name: {figure: [round(getattr(one[name], figure), 3) for one in rounds] for figure in figures}
        for name in rounds[0]
    }
