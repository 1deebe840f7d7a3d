"""Load on the recognition service: `python benchmarks/service_load.py RUN`, for a run of one hand.

Starts `signport serve RUN` and sends it pictures (a rendered hand, 640 × 480, JPEG) and landmarks with wrk, at several
numbers of connections: requests a second, latencies, and, with more connections than the service takes, the share of
503. On the way it weighs the server and its workers before, and after each thousands of requests: memory must be flat.
The ratio is to a plain loop in one process, with the same detector and model and no service around them, measured in
the same run.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from draw_service import hand_frames, served

from signport.errors import SignportError
from signport.export.stream_card import StreamCard, model_file
from signport.files import write_json
from signport.landmarks.hand_detector import HandDetector

API = "api/v1/asl/recognitions"
SCRIPT = Path(__file__).with_suffix(".lua")
BOUNDARY = "a-rendered-hand"
CONNECTIONS = (1, 4, 16)
OVERLOAD = 64
# The connections that requests are counted with, for the memory.
STEADY = 16
LONGEST_S = 20
# What memory may take of a slow machine's time; what was sent by then is what is told.
MOST_S = 180
MIB = 2**20


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        name: What it is.
        url: Where to.
        body: File with the request's body.
        content_type: Of the body.
    """

    name: str
    url: str
    body: Path
    content_type: str


@dataclass(frozen=True)
class Plan:
    """How long and how much.

    Attributes:
        seconds: Of one measurement.
        marks: Numbers of requests after which memory is weighed, or soon after.
    """

    seconds: int
    marks: tuple[int, ...]


FULL, QUICK = Plan(8, (1_000, 5_000, 10_000)), Plan(2, (100, 200, 300))


def wrk(load: Load, connections: int, seconds: int) -> dict[str, Any]:
    """One run of wrk.

    Returns:
        Requests, seconds, answers that were 503 (`busy`) or `wrong`, `broken` connections, latencies of all answers.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(SCRIPT), load.url]
    command += ["--", str(load.body), load.content_type]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = dict(json.loads(output.splitlines()[-1]))
    if figures["wrong"]:
        raise SystemExit(f"{load.name}, {connections} connections: answers that are neither 200 nor 503: {figures}")
    settle(load)
    return figures


def settle(load: Load) -> None:
    """Waits until the server has done what wrk left it with: requests are answered in turn."""
    body = load.body.read_bytes()
    while (
        httpx.post(load.url, content=body, headers={"Content-Type": load.content_type}, timeout=60).status_code == 503
    ):
        time.sleep(0.2)


def memory_mib(server: psutil.Process) -> float:
    """Resident memory of the server and all its workers; pages that they share count for each."""
    processes = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in processes) / MIB


def measured(load: Load, server: psutil.Process, plan: Plan) -> dict[str, Any]:
    """Memory at the marks, latencies at each number of connections, and the answers under too much load."""
    latest = wrk(load, STEADY, 1)  # warms up
    memory, sent = {"0": memory_mib(server)}, 0
    until = time.monotonic() + MOST_S
    for mark in plan.marks:
        while sent < mark and time.monotonic() < until:
            seconds = math.ceil((mark - sent) * latest["seconds"] / max(1, latest["requests"]))
            latest = wrk(load, STEADY, min(LONGEST_S, seconds))
            sent += latest["requests"]
        memory[str(sent)] = memory_mib(server)
    rows = {str(connections): wrk(load, connections, plan.seconds) for connections in CONNECTIONS}
    overload = wrk(load, OVERLOAD, plan.seconds)
    readings = list(memory.values())
    return {
        "memory_mib": memory,
        "memory_ratio": readings[-1] / readings[0],
        "connections": rows,
        "overload": overload,
        "memory_after_overload_mib": memory_mib(server),
    }


def plain_loop(run: Path, picture: bytes, seconds: float) -> float:
    """Pictures a second with the same detector and model, without a service: decoded, looked at, and named."""
    path, card = model_file(run, "int8")
    model = StreamCard.read(card).load(path)
    with HandDetector() as detector:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            image = cv2.cvtColor(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            hand = detector.detect(image)
            if hand is None:
                raise SystemExit("the detector finds no hand in the picture")
            model.predict([hand.landmarks[None]])
            count += 1
        return count / (time.perf_counter() - start)


@contextmanager
def loads(url: str, picture: bytes) -> Iterator[tuple[Load, Load]]:
    """The two kinds of requests."""
    with HandDetector() as detector:
        hand = detector.detect(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1])
    assert hand is not None
    with tempfile.TemporaryDirectory() as folder:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="hand.jpg"\r\n'
        pictures, landmarks = Path(folder) / "picture", Path(folder) / "landmarks"
        end = f"\r\n--{BOUNDARY}--\r\n"
        pictures.write_bytes(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + picture + end.encode())
        landmarks.write_text(json.dumps({"landmarks": hand.landmarks.tolist(), "handedness": "right"}))
        yield (
            Load("landmarks", f"{url}{API}/landmarks", landmarks, "application/json"),
            Load("pictures", f"{url}{API}", pictures, f"multipart/form-data; boundary={BOUNDARY}"),
        )


def show(results: dict[str, Any]) -> None:
    """Prints the figures."""
    console = Console(width=120)
    table = Table(title=f"{results['run']}, {results['cores']} cores, {results['workers']} workers")
    for column in ("requests", "connections", "a second", "p50 ms", "p95 ms", "p99 ms", "503"):
        table.add_column(column, justify="left" if column == "requests" else "right")
    for name in ("landmarks", "pictures"):
        for connections, row in [*results[name]["connections"].items(), (OVERLOAD, results[name]["overload"])]:
            latencies = [f"{row[f'{point}_ms']:.1f}" for point in ("p50", "p95", "p99")]
            answered = (row["requests"] - row["busy"]) / row["seconds"]
            share = f"{100 * row['busy'] / max(1, row['requests']):.1f} %"
            table.add_row(name, str(connections), f"{answered:.1f}", *latencies, share)
    console.print(table)
    for name in ("landmarks", "pictures"):
        figures = " · ".join(f"{number} requests {mib:.1f} MiB" for number, mib in results[name]["memory_mib"].items())
        console.print(f"memory, {name}: {figures} · last/first {results[name]['memory_ratio']:.3f}")
    console.print(
        f"a plain loop in one process: {results['loop_a_second']:.1f} pictures a second; the service "
        f"{results['pictures_to_loop']['1']:.2f} times that with 1 connection, "
        f"{results['pictures_to_loop']['16']:.2f} times with 16"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="an exported run of a model of one hand")
    parser.add_argument("--quick", action="store_true", help="a minute's look; its figures are not kept")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/service_load.json"))
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("service_load: wrk is not installed, so nothing is measured; apt-get install wrk")
        return
    plan = QUICK if options.quick else FULL
    frame = next(hand_frames(("V",), hold=1, move=0))
    picture = cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes()
    try:
        before = plain_loop(options.run, picture, plan.seconds)
        with served(options.run) as (url, process), loads(url, picture) as kinds:
            server = psutil.Process(process.pid)
            results: dict[str, Any] = {"run": options.run.name, "cores": os.cpu_count()}
            results["workers"] = len(server.children())
            for load in kinds:
                results[load.name] = measured(load, server, plan)
        after = plain_loop(options.run, picture, plan.seconds)
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    results["loop_a_second"] = loop = (before + after) / 2
    rows = results["pictures"]["connections"]
    results["pictures_to_loop"] = {name: row["requests"] / row["seconds"] / loop for name, row in rows.items()}
    show(results)
    if not options.quick:
        write_json(options.results, results)


if __name__ == "__main__":
    main()
