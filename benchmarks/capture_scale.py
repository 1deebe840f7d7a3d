"""Memory and time of a capture against the number of its files: `python benchmarks/capture_scale.py`.

The files are only listed and the detector answers at once, so that what is left is capture itself: manifest, handing
out, parts, merging. Each measurement is a driver process of its own, once with two local processes and once on a Dask
cluster with two workers on this machine; its peak memory (its own, without detectors and workers) is what must not
grow. Then some thousand files are captured on the cluster while its workers, and of the local capture its detectors,
are killed with SIGKILL every few seconds: every good file must come out once, in the same bytes.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from capture_stand_in import CLASSES, listed
from rich.console import Console
from rich.table import Table

from signport.datasets.cache import LandmarkCache
from signport.datasets.capture import Capture, Inputs, Target, capture_files
from signport.files import sha256_file, write_json

RESULTS = Path(__file__).parent / "results/capture_scale.json"


def drive(folder: Path, files: int, cluster: str | None) -> dict[str, float]:
    """One capture in this process: seconds and peak memory in MiB."""
    capture = Capture(
        title="capture stand-ins",
        unit="images",
        topology="hand",
        detection="capture_stand_in",
        options={},
        counted=lambda tally: f"found {tally.statuses['hand']}",
        advice="-",
    )
    start = time.perf_counter()
    target = Target(folder / "out.parquet", workers=1 if cluster else 2, cluster=cluster)
    cache = capture_files(capture, Inputs(folder, listed(folder, files)), target)
    seconds = time.perf_counter() - start
    assert len(cache) == files - len(range(0, files, 100)), len(cache)
    assert sum(cache.per_class().values()) == len(cache)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"files": files, "seconds": round(seconds, 1), "peak_mib": round(peak, 1)}


def driver(folder: Path, files: int, cluster: str | None) -> subprocess.Popen:
    """`drive` in a process of its own."""
    arguments = [sys.executable, __file__, "--drive", str(folder), str(files), cluster or ""]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def measured(files: int, cluster: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, driver(Path(folder), files, cluster) as process:
        assert process.stdout is not None
        return dict(json.loads(process.stdout.read()))


@contextlib.contextmanager
def killing(pids: Callable[[], list[int]], every_s: float) -> Iterator[list[int]]:
    """Kills one of the processes every few seconds; yields those that it has killed."""
    killed: list[int] = []
    stopping = threading.Event()

    def kill() -> None:
        choice = random.Random(0)  # noqa: S311
        while not stopping.wait(every_s):
            if alive := pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid := choice.choice(alive), signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stopping.set()
        thread.join()


def with_kills(files: int, every_s: float, where: str, cluster: Any) -> dict[str, Any]:
    """Captures once undisturbed and once with kills, and compares."""
    address = cluster.scheduler_address if where == "cluster" else None
    with tempfile.TemporaryDirectory() as quiet, tempfile.TemporaryDirectory() as loud:
        with driver(Path(quiet), files, None) as process:
            process.wait()
        with driver(Path(loud), files, address) as process:

            def victims() -> list[int]:
                if address:
                    # Not while one is starting again: Dask's nanny would give it up.
                    workers = cluster.workers.values()
                    whole = len(cluster.scheduler_info["workers"]) == len(workers)
                    return [worker.pid for worker in workers if worker.pid] if whole else []
                return [child.pid for child in psutil.Process(process.pid).children()]

            with killing(victims, every_s) as killed:
                process.wait()
            assert process.returncode == 0, "the capture did not end"
        same = sha256_file(Path(quiet, "out.parquet")) == sha256_file(Path(loud, "out.parquet"))
        ids = LandmarkCache.read(Path(loud, "out.parquet")).sample_ids
    good = files - len(range(0, files, 100))
    return {
        "where": where, "files": files, "kills": len(killed), "good": good, "captured": len(ids),
        "captured_once": len(set(ids)), "same_bytes": same,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kill-files", type=int, default=5_000)
    parser.add_argument("--kill-every", type=float, default=3.0, help="seconds between kills")
    parser.add_argument("--drive", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        folder, files, address = options.drive
        print(json.dumps(drive(Path(folder), int(files), address or None)))
        return

    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        ways = {"local": None, "cluster": cluster.scheduler_address}
        kills = [with_kills(options.kill_files, options.kill_every, way, cluster) for way in ways]
        runs = {way: [measured(files, address) for files in options.sizes] for way, address in ways.items()}
    table = Table(title=f"capture of files that cost nothing, {CLASSES} classes, 2 workers")
    for column in ("files", "local: s", "driver MiB", "cluster: s", "driver MiB"):
        table.add_column(column, justify="right")
    for local, remote in zip(runs["local"], runs["cluster"], strict=True):
        row = [one[name] for one in (local, remote) for name in ("seconds", "peak_mib")]
        table.add_row(f"{local['files']:,}", *map(str, row))
    console = Console()
    console.print(table)
    for one in kills:
        console.print(
            f"{one['where']}: {one['kills']} kills, {one['captured_once']} of {one['good']} good files captured "
            f"({one['captured']} samples), bytes {'as' if one['same_bytes'] else 'NOT as'} without kills"
        )
    write_json(RESULTS, {"cores": os.cpu_count(), **runs, "kills": kills})


if __name__ == "__main__":
    main()
