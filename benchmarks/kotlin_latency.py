"""Time of one call in `signport-runtime` (Kotlin) against LiteRT's default kernels, one thread each, in turns."""

import argparse
from pathlib import Path
from statistics import median

from signport.errors import SignportError
from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.job import load_job
from signport.parity.jvm import target as jvm
from signport.parity.jvm.jar import find_jar, find_java
from signport.parity.worker_runs import run_runtime

_OPTIONS = Options(threads=(1,), repeats=1000, warm_up=50, measure_s=1.0)
_ROUNDS = 3


def _medians(answers: RuntimeAnswers) -> dict[str, float]:
    """Format → µs."""
    if answers.status != "ran":
        raise SystemExit(f"{answers.runtime}: {answers.reason}")
    return {form: one.latency[1].median_us for form, one in answers.files.items() if one.status == "ran"}


def measure(run: Path) -> None:
    """Prints a run's rows: the median of the rounds, and the median of their ratios."""
    job = load_job(run)
    rounds = []
    for _ in range(_ROUNDS):
        litert = _medians(run_runtime("ai-edge-litert", job, _OPTIONS, remedy="`make setup`"))
        kotlin = _medians(jvm.run(job, _OPTIONS)[0])
        rounds.append({form: (kotlin[form], litert[form]) for form in kotlin if form in litert})
    for form in rounds[0]:
        ours, theirs = (median(one[form][side] for one in rounds) for side in (0, 1))
        ratio = median(one[form][0] / one[form][1] for one in rounds)
        print(f"| `{run.name}` | {form} | {ours:,.1f} | {theirs:,.1f} | {ratio:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="exported runs")
    try:
        find_java(), find_jar()
    except SignportError as error:
        print(f"left out: {error}")
        return
    print("| run | file | µs in Kotlin | µs in LiteRT | ratio |\n|---|---|---|---|---|")
    for run in parser.parse_args().runs:
        measure(run)


if __name__ == "__main__":
    main()
