"""Latency of a run's exported files as ratios to float32, measured in one run: `python benchmarks/latency.py RUN`.

Ratios are what counts on a machine that others use too: each round measures every format in turn, in a process of its
own, and a ratio is taken within the round; the table shows the median round and the spread between rounds.
"""

import argparse
import math
from statistics import median

from rich.console import Console
from rich.table import Table

from signport.parity.answers import Options
from signport.parity.job import load_job
from signport.parity.worker import RUNTIMES
from signport.parity.worker_runs import run_runtime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="an exported run")
    parser.add_argument("--runtime", default="ai-edge-litert", choices=list(RUNTIMES))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1000)
    arguments = parser.parse_args()

    job = load_job(arguments.run)
    options = Options(threads=tuple(arguments.threads), repeats=arguments.repeats, measure_s=math.inf)
    rounds = [run_runtime(arguments.runtime, job, options, remedy="`make setup`") for _ in range(arguments.rounds)]
    if rounds[0].status != "ran":
        raise SystemExit(rounds[0].reason)
    table = Table(title=f"{job.card['name']}, {arguments.runtime} {rounds[0].version}, {arguments.rounds} rounds")
    for column in ("file", "threads", "KB", "median µs", "p95 µs", "of float32", "between rounds"):
        table.add_column(column, justify="left" if column == "file" else "right")
    for form, path in job.files.items():
        for threads in arguments.threads:
            found = [one.files[form].latency[threads] for one in rounds if one.files[form].latency]
            base = [one.files["float32"].latency[threads] for one in rounds if one.files["float32"].latency]
            if len(found) != len(rounds) or len(base) != len(rounds):
                table.add_row(form, str(threads), "", rounds[0].files[form].reason)
                continue
            ratios = [a.median_us / b.median_us for a, b in zip(found, base, strict=True)]
            table.add_row(
                form,
                str(threads),
                f"{path.stat().st_size / 1000:.1f}",
                f"{median(one.median_us for one in found):.1f}",
                f"{median(one.p95_us for one in found):.1f}",
                f"{median(ratios):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
