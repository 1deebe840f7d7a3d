"""Builds the 22-class image folder for `train.py` from two Kaggle-style folders, one of letters and one of numbers.

    python tools/train_asl_model/prepare_data.py --alphabet_dir asl_alphabet_train --numbers_dir asl_numbers

Nothing but the standard library and signport's own input checks is used; images are copied as they are.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.datasets.image_folder import IMAGE_SUFFIXES
from signport.errors import SignportError
from signport.files import atomic_folder, read_json, write_json
from signport.progress import progress_bar

DIGITS = tuple("12345678")
LETTERS = ("B", "H", "L", "M", "S", "W", "D", "Q", "C", "V", "Y", "A", "R")
BACKGROUND = "None"
VOCABULARY = (*DIGITS, *LETTERS, BACKGROUND)

# Handshapes that the background class is made of: those outside the vocabulary, less the ones that a still image
# cannot tell from one inside it, because they would teach `None` what a class means. Left out are Z (a 1 that writes in
# the air), U (an upright H), G (a level Q). O and 0, F and 9, I and J look the same too, but none of them is a class.
BACKGROUND_LETTERS = ("E", "F", "I", "J", "K", "N", "O", "P", "T", "X")
BACKGROUND_DIGITS = ("0", "9")

SELECTION_FILE = "selection.json"
_TOOL = "train_asl_model/prepare_data"


@dataclass(frozen=True)
class Chosen:
    """An image of the new folder.

    Attributes:
        source: Where it lies.
        target: Its name in the class folder.
    """

    source: Path
    target: str


@dataclass(frozen=True)
class ClassSelection:
    """What one class is made of.

    Attributes:
        label: Class name.
        folders: The source folders.
        available: Images in them.
        chosen: Those that were drawn, sorted by target name.
    """

    label: str
    folders: tuple[Path, ...]
    available: int
    chosen: tuple[Chosen, ...]


def prepare_data(
    alphabet_dir: str | Path,
    numbers_dir: str | Path,
    output_dir: str | Path = "data",
    *,
    samples_per_class: int = 200,
    seed: int = 42,
) -> list[ClassSelection]:
    """Draws the images of each class and copies them to `output_dir/<class>/`, with `selection.json` beside them.

    Args:
        alphabet_dir: Holds a folder of images for each letter (`A` or `a`), perhaps inside one wrapping folder.
        numbers_dir: The same for digits. It may be the same folder.
        output_dir: Replaced whole, and only when all is copied. A folder that holds anything else is refused.
        samples_per_class: Images drawn for each class; a class that has fewer gives all of them.
        seed: The same images and seed give the same draw; classes do not influence one another.

    Returns:
        What each class is made of, in the order of the vocabulary.

    Raises:
        SignportError: A folder, a class or all images of a class are missing, or the output cannot be written.
    """
    if samples_per_class < 1:
        raise SignportError(f"--samples_per_class is {samples_per_class}; give 1 or more")
    output_dir = Path(output_dir)
    _refuse_foreign_content(output_dir)
    letters = _class_folders(Path(alphabet_dir), "--alphabet_dir", (*LETTERS, *BACKGROUND_LETTERS))
    digits = _class_folders(Path(numbers_dir), "--numbers_dir", (*DIGITS, *BACKGROUND_DIGITS))
    selections = [_select(name, digits, Path(numbers_dir), samples_per_class, seed) for name in DIGITS]
    selections += [_select(name, letters, Path(alphabet_dir), samples_per_class, seed) for name in LETTERS]
    outside = {name: letters[name] for name in BACKGROUND_LETTERS if name in letters}
    outside |= {name: digits[name] for name in BACKGROUND_DIGITS if name in digits}
    selections.append(_select_background(outside, (Path(alphabet_dir), Path(numbers_dir)), samples_per_class, seed))
    _write(selections, output_dir, {"seed": seed, "samples_per_class": samples_per_class})
    return selections


def _class_folders(folder: Path, flag: str, names: Sequence[str]) -> dict[str, Path]:
    """Finds the folders of `names`, whatever their case; looks into a folder that wraps all others."""
    while True:
        try:
            folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        except OSError as error:
            raise SignportError(f"{folder}: {error.strerror}; {flag} needs a folder of class folders") from None
        found: dict[str, Path] = {}
        for entry in folders:
            name = entry.name.upper()
            if name in found:
                raise SignportError(
                    f"{folder}: {found[name].name!r} and {entry.name!r} are both class {name}; keep one"
                )
            if name in names:
                found[name] = entry
        if found or len(folders) != 1:
            break
        folder = folders[0]
    if not found:
        there = ", ".join(entry.name for entry in folders) or "no folder"
        raise SignportError(
            f"{folder}: holds {there}, but no class folder such as {names[0]}; "
            f"point {flag} at the folder that holds the class folders"
        )
    return found


def _images(folder: Path) -> list[tuple[str, Path]]:
    """Images at any depth and their names in the new folder, sorted, so that a draw depends on nothing else."""
    relative = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    named: dict[str, Path] = {}
    for name in relative:
        flat = name.replace("/", "__")
        while flat in named:
            flat = f"_{flat}"
        named[flat] = folder / name
    return sorted(named.items())


def _draw(images: list[tuple[str, Path]], count: int, seed: int, what: str) -> list[tuple[str, Path]]:
    # A seed of text, so that each folder has its own order whatever other folders there are.
    return random.Random(f"{seed}/{what}").sample(images, min(count, len(images)))  # noqa: S311


def _select(name: str, folders: dict[str, Path], root: Path, count: int, seed: int) -> ClassSelection:
    if name not in folders:
        raise SignportError(f"{root}: no folder for class {name!r}; add one with images of it")
    images = _images(folders[name])
    if not images:
        raise SignportError(
            f"{folders[name]}: class {name!r} has no image ({', '.join(IMAGE_SUFFIXES)}); add images of it"
        )
    chosen = [Chosen(source, target) for target, source in _draw(images, count, seed, name)]
    return ClassSelection(name, (folders[name],), len(images), tuple(sorted(chosen, key=lambda entry: entry.target)))


def _select_background(outside: dict[str, Path], roots: tuple[Path, Path], count: int, seed: int) -> ClassSelection:
    """Draws evenly from every handshape; what a short one lacks comes from the others."""
    pools = {
        name: _draw(images, count, seed, f"{BACKGROUND}/{name}")
        for name, folder in outside.items()
        if (images := _images(folder))
    }
    if not pools:
        wanted = ", ".join((*BACKGROUND_LETTERS, *BACKGROUND_DIGITS))
        raise SignportError(
            f"{roots[0]} and {roots[1]}: class {BACKGROUND!r} comes out empty: no image in any folder of {wanted}; add "
            "images of hands outside the vocabulary (a folder `nothing` shows no hand and cannot fill it)"
        )
    available = sum(len(_images(outside[name])) for name in pools)
    chosen: list[Chosen] = []
    while len(chosen) < count and any(pools.values()):
        for name, pool in pools.items():
            if pool and len(chosen) < count:
                target, source = pool.pop()
                chosen.append(Chosen(source, f"{name}_{target}"))
    folders = tuple(outside[name] for name in pools)
    return ClassSelection(BACKGROUND, folders, available, tuple(sorted(chosen, key=lambda entry: entry.target)))


def _refuse_foreign_content(output_dir: Path) -> None:
    """The output is replaced whole: nothing may be lost that this script did not write."""
    if not output_dir.exists():
        return
    if not output_dir.is_dir():
        raise SignportError(f"{output_dir}: is a file; give another --output_dir")
    files = {path.relative_to(output_dir).as_posix() for path in output_dir.rglob("*") if not path.is_dir()}
    known = _files_written_before(output_dir) if SELECTION_FILE in files else set()
    if foreign := sorted(files - known):
        raise SignportError(
            f"{output_dir / foreign[0]}: was not written by this script, and --output_dir is replaced whole; "
            "move it or give another --output_dir"
        )


def _files_written_before(output_dir: Path) -> set[str]:
    selection = read_json(output_dir / SELECTION_FILE)
    try:
        if selection["tool"] != _TOOL:
            return set()
        files = {f"{label}/{file}" for label, entry in selection["classes"].items() for file in entry["files"]}
    except (TypeError, KeyError, AttributeError):  # some other tool's file
        return set()
    return {SELECTION_FILE, *files}


def _content(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise SignportError(f"{image}: cannot read ({error.strerror}); repair or remove this image") from error


def _write(selections: list[ClassSelection], output_dir: Path, settings: dict[str, Any]) -> None:
    total = sum(len(selection.chosen) for selection in selections)
    with atomic_folder(output_dir) as folder, progress_bar("copy images", total, unit="images") as bar:
        for selection in selections:
            (folder / selection.label).mkdir()
            for entry in selection.chosen:
                (folder / selection.label / entry.target).write_bytes(_content(entry.source))
                bar.advance()
        classes = {
            selection.label: {
                "folders": [str(source) for source in selection.folders],
                "available": selection.available,
                "files": {entry.target: str(entry.source) for entry in selection.chosen},
            }
            for selection in selections
        }
        write_json(folder / SELECTION_FILE, {"tool": _TOOL, **settings, "classes": classes})


def _print_table(selections: list[ClassSelection], output_dir: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{sum(len(selection.chosen) for selection in selections)} images in {output_dir}")
    table.add_column("class")
    for name in ("available", "chosen"):
        table.add_column(name, justify="right")
    table.add_column("from", overflow="fold")
    for selection in selections:
        folders = ", ".join(folder.name for folder in selection.folders)
        table.add_row(selection.label, str(selection.available), str(len(selection.chosen)), folders)
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare_data.py",
        description=f"Builds the {len(VOCABULARY)}-class image folder from two Kaggle-style folders.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--alphabet_dir", required=True, help="folder of letter folders", default=argparse.SUPPRESS)
    parser.add_argument("--numbers_dir", required=True, help="folder of digit folders", default=argparse.SUPPRESS)
    parser.add_argument("--output_dir", default="./data", help="folder to write; replaced whole")
    parser.add_argument("--samples_per_class", type=int, default=200, help="images drawn for each class")
    parser.add_argument("--seed", type=int, default=42, help="of the draw")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Exit status: 0 fine, 2 bad input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        selections = prepare_data(
            options.alphabet_dir,
            options.numbers_dir,
            options.output_dir,
            samples_per_class=options.samples_per_class,
            seed=options.seed,
        )
    except SignportError as error:
        print(f"prepare_data: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("prepare_data: interrupted; nothing was written", file=sys.stderr)
        return 130
    _print_table(selections, options.output_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
