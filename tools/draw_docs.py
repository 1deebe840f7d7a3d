"""Draws the pictures of docs/ again: `python tools/draw_docs.py`, or `make docs-pictures`.

Every family's graph, from the model that its recipe builds; what augmentation does to hands and to clips; drawn hands
with their landmarks; the confusion matrix of a real run; and the cards of exported runs, shortened. Data and runs are
those of `make export-tflite`; what is missing there stays as it is in docs/, and is named.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from PIL import Image
from small_png import write_small

from signport.errors import SignportError
from signport.files import write_text
from signport.landmarks.mediapipe_runtime import quiet_native_log

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WORK = ROOT / "build" / "export-tflite"
# Of the classes in the pictures: as many as the examples have.
HANDS, BODIES = 22, 123
SHEET_WIDTH, MATRIX_WIDTH = 1000, 900
# The gates that say most; a card holds all of them.
GATES = 4


def draw_graphs() -> Iterator[Path]:
    """Each recipe's model."""
    from draw_graph import draw_graph

    from signport.models.registry import family_named
    from signport.training.recipe import load_recipe, recipe_names

    for name in recipe_names():
        recipe = load_recipe(name)
        family = family_named(recipe.family)
        model = family.build(recipe.model, HANDS if family.topology == "hand" else BODIES)
        yield draw_graph(model, DOCS / "families" / f"{name}-graph.png")


def draw_hands(work: Path) -> Iterator[Path]:
    """What augmentation does to drawn hands, and their contact sheet."""
    from draw_hand_augmentation import draw_hand_augmentation

    from signport.datasets.cache import LandmarkCache

    folder = next(iter(sorted(work.glob("hands-asl22-*"))), None)
    if folder is None:
        _missing(work / "hands-asl22-*")
        return
    cache = LandmarkCache.read(folder / "landmarks.parquet")
    yield draw_hand_augmentation(cache, DOCS / "hand-augmentation.png")
    yield _smaller(folder / "contact_sheet.png", DOCS / "contact-sheet.png", SHEET_WIDTH, colours=200)


def draw_clips(work: Path) -> Iterator[Path]:
    """What augmentation does to clips."""
    import draw_augmentation

    from signport.datasets.cache import LandmarkCache

    found = next(iter(sorted(work.glob("signs-*.parquet"))), None)
    if found is None:
        _missing(work / "signs-*.parquet")
        return
    path = DOCS / "augmentation.png"
    draw_augmentation.draw(LandmarkCache.read(found), None, path)
    yield path


def copy_from_runs(runs: list[Path]) -> Iterator[Path]:
    """Shortened cards, and the confusion matrix of `mlp`."""
    from signport.training.recipe import recipe_names

    for name in recipe_names():
        run = next((folder / name for folder in runs if (folder / name / "export" / "card.json").is_file()), None)
        if run is None:
            _missing(runs[0] / name / "export" / "card.json")
            continue
        card = json.loads((run / "export" / "card.json").read_text(encoding="utf-8"))
        path = DOCS / "families" / f"{name}-card.json"
        write_text(path, _lines(short_card(card)))
        yield path
    matrix = next((path for folder in runs if (path := _evaluated(folder)).is_file()), None)
    if matrix is None:
        _missing(_evaluated(runs[0]))
        return
    yield _smaller(matrix, DOCS / "confusion-matrix.png", MATRIX_WIDTH)


def short_card(card: dict[str, Any]) -> dict[str, Any]:
    """A card for people: digests and numbers shortened, and of gates, classes and metrics the first."""
    short = {name: card[name] for name in ("name", "family", "topology", "output", "preprocessing")}
    classes = card.get("classes") or []
    short["classes"] = [*classes[:4], f"… {len(classes) - 4} more"] if len(classes) > 4 else classes
    short |= {name: card[name] for name in ("inputs", "outputs")}
    short["files"] = {name: {**entry, "sha256": f"{entry['sha256'][:12]}…"} for name, entry in card["files"].items()}
    short["metrics"] = {name: _rounded(entry) for name, entry in card["metrics"].items() if entry is not None}
    of_int8 = [gate for gate in card["gates"] if gate["name"].startswith("int8") and gate["bound"]]
    short["gates"] = [{**gate, "value": round(gate["value"], 4)} for gate in of_int8[:GATES]]
    short["gates"].append(f"… {len(card['gates']) - len(short['gates'])} more")
    short |= {name: card[name] for name in ("clip_frames", "frame_rate", "lstm") if name in card}
    short["versions"] = card["versions"]
    return short


def _lines(card: dict[str, Any]) -> str:
    """JSON with one entry a line, two levels deep."""
    parts = []
    for name, value in card.items():
        entries = [json.dumps(entry, ensure_ascii=False) for entry in (value if isinstance(value, list) else [])]
        if isinstance(value, dict):
            entries = [f"{json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in value.items()]
        brackets = "{}" if isinstance(value, dict) else "[]"
        if name == "classes" or not entries:
            parts.append(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}")
        else:
            inner = ",\n    ".join(entries)
            parts.append(f"  {json.dumps(name)}: {brackets[0]}\n    {inner}\n  {brackets[1]}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _rounded(value: Any) -> Any:
    if not isinstance(value, dict):
        return round(value, 4)
    shown = ("accuracy", "sqnr_db", "top1")
    return {name: round(entry, 4) for name, entry in value.items() if name in shown and entry is not None}


def _evaluated(folder: Path) -> Path:
    return folder / "mlp" / "evaluation" / "confusion_matrix.png"


def _smaller(source: Path, path: Path, width: int, colours: int = 96) -> Path:
    picture = Image.open(source)
    size = (width, round(picture.height * width / picture.width))
    return write_small(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), path, colours=colours)


def _missing(path: Path) -> None:
    print(f"left as it is: {path} is not here; `make export-tflite` makes it", file=sys.stderr)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=WORK, help="what `make export-tflite` made")
    parser.add_argument("--runs", type=Path, action="append", default=[], help="another folder of exported runs")
    arguments = parser.parse_args()
    try:
        with quiet_native_log():
            runs = [arguments.work / "runs", *arguments.runs]
            drawn = (*draw_graphs(), *draw_hands(arguments.work), *draw_clips(arguments.work), *copy_from_runs(runs))
        for path in drawn:
            print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
