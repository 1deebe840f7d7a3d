"""Reference results on real data: every family, float and int8, beside scikit-learn on the same split.

Run it as `make reference` or `python benchmarks/reference --data ../shared/data`. What has been measured stays in
`benchmarks/results/reference.json`, so that a stopped run goes on where it was; trained models stay in the work folder.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))  # for `signs_baseline`, beside this folder

from plot import draw
from scores import Scores, markdown, overview

from signport.errors import SignportError

RESULTS = Path("benchmarks/results/reference.json")
PICTURE = Path("docs/reference.png")
# What each reads of the data folder.
NEEDED = (
    "landmarks-asl-ai",
    "models",
    "photos-asl-digits",
    "photos-asl-letters",
    "photos-open-fingers",
    "sequences-ilker",
    "sequences-msl150",
    "videos-msl150",
)


def options() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser("reference", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real data; see PROVENANCE.md there")
    parser.add_argument("--work", type=Path, default=Path("build/reference"), help="caches and trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", metavar="TASK", help="only tasks whose names contain this")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured (trained models stay)")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what was measured")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    return parser.parse_args()


def main() -> None:
    """Measures what is missing, prints a table a task, and draws them."""
    asked = options()
    scores = Scores(asked.results, asked.only)
    if asked.fresh and not asked.table:
        scores.forget()
    if not asked.table:
        missing = [name for name in NEEDED if not (asked.data / name).is_dir()]
        if missing:
            raise SignportError(f"{asked.data}: lacks {', '.join(missing)}; name the folder of real data with --data")
        import sequences
        import static

        for part in (static, sequences):
            part.run(asked.data, asked.work, scores, asked.seeds)
    if not scores.tasks():
        raise SignportError(f"{asked.results}: nothing measured yet for {asked.only or 'any task'}")
    print(overview(scores), markdown(scores), sep="\n\n")
    if not asked.only:  # a picture of some tasks would take the place of the whole one
        draw(scores, asked.picture)
        print(f"\ndrawn: {asked.picture}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
