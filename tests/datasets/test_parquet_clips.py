import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signport.datasets.parquet_clips import import_parquet
from signport.datasets.sequence_import import removed_classes
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, ISL_136

# Kaggle's order of rows within a frame.
PARTS = {"face": 468, "left_hand": 21, "pose": 33, "right_hand": 21}
TYPES = [part for part, size in PARTS.items() for _ in range(size)]
INDICES = [index for size in PARTS.values() for index in range(size)]


def _rows(frames, seed: int = 0) -> dict[str, list]:
    """The columns of Kaggle's ISLR files, with every landmark in each frame."""
    values = np.random.default_rng(seed).uniform(0.1, 0.9, (len(frames) * 543, 3))
    number = np.repeat(np.array(frames, np.int16), 543)
    types, indices = TYPES * len(frames), INDICES * len(frames)
    return {
        "frame": number,
        "row_id": [f"{frame}-{part}-{index}" for frame, part, index in zip(number, types, indices, strict=True)],
        "type": types,
        "landmark_index": np.array(indices, np.int16),
        "x": values[:, 0],
        "y": values[:, 1],
        "z": values[:, 2],
    }


def _write(path: Path, rows: dict[str, list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(rows), path)


def _table(folder: Path, rows: list[dict[str, object]], name: str = "train.csv") -> None:
    with (folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def kaggle(tmp_path) -> Path:
    """As Kaggle ISLR has it: four clips of two signs by three participants."""
    folder = tmp_path / "islr"
    listed = [(26734, 1000035562, "blow"), (28656, 1000106739, "wait"), (26734, 100015657, "wait"), (7, 3, "blow")]
    for number, (participant, sequence, _) in enumerate(listed):
        _write(folder / f"train_landmark_files/{participant}/{sequence}.parquet", _rows(range(20, 23 + number), number))
    _table(
        folder,
        [
            {
                "path": f"train_landmark_files/{participant}/{sequence}.parquet",
                "participant_id": participant,
                "sequence_id": sequence,
                "sign": sign,
            }
            for participant, sequence, sign in listed
        ],
    )
    (folder / "sign_to_prediction_index_map.json").write_text(json.dumps({"tv": 0, "wait": 1, "blow": 2}))
    return folder


@pytest.fixture
def wlasl(tmp_path) -> Path:
    """As the WLASL landmarks come: a folder a gloss, visibility, no participants, a gloss map."""
    folder = tmp_path / "wlasl"
    listed = []
    for number, (gloss, video) in enumerate([("ice cream", "1"), ("ice cream", "2"), ("book", "3"), ("book", "4")]):
        rows = _rows(range(4), number)
        _write(folder / gloss / f"{video}_landmarks.parquet", {**rows, "visibility": np.ones(len(rows["x"]))})
        listed.append({"path": f"{gloss}/{video}_landmarks.parquet", "sign": gloss, "sequence_id": video})
    _table(folder, listed)
    (folder / "gloss_map.csv").write_text("gloss,label\nice cream,0\nbook,1\n")
    return folder


def _first(folder: Path) -> Path:
    return folder / "book/3_landmarks.parquet"


def test_kaggles_files_are_read_with_participants_as_groups(tmp_path, kaggle):
    cache = import_parquet(kaggle, tmp_path / "o.parquet")
    assert cache.sample_ids[0] == "train_landmark_files/26734/1000035562.parquet"
    assert cache.groups == ["26734", "26734", "28656", "7"]
    assert cache.classes == ("wait", "blow")
    assert [cache.classes[label] for label in cache.labels] == ["blow", "wait", "wait", "blow"]
    assert cache.num_frames.tolist() == [3, 5, 4, 6]
    written = pq.read_table(kaggle / "train_landmark_files/7/3.parquet")
    values = np.stack([written[axis].to_numpy() for axis in "xyz"], axis=1).reshape(6, 543, 3)
    clip, start = cache.clip(3), 0
    for part, size in PARTS.items():
        np.testing.assert_array_equal(
            clip[:, HOLISTIC_543.part(part)], values[:, start : start + size].astype(np.float32)
        )
        start += size
    assert removed_classes(cache) == ["tv"]


def test_wlasls_files_are_read_in_the_order_of_the_gloss_map(tmp_path, wlasl):
    cache = import_parquet(wlasl, tmp_path / "o.parquet", frame_rate=25)
    assert cache.classes == ("ice cream", "book")
    assert cache.sample_ids[2] == "ice cream/1_landmarks.parquet"
    assert cache.groups == [None] * 4
    assert (cache.frame_rates == 25).all()


def test_rows_may_come_in_any_order_and_be_fewer(tmp_path, wlasl):
    whole = import_parquet(wlasl, tmp_path / "whole.parquet").clip(0).copy()
    rows = pq.read_table(_first(wlasl))
    order = np.random.default_rng(1).permutation(rows.num_rows)
    left = np.array(rows["type"].to_pylist()) == "left_hand"
    dropped = left & (rows["frame"].to_numpy() == 2)
    pq.write_table(rows.take(pa.array([row for row in order if not dropped[row]])), _first(wlasl))
    found = import_parquet(wlasl, tmp_path / "o.parquet").clip(0)
    whole[2, HOLISTIC_543.part("left_hand")] = np.nan
    np.testing.assert_array_equal(found, whole)


def test_a_frame_whose_number_is_missing_stays_missing(tmp_path, wlasl):
    _write(_first(wlasl), _rows([5, 7, 10]))
    clip = import_parquet(wlasl, tmp_path / "o.parquet").clip(0)
    assert np.isnan(clip).all(axis=(1, 2)).tolist() == [False, True, False, True, True, False]


def test_numbers_that_are_missing_or_null_are_missing_and_so_is_a_part_of_zeros(tmp_path, wlasl):
    rows = _rows(range(2))
    rows["x"][0] = np.nan
    rows["y"] = [None, *rows["y"][1:]]
    right = [row for row, part in enumerate(rows["type"]) if part == "right_hand"][:21]
    for axis in "xyz":
        rows[axis] = [0.0 if row in right else value for row, value in enumerate(rows[axis])]
    _write(_first(wlasl), rows)
    clip = import_parquet(wlasl, tmp_path / "o.parquet").clip(0)
    assert np.isnan(clip[0, HOLISTIC_543.index["face.0"]]).tolist() == [True, True, False]
    assert np.isnan(clip[0, HOLISTIC_543.part("right_hand")]).all()
    assert np.isnan(clip).sum() == 2 + 63


def test_a_smaller_topology_and_iris_points(tmp_path, wlasl):
    whole = import_parquet(wlasl, tmp_path / "whole.parquet").clip(0)
    rows = {name: list(column) for name, column in _rows(range(4), 2).items()}
    for name, value in {"frame": 1, "row_id": "1-face-470", "type": "face", "landmark_index": 470}.items():
        rows[name].append(value)
    for axis in "xyz":
        rows[axis].append(0.5)
    _write(_first(wlasl), rows)
    cache = import_parquet(wlasl, tmp_path / "o.parquet", topology="isl_136")
    assert cache.topology is ISL_136
    np.testing.assert_array_equal(cache.clip(0), whole[:, ISL_136.indices_in(HOLISTIC_543)])


def test_the_columns_of_wlasls_own_extractor_are_known(tmp_path, wlasl):
    before = import_parquet(wlasl, tmp_path / "o.parquet").clip(0)
    rows = pq.read_table(_first(wlasl))
    names = {"frame": "frame_id", "type": "body_part"}
    pq.write_table(rows.rename_columns([names.get(name, name) for name in rows.column_names]), _first(wlasl))
    np.testing.assert_array_equal(import_parquet(wlasl, tmp_path / "o.parquet").clip(0), before)


def test_signs_may_be_indices_into_the_gloss_map(tmp_path, wlasl):
    _table(wlasl, [{"path": f"book/{n}_landmarks.parquet", "sign": 1, "sequence_id": n} for n in (3, 4)])
    assert import_parquet(wlasl, tmp_path / "o.parquet").classes == ("book",)


def test_an_unknown_gloss_is_an_error_or_left_out_when_asked(tmp_path, wlasl):
    (wlasl / "gloss_map.csv").write_text("gloss,label\ndrink,1\nbook,0\n")
    with pytest.raises(SignportError, match=r"row 1: sign 'ice cream' is not in .*gloss_map\.csv \(book, drink\); add"):
        import_parquet(wlasl, tmp_path / "o.parquet")
    cache = import_parquet(wlasl, tmp_path / "o.parquet", only_mapped=True)
    assert cache.classes == ("book",)
    reasons = [(each.source, each.reason) for each in cache.header.skipped]
    assert ("ice cream/1_landmarks.parquet", "gloss not in the gloss map") in reasons
    assert removed_classes(cache) == ["drink"]


def test_table_and_gloss_map_can_be_elsewhere(tmp_path, wlasl):
    whole = import_parquet(wlasl, tmp_path / "o.parquet")
    (wlasl / "train.csv").rename(tmp_path / "list.csv")
    (wlasl / "gloss_map.csv").rename(tmp_path / "names.csv")
    found = import_parquet(wlasl, tmp_path / "o.parquet", table=tmp_path / "list.csv", gloss_map=tmp_path / "names.csv")
    assert found.classes == whole.classes
    assert found.sample_ids == whole.sample_ids
    assert import_parquet(wlasl, tmp_path / "o.parquet", table=tmp_path / "list.csv").classes == ("book", "ice cream")
    with pytest.raises(SignportError, match="only mapped glosses are wanted, but there is no gloss map"):
        import_parquet(wlasl, tmp_path / "o.parquet", table=tmp_path / "list.csv", only_mapped=True)


def test_a_group_regex_overrules_participants(tmp_path, kaggle):
    cache = import_parquet(kaggle, tmp_path / "o.parquet", group_regex=r"/(\d)\d*\.parquet")
    assert cache.groups == ["1", "1", "1", "3"]


def test_the_number_of_workers_does_not_change_the_bytes(tmp_path, kaggle):
    import_parquet(kaggle, tmp_path / "one.parquet")
    import_parquet(kaggle, tmp_path / "three.parquet", workers=3)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "three.parquet").read_bytes()


def test_clips_that_are_gone_or_damaged_are_skipped_and_named(tmp_path, wlasl):
    rows = [{"path": f"book/{n}_landmarks.parquet", "sign": "book", "sequence_id": n} for n in range(3, 9)]
    _table(wlasl, rows)
    content = _first(wlasl).read_bytes()
    (wlasl / "book/5_landmarks.parquet").write_bytes(content[: len(content) // 2])
    _write(wlasl / "book/6_landmarks.parquet", {name: column[:0] for name, column in _rows([0]).items()})
    _write(wlasl / "book/7_landmarks.parquet", {**_rows([0]), **dict.fromkeys("xyz", np.full(543, np.nan))})
    doubled = pa.concat_tables([pa.table(_rows([0]))] * 2)
    pq.write_table(doubled, wlasl / "book/8_landmarks.parquet")
    rows.append({"path": "book/9_landmarks.parquet", "sign": "book", "sequence_id": 9})
    _table(wlasl, rows)
    cache = import_parquet(wlasl, tmp_path / "o.parquet", workers=2)
    assert cache.sample_ids == ["book/3_landmarks.parquet", "book/4_landmarks.parquet"]
    reasons = {each.source.removesuffix("_landmarks.parquet"): each.reason for each in cache.header.skipped}
    assert reasons == {
        "book/5": "unreadable",
        "book/6": "empty",
        "book/7": "no landmark",
        "book/8": "landmark given twice",
        "book/9": "no such file",
        "ice cream": "class of fewer than 2 samples",
    }


def _changed(**columns) -> dict[str, list]:
    return {**_rows([0, 1]), **columns}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"frame": [0], "type": ["pose"], "x": [0.5]},
            r"no column 'landmark_index' \(it has frame, type, x\); expected",
        ),
        (_changed(type=["torso"] * 1086), "type 'torso' is unknown; expected pose, face, left_hand, right_hand"),
        (_changed(type=[None] * 1086), "column type has empty cells"),
        (
            _changed(landmark_index=[33 if part == "pose" else 0 for part in TYPES] * 2),
            "landmark_index 33 of pose, which",
        ),
        (_changed(landmark_index=[-1] * 1086), "landmark_index -1 of face, which has 478 points"),
        (_changed(x=["a"] * 1086), "column x has type string; it needs numbers"),
        (_changed(z=np.full(1086, np.inf)), r"value \[0\] is inf; give a finite coordinate"),
        (_changed(frame=[0.5] * 1086), "column frame is 0.5 in row 0; it needs whole numbers"),
        (_changed(frame=[None] * 1086), "column frame has type null"),
        (_changed(frame=[0] * 543 + [9_000_000] * 543), "frames 0 to 9000000; a clip has at most 20000"),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_that_names_it(tmp_path, wlasl, rows, message):
    _write(_first(wlasl), rows)
    with pytest.raises(SignportError, match=rf"book/3_landmarks\.parquet: {message}") as raised:
        import_parquet(wlasl, tmp_path / "o.parquet")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "o.parquet").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,sign\na,b\n", r"no column 'path' \(it has file, sign\); expected path, sign, sequence_id"),
        ("path,gloss\na,b\n", "no column 'sign'"),
        ("path,sign\n", "lists no clip"),
        ("path,sign\na.parquet,\n", "row 1 has no sign"),
        ("path,sign\na.parquet,book\na.parquet,book\n", "row 2: a.parquet is listed twice"),
        ("path,sign\na.parquet\n", "line 2 has 1 cells, the header 2"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, wlasl, text, message):
    (wlasl / "train.csv").write_text(text)
    with pytest.raises(SignportError, match=rf"train\.csv: {message}"):
        import_parquet(wlasl, tmp_path / "o.parquet")


def test_a_folder_without_a_table_and_a_hand_topology_are_refused(tmp_path, wlasl):
    with pytest.raises(SignportError, match="topology 'hand' has no body parts; choose upper_59"):
        import_parquet(wlasl, tmp_path / "o.parquet", topology="hand")
    (wlasl / "train.csv").unlink()
    with pytest.raises(SignportError, match=r"train\.csv: no such file"):
        import_parquet(wlasl, tmp_path / "o.parquet")
