import io
import zipfile

import pytest

from signport.errors import SignportError
from signport.landmarks.asset_bundle import bundle_bytes, read_bundle, require_models

MODELS = {"hand_detector.tflite": b"12345", "labels.txt": b"a\nb", "last": b"x" * 1001}


def test_what_is_bundled_is_read_back_in_order(tmp_path):
    path = tmp_path / "some.task"
    path.write_bytes(bundle_bytes(MODELS))
    assert list(read_bundle(path).items()) == list(MODELS.items())
    assert read_bundle(path.read_bytes()) == MODELS


def test_a_bundle_is_an_intact_uncompressed_zip_with_aligned_data():
    content = bundle_bytes(MODELS)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            data = content.index(MODELS[entry.filename], entry.header_offset)
            assert data == entry.header_offset + 30 + len(entry.filename)
            assert data % 4 == 0


def test_the_same_models_give_the_same_bytes():
    assert bundle_bytes(MODELS) == bundle_bytes(dict(MODELS))


def test_a_bundle_within_a_bundle_is_read_in_two_steps():
    outer = bundle_bytes({"inner.task": bundle_bytes(MODELS)})
    assert read_bundle(read_bundle(outer)["inner.task"]) == MODELS


@pytest.mark.parametrize("kept", [40, 200, 1050])
def test_a_truncated_bundle_is_refused_with_its_name_and_size(tmp_path, kept):
    path = tmp_path / "cut.task"
    path.write_bytes(bundle_bytes(MODELS)[:kept])
    with pytest.raises(SignportError, match=rf"cut\.task: a damaged zip archive of {kept:,} bytes"):
        read_bundle(path)


def test_a_flipped_byte_is_refused(tmp_path):
    content = bytearray(bundle_bytes(MODELS))
    content[content.index(b"12345")] ^= 1
    with pytest.raises(SignportError, match="damaged"):
        read_bundle(bytes(content), name="flipped.task")


def test_a_file_that_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "model.task"
    path.write_bytes(b"TFL3 and so on")
    with pytest.raises(SignportError, match=r"model\.task: not a \.task bundle"):
        read_bundle(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(SignportError, match="no such file"):
        read_bundle(tmp_path / "none.task")
    with pytest.raises(SignportError, match="Is a directory"):
        read_bundle(tmp_path)


def test_a_missing_model_is_named_beside_those_that_are_there():
    require_models(MODELS, ["last"], "x.task")
    with pytest.raises(SignportError, match=r"x\.task: holds no gone\.tflite \(it holds hand_detector\.tflite, la"):
        require_models(MODELS, ["last", "gone.tflite"], "x.task")


def test_a_bundle_cut_behind_a_nested_one_is_not_read_as_that_one():
    nested = bundle_bytes({"a.tflite": b"a" * 100})
    whole = bundle_bytes({"inner.task": nested, "b.tflite": b"b" * 100})
    cut = whole[: whole.index(nested) + len(nested)]
    assert list(read_bundle(nested)) == ["a.tflite"]
    with pytest.raises(SignportError, match="cut short"):
        read_bundle(cut)
