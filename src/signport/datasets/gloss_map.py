"""Gloss maps: which signs a data set has, what each is called, and in which order a model's outputs stand for them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import read_json

GLOSS_COLUMNS = ("gloss", "sign", "word", "name")
INDEX_COLUMNS = ("label", "id", "index", "sign_id", "gloss_id", "label_id", "class_id")
_NAMED_IN_ERRORS = 8


@dataclass(frozen=True)
class GlossMap:
    """The glosses of a data set.

    Attributes:
        path: The file they are from.
        glosses: In the order of their indices, or of the file where it gives none.
        indices: Index (as text) → gloss; empty where the file gives none.
    """

    path: Path
    glosses: tuple[str, ...]
    indices: dict[str, str]

    def glosses_of(self, signs: Sequence[str]) -> list[str | None]:
        """Translates the signs of a data set's table.

        The table names signs by gloss or by index, the same way in all rows: by gloss, if any of them is one.

        Returns:
            The gloss of each sign; None for a sign that is not in this map.
        """
        known = {gloss: gloss for gloss in self.glosses}
        table = known if any(sign in known for sign in signs) else self.indices
        return [table.get(sign) for sign in signs]

    def some(self) -> str:
        """A few of the glosses, for messages."""
        rest = len(self.glosses) - _NAMED_IN_ERRORS
        return ", ".join(self.glosses[:_NAMED_IN_ERRORS]) + (f" and {rest} more" if rest > 0 else "")


def read_gloss_map(path: Path) -> GlossMap:
    """Reads a gloss map.

    Args:
        path: CSV with a column of glosses (`gloss`, `sign`, `word` or `name`) and one of indices (`label`, `id`,
            `index`, `sign_id`, `gloss_id`, `label_id` or `class_id`), which may be missing; or a JSON object gloss →
            index (Kaggle's `sign_to_prediction_index_map.json`) or index → gloss.

    Raises:
        SignportError: No such file, no such column, an empty gloss, or a gloss or index that occurs twice.
    """
    pairs = _json_pairs(path) if path.suffix.lower() == ".json" else _csv_pairs(path)
    if not pairs:
        raise SignportError(f"{path}: holds no gloss; give one a row")
    glosses: dict[str, str] = {}
    indices: dict[str, str] = {}
    for gloss, index in pairs:
        if not gloss:
            raise SignportError(f"{path}: the gloss of index {index!r} is empty; name it or remove the row")
        if gloss in glosses:
            raise SignportError(f"{path}: gloss {gloss!r} occurs twice; name each once")
        if index is not None and index in indices:
            raise SignportError(
                f"{path}: index {index!r} stands for {indices[index]!r} and {gloss!r}; give each its own"
            )
        glosses[gloss] = gloss
        if index is not None:
            indices[index] = gloss
    if indices and all(index.isdecimal() for index in indices):
        return GlossMap(path, tuple(indices[index] for index in sorted(indices, key=int)), indices)
    return GlossMap(path, tuple(glosses), indices)


def _csv_pairs(path: Path) -> list[tuple[str, str | None]]:
    rows, columns = read_rows(path)
    gloss = next((name for name in GLOSS_COLUMNS if name in columns), None)
    if gloss is None:
        raise SignportError(f"{path}: no column {' or '.join(GLOSS_COLUMNS)}; its columns are {', '.join(columns)}")
    index = next((name for name in INDEX_COLUMNS if name in columns), None)
    return [(row[gloss], None if index is None else row[index]) for row in rows]


def _json_pairs(path: Path) -> list[tuple[str, str | None]]:
    content: Any = read_json(path)
    if isinstance(content, dict) and all(type(value) is int for value in content.values()):
        return [(gloss.strip(), str(index)) for gloss, index in content.items()]
    if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
        return [(gloss.strip(), index) for index, gloss in content.items()]
    raise SignportError(f'{path}: not a JSON object of glosses and indices; give {{"hello": 0, …}}')


def read_rows(path: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Reads a CSV file with a header, cells without the spaces around them.

    Returns:
        Its rows, and the names of its columns.

    Raises:
        SignportError: No such file, no CSV, no header, or a row of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = [name.strip() for name in next(reader, [])]
            rows = []
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(columns):
                    raise SignportError(
                        f"{path}: line {reader.line_num} has {len(cells)} cells, the header {len(columns)}; correct it"
                    )
                rows.append(dict(zip(columns, (cell.strip() for cell in cells), strict=True)))
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; give a CSV table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error})") from error
    if not columns:
        raise SignportError(f"{path}: is empty; give a CSV table with a header")
    return rows, columns
