"""Accuracy across sources: trained on one, tested on another. `python benchmarks/across_sources.py --data DIR`.

The sources are ASL letters: photographs of one person, a landmark table of another, and rendered hands. A split within
one source flatters; this does not. DIR is laid out as `../shared/data` is; without it only rendered hands are measured
against rendered hands of another seed.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signport as sp
from signport.errors import SignportError

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def letters_only(cache: sp.LandmarkCache, path: Path) -> sp.LandmarkCache:
    """The samples of A to Z, with these classes."""
    from dataclasses import replace

    import numpy as np

    keep = np.array([label in LETTERS for label in cache.table["label"].to_pylist()])
    part = cache.take(keep)
    return sp.LandmarkCache(replace(part.header, classes=LETTERS), part.table).write(path)


def sources(data: Path, work: Path, per_class: int) -> dict[str, sp.LandmarkCache]:
    """Source name → cache of letters; what is there already in `work` is reused."""
    found = {}
    for name, seed in (("rendered", 0), ("rendered, other seed", 1)):
        hands = sp.render_hands(
            work / f"letters-{seed}", "letters", per_class=per_class, seed=seed, workers=os.cpu_count() or 1
        )
        found[name] = letters_only(hands.cache, work / f"rendered-{seed}.parquet")
    photos, table = data / "photos-asl-letters", data / "landmarks-asl-ai" / "asl-ai.npz"
    if photos.is_dir():
        path = work / "photos.parquet"
        cache = (
            sp.LandmarkCache.read(path) if path.is_file() else sp.capture_images(photos, path, workers=2, border="auto")
        )
        found["photographs"] = letters_only(cache, work / "photos-letters.parquet")
    if table.is_file():
        found["landmark table"] = letters_only(
            sp.import_npz(table, work / "table.parquet"), work / "table-letters.parquet"
        )
    return found


def main() -> None:
    """Prints a row a family and pair of sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("build/across-sources"))
    parser.add_argument("--per-class", type=int, default=40)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    caches = sources(options.data, options.work, options.per_class)
    bundle = options.data / "models" / "gesture_recognizer.task"
    with tempfile.TemporaryDirectory(dir=options.work) as runs:
        print(f"{'family':<18} {'trained on':<22} {'tested on':<22} {'samples':>7} {'accuracy':>9}  95 %")
        for family in ("mlp", "mlp_v2", "gesture_embedder", "gesture_head"):
            for source in ("rendered", "photographs", "landmark table"):
                if source not in caches or (family == "gesture_head" and not bundle.is_file()):
                    continue
                more = {"base_bundle": bundle} if family == "gesture_head" else {}
                try:
                    run = sp.train(family, caches[source], runs=runs, **more)
                except SignportError as error:
                    print(f"{family:<18} {source:<22} – {error}")
                    continue
                for target in caches:
                    if target == source:
                        continue
                    try:
                        found = sp.evaluate(run, caches[target], part="all", output=Path(runs) / "evaluation")
                    except SignportError as error:
                        print(f"{family:<18} {source:<22} {target:<22} – {error}")
                        continue
                    low, high = found.interval
                    print(
                        f"{family:<18} {source:<22} {target:<22} {found.metrics.samples:>7} {found.accuracy:>9.3f}  "
                        f"{low:.3f}-{high:.3f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
