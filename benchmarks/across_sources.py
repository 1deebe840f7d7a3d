"""Accuracy across sources: trained on one, tested on another. `python benchmarks/across_sources.py --data DIR`.

The sources are ASL letters (photographs of one person, a landmark table of another, rendered hands) or, with
`--vocabulary digits`, digits (photographs of many students, rendered hands). A split within one source flatters; this
does not. DIR is laid out as `../shared/data` is; without it only rendered hands are measured
against rendered hands of another seed.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import signport as sp
from signport.errors import SignportError

# Vocabulary → classes, folder of photographs, landmark table; the latter two below --data.
VOCABULARIES = {
    "letters": (tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "photos-asl-letters", "landmarks-asl-ai/asl-ai.npz"),
    "digits": (tuple("0123456789"), "photos-asl-digits", None),
}


def only(cache: sp.LandmarkCache, classes: tuple[str, ...], path: Path) -> sp.LandmarkCache:
    """The samples of these classes, on disk."""
    from dataclasses import replace

    import numpy as np

    part = cache.take(np.array([label in classes for label in cache.table["label"].to_pylist()]))
    return sp.LandmarkCache(replace(part.header, classes=classes), part.table).write(path)


def sources(vocabulary: str, data: Path, work: Path, per_class: int) -> dict[str, sp.LandmarkCache]:
    """Source name → cache; what is there already in `work` is reused."""
    classes, folder, file = VOCABULARIES[vocabulary]
    found = {}
    for name, seed in (("rendered", 0), ("rendered, other seed", 1)):
        hands = sp.render_hands(work / f"hands-{seed}", vocabulary, per_class=per_class, seed=seed, workers=2)
        found[name] = only(hands.cache, classes, work / f"rendered-{seed}.parquet")
    if (data / folder).is_dir():
        path = work / "captured.parquet"
        known = path.is_file()
        cache = (
            sp.LandmarkCache.read(path) if known else sp.capture_images(data / folder, path, workers=2, border="auto")
        )
        found["photographs"] = only(cache, classes, work / "photographs.parquet")
    if file and (data / file).is_file():
        table = sp.import_npz(data / file, work / "imported.parquet")
        found["landmark table"] = only(table, classes, work / "table.parquet")
    return found


def main() -> None:
    """Prints a row a family and pair of sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--vocabulary", choices=list(VOCABULARIES), default="letters")
    parser.add_argument("--work", type=Path, default=Path("build/across-sources"))
    parser.add_argument("--per-class", type=int, default=40)
    options = parser.parse_args()
    work = options.work / options.vocabulary
    work.mkdir(parents=True, exist_ok=True)
    caches = sources(options.vocabulary, options.data, work, options.per_class)
    bundle = options.data / "models" / "gesture_recognizer.task"
    with tempfile.TemporaryDirectory(dir=work) as runs:
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
