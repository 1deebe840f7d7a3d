import csv
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.csv_table import import_csv
from signport.errors import SignportError

LABELS = ["B", "A", "B"]
POINTS = np.random.default_rng(3).normal(size=(3, 21, 3)).astype(np.float32).round(5)
CELLS_3D = [[repr(float(value)) for value in hand.ravel()] for hand in POINTS]
CELLS_2D = [[repr(float(value)) for value in hand[:, :2].ravel()] for hand in POINTS]
NAMES_3D = [f"{axis}{point}" for point in range(21) for axis in "xyz"]


def _write(path: Path, rows: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def _import(tmp_path: Path, rows: list[list[str]], delimiter: str = ",", **options):
    return import_csv(_write(tmp_path / "t.csv", rows, delimiter), tmp_path / "t.parquet", **options)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("position", [0, 20, 63])
def test_a_text_label_is_found_wherever_it_is_and_without_a_header(tmp_path, delimiter, position):
    rows = [[*cells[:position], label, *cells[position:]] for cells, label in zip(CELLS_3D, LABELS, strict=True)]
    cache = _import(tmp_path, rows, delimiter)
    np.testing.assert_array_equal(cache.landmarks, POINTS)
    assert cache.classes == ("A", "B")
    assert [cache.classes[label] for label in cache.labels] == LABELS


def test_42_columns_have_no_depth(tmp_path):
    cache = _import(tmp_path, [[*cells, label] for cells, label in zip(CELLS_2D, LABELS, strict=True)])
    np.testing.assert_array_equal(cache.landmarks[:, :, :2], POINTS[:, :, :2])
    assert np.isnan(cache.landmarks[:, :, 2]).all()


@pytest.mark.parametrize("name", ["label", "Class", "gesture", "letter", "target"])
def test_a_header_tells_a_numeric_label_by_its_name(tmp_path, name):
    rows = [[name, *NAMES_3D], *([str(number), *cells] for number, cells in zip((10, 9, 10), CELLS_3D, strict=True))]
    cache = _import(tmp_path, rows)
    assert cache.classes == ("9", "10")
    np.testing.assert_array_equal(cache.landmarks, POINTS)


def test_whole_numbers_at_one_end_are_the_label(tmp_path):
    cache = _import(tmp_path, [[str(number), *cells] for number, cells in zip((1, 0, 1), CELLS_3D, strict=True)])
    assert cache.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(cache.landmarks, POINTS)


def test_a_label_that_nothing_tells_must_be_named_or_placed(tmp_path):
    rows = [["1", *["0"] * 63], ["0", *["1"] * 63]]
    with pytest.raises(SignportError, match="cannot tell which column is the label"):
        _import(tmp_path, rows)
    assert _import(tmp_path, rows, label_position="first").labels.tolist() == [1, 0]
    assert _import(tmp_path, rows, label_position="last").labels.tolist() == [0, 1]
    with pytest.raises(SignportError, match="label position is 'middle'"):
        _import(tmp_path, rows, label_position="middle")


def test_a_header_orders_the_coordinates(tmp_path):
    """All x, then all y, then all z, points counted from 1, is how some tools write them."""
    header = [f"{axis}_{point}" for axis in "xyz" for point in range(1, 22)]
    rows = [
        [*(repr(float(value)) for value in hand.T.ravel()), label] for hand, label in zip(POINTS, LABELS, strict=True)
    ]
    np.testing.assert_array_equal(_import(tmp_path, [[*header, "label"], *rows]).landmarks, POINTS)


def test_pandas_row_numbers_and_numbered_columns_are_recognised(tmp_path):
    header = ["", *map(str, range(63)), "label"]
    rows = [[str(row), *cells, label] for row, (cells, label) in enumerate(zip(CELLS_3D, LABELS, strict=True))]
    np.testing.assert_array_equal(_import(tmp_path, [header, *rows]).landmarks, POINTS)


def test_named_label_and_group_columns(tmp_path):
    header = ["who", *NAMES_3D, "what"]
    rows = [[who, *cells, label] for who, cells, label in zip(("ann", "bob", "ann"), CELLS_3D, LABELS, strict=True)]
    cache = _import(tmp_path, [header, *rows], label_column="what", group_column="who")
    assert cache.groups == ["ann", "bob", "ann"]
    with pytest.raises(
        SignportError, match="no label column 'that'; the header has who, x0, y0, z0, …, y20, z20, what"
    ):
        _import(tmp_path, [header, *rows], label_column="that", group_column="who")
    with pytest.raises(SignportError, match="has no header, so there is no group column 'who'"):
        _import(tmp_path, rows, group_column="who")
    with pytest.raises(SignportError, match=r"has 65 columns; expected a label and 63 .* a column with groups must be"):
        _import(tmp_path, [header, *rows])


def test_a_byte_order_mark_and_blank_lines_do_not_matter(tmp_path):
    text = "\n\n".join(",".join([*cells, label]) for cells, label in zip(CELLS_3D, LABELS, strict=True))
    (tmp_path / "t.csv").write_text(text + "\n\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(import_csv(tmp_path / "t.csv", tmp_path / "t.parquet").landmarks, POINTS)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (3, "nan", "line 3, column x1: 'nan' is not a finite number"),
        (3, "", "line 3, column x1: '' is not a finite number"),
        (4, "inf", "line 3, column y1: 'inf' is not a finite number"),
        (5, "0,5", "line 3, column z1: '0,5' is not a finite number"),
        (63, "", "line 3, column label: '' is not a label"),
        (63, "NaN", "line 3, column label: 'NaN' is not a label"),
    ],
)
def test_a_bad_cell_is_refused_with_line_and_column(tmp_path, column, value, message):
    rows = [[*NAMES_3D, "label"], *([*cells, label] for cells, label in zip(CELLS_3D, LABELS, strict=True))]
    rows[2] = [*rows[2][:column], value, *rows[2][column + 1 :]]
    (tmp_path / "t.parquet").write_bytes(b"earlier")
    with pytest.raises(SignportError, match=rf"t\.csv: {message}; correct it or remove the row"):
        _import(tmp_path, rows)
    assert (tmp_path / "t.parquet").read_bytes() == b"earlier"


def test_a_wrong_number_of_columns_is_refused(tmp_path):
    rows = [[*cells, label] for cells, label in zip(CELLS_3D, LABELS, strict=True)]
    with pytest.raises(SignportError, match="has 61 columns; expected a label and 63 coordinates"):
        _import(tmp_path, [row[3:] for row in rows])
    with pytest.raises(SignportError, match="line 2 has 63 columns, but the first has 64"):
        _import(tmp_path, [rows[0], rows[1][1:], rows[2]])


def test_empty_and_unreadable_tables_are_refused(tmp_path):
    with pytest.raises(SignportError, match="no such file"):
        import_csv(tmp_path / "gone.csv", tmp_path / "t.parquet")
    with pytest.raises(SignportError, match=r"t\.csv: is empty"):
        _import(tmp_path, [])
    with pytest.raises(SignportError, match="holds a header, but no rows"):
        _import(tmp_path, [[*NAMES_3D, "label"]])
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SignportError, match="not readable as CSV"):
        import_csv(tmp_path / "t.csv", tmp_path / "t.parquet")
