"""CSV tables of hand landmarks → a landmark cache."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_store import check_cache_path
from signport.datasets.tables import POINTS, points_from_columns, refuse_cell, sorted_classes, write_table
from signport.errors import SignportError

LABEL_NAMES = ("label", "labels", "class", "class_name", "gesture", "letter", "sign", "target")
_DELIMITERS = ",;\t"
# What pandas calls the column of row numbers that it writes unless told not to.
_INDEX_NAMES = ("", "Unnamed: 0")
_AXES = "xyz"
_WIDTHS = {2 * POINTS: 2, 3 * POINTS: 3}


@dataclass(frozen=True)
class _Columns:
    """Which column is what.

    Attributes:
        coordinates: Columns of x, y (and z) of point 0, then of point 1, and so on.
        label: The column of the class name.
        group: The column of the signer or recording, None if there is none.
        names: What error messages call each column.
    """

    coordinates: list[int]
    label: int
    group: int | None
    names: list[str]


def import_csv(
    path: str | Path,
    output: str | Path,
    *,
    label_column: str | None = None,
    group_column: str | None = None,
    label_position: str = "auto",
    image_size: tuple[int, int] | None = None,
) -> LandmarkCache:
    """Reads a CSV table of hand landmarks and writes it as a cache of topology `hand`.

    A row is a hand: 63 columns (x, y, z of 21 points) or 42 (x, y; z becomes NaN), a label, and perhaps a group.
    A header row is recognised; columns that it calls `x0 … z20`, `x_1`, `0_y` and the like are put into order by these
    names, any others are taken point by point. Comma, semicolon and tab separate.

    Args:
        path: The CSV file.
        output: The cache to write, `*.parquet`.
        label_column: The header's name of the label column; None takes `label`, `class`, `gesture`, `letter`, `sign`
            or `target`, else the one column that holds no numbers.
        group_column: The header's name of the signer or recording column.
        label_position: `first`, `last`, or `auto`; for tables that tell the label neither by name nor by text.
        image_size: Width and height in pixels of the images behind the landmarks; see `import_npz`.

    Returns:
        The cache; its sources name the table's rows, counted from 0 without the header.

    Raises:
        SignportError: Wrong number of columns, no or more than one candidate for the label, an empty or NaN label, or
            a coordinate that is no finite number; errors name row (as line of the file) and column.

    Examples:
        >>> coordinates = np.random.default_rng(0).random((4, 63)).astype(str)
        >>> with Path("table.csv").open("w") as file:
        ...     for label, row in zip("ABAB", coordinates):
        ...         print(label, *row, sep=",", file=file)
        >>> sp.import_csv("table.csv", "table.parquet").classes
        ('A', 'B')
    """
    path, output = Path(path), Path(output)
    check_cache_path(output)
    if label_position not in ("auto", "first", "last"):
        raise SignportError(f"label position is {label_position!r}; choose auto, first or last")
    rows = _read_rows(path)
    header = rows[0][1] if _is_header(rows[0][1]) else None
    if header is not None:
        rows = rows[1:]
    if not rows:
        raise SignportError(f"{path}: holds a header, but no rows; give a table with at least one hand")
    columns = _columns(
        path, header, rows, label_column=label_column, group_column=group_column, label_position=label_position
    )
    labels = [_text(path, line, columns, cells, columns.label) for line, cells in rows]
    groups = None
    if columns.group is not None:
        groups = [_text(path, line, columns, cells, columns.group) for line, cells in rows]
    landmarks = points_from_columns(_coordinates(path, rows, columns))
    return write_table(
        path,
        output,
        landmarks,
        labels=labels,
        classes=sorted_classes(labels),
        groups=groups,
        image_size=image_size,
    )


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and cells of every row that is not blank; all have the same number of cells."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count), strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; give a CSV table") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error}); give a UTF-8 text table") from error
    if not rows:
        raise SignportError(f"{path}: is empty; give a table with at least one hand")
    width = len(rows[0][1])
    for line, cells in rows:
        if len(cells) != width:
            raise SignportError(
                f"{path}: line {line} has {len(cells)} columns, but the first has {width}; correct or remove the line"
            )
    return rows


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_header(cells: list[str]) -> bool:
    """Names, or the bare column numbers that pandas writes."""
    numbers = [number for number in map(_number, cells) if number is not None]
    counted = [float(number) for number in range(len(numbers))]
    return len(numbers) == 0 or (len(numbers) >= min(_WIDTHS) and numbers == counted)


def _columns(
    path: Path,
    header: list[str] | None,
    rows: list[tuple[int, list[str]]],
    *,
    label_column: str | None,
    group_column: str | None,
    label_position: str,
) -> _Columns:
    width = len(rows[0][1])
    names = header if header is not None else [str(number) for number in range(width)]
    left = [column for column in range(width) if header is None or names[column] not in _INDEX_NAMES]
    group = None if group_column is None else _named(path, header, group_column, "group")
    left = [column for column in left if column != group]
    if len(left) - 1 not in _WIDTHS:
        besides = "" if group is None else " besides the group"
        raise SignportError(
            f"{path}: has {len(left)} columns{besides}; expected a label and 63 coordinates (x, y, z of 21 points) "
            f"or 42 (x, y){'; a column with groups must be named' if group is None else ''}"
        )
    if label_column is not None:
        label = _named(path, header, label_column, "label")
    else:
        label = _find_label(path, header, rows, left, label_position)
    coordinates = [column for column in left if column != label]
    if header is not None:
        coordinates = _ordered_by_name(coordinates, names)
    return _Columns(coordinates, label, group, names)


def _named(path: Path, header: list[str] | None, name: str, what: str) -> int:
    if header is None:
        raise SignportError(f"{path}: has no header, so there is no {what} column {name!r}; add a header line")
    if name not in header:
        others = ", ".join([*header[:4], "…", *header[-3:]]) if len(header) > 8 else ", ".join(header)
        raise SignportError(f"{path}: no {what} column {name!r}; the header has {others}")
    return header.index(name)


def _find_label(
    path: Path, header: list[str] | None, rows: list[tuple[int, list[str]]], left: list[int], label_position: str
) -> int:
    if label_position != "auto":
        return left[0] if label_position == "first" else left[-1]
    if header is not None:
        named = [column for column in left if header[column].lower() in LABEL_NAMES]
        if len(named) == 1:
            return named[0]
    text = [column for column in left if all(_number(cells[column]) is None for _, cells in rows)]
    if len(text) == 1:
        return text[0]
    # All numbers: class indices are written as whole numbers, normalised coordinates are not.
    whole = [column for column in (left[0], left[-1]) if all(re.fullmatch(r"\d+", cells[column]) for _, cells in rows)]
    if len(whole) == 1 and not text:
        return whole[0]
    found = f"{len(text)} columns hold text" if text else "none holds text"
    raise SignportError(f"{path}: cannot tell which column is the label ({found}); name it or give its position")


def _ordered_by_name(coordinates: list[int], names: Sequence[str]) -> list[int]:
    """Columns in point order, where their names say point and axis; as they stand where not."""
    places = {}
    for column in coordinates:
        match = re.fullmatch(r"(?:\w*_)?(?:([xyz])_?(\d+)|(\d+)_?([xyz]))", names[column].lower())
        if match is None:
            return coordinates
        point, axis = (match[2], match[1]) if match[1] else (match[3], match[4])
        places[int(point), _AXES.index(axis)] = column
    first = min(point for point, _ in places)
    wanted = [(first + point, axis) for point in range(POINTS) for axis in range(_WIDTHS[len(coordinates)])]
    return [places[place] for place in wanted] if sorted(places) == wanted else coordinates


def _text(path: Path, line: int, columns: _Columns, cells: list[str], column: int) -> str:
    text = cells[column]
    number = _number(text)
    if not text or (number is not None and not math.isfinite(number)):
        refuse_cell(
            path, f"line {line}", columns.names[column], text, "a label" if column == columns.label else "a group"
        )
    # A class index that pandas has turned into a float (`3.0`) is still class 3.
    return str(int(number)) if number is not None and number.is_integer() and "." in text else text


def _coordinates(path: Path, rows: list[tuple[int, list[str]]], columns: _Columns) -> np.ndarray:
    """float32 (rows, 42 or 63), in point order."""
    values = np.empty((len(rows), len(columns.coordinates)), np.float32)
    for row, (line, cells) in enumerate(rows):
        for place, column in enumerate(columns.coordinates):
            number = _number(cells[column])
            if number is None or not math.isfinite(number):
                refuse_cell(path, f"line {line}", columns.names[column], cells[column], "a finite number")
            values[row, place] = number
    return values
