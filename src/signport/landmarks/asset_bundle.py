"""MediaPipe's `.task` files: zip archives of models, stored uncompressed, some of them nested."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from signport.errors import SignportError
from signport.files import DAMAGED_ZIP, ZIP_EPOCH

# Models are read in place from the archive, and TFLite wants its flatbuffers on this boundary.
_ALIGNMENT = 4
_LOCAL_HEADER_SIZE = 30
# How far into a file its first local header is looked for: padding before it is legal.
_LONGEST_PADDING = 64
# Of all entries, unpacked; Google's gesture bundle has 8 MB. Entries may be compressed, also to a thousandth.
_MOST_BYTES = 1 << 28

# What a gesture bundle consists of; MediaPipe looks for these names (hand_gesture_recognizer_graph.cc).
LANDMARKER = "hand_landmarker.task"
RECOGNIZER = "hand_gesture_recognizer.task"
GESTURE_EMBEDDER = "gesture_embedder.tflite"
CANNED_CLASSIFIER = "canned_gesture_classifier.tflite"
CUSTOM_CLASSIFIER = "custom_gesture_classifier.tflite"


def read_bundle(source: str | Path | bytes, *, name: str | None = None) -> dict[str, bytes]:
    """Reads every entry of a task bundle, or of any zip archive.

    Args:
        source: The bundle's path, or its content.
        name: What error messages call a bundle given as bytes.

    Returns:
        Entry name → content, in the archive's order. A nested bundle is an entry like any other: read it again.

    Raises:
        SignportError: No such file, not a zip archive, cut short or damaged.
    """
    if isinstance(source, bytes):
        content, title = source, name or "task bundle"
    else:
        path = Path(source)
        title = name or str(path)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise SignportError(f"{title}: no such file; give the path of a .task bundle") from None
        except OSError as error:
            raise SignportError(f"{title}: cannot read ({error.strerror}); give the path of a .task bundle") from error
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _require_whole(archive)
            return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    except DAMAGED_ZIP as error:
        if b"PK\x03\x04" in content[:_LONGEST_PADDING]:
            raise SignportError(
                f"{title}: a damaged zip archive of {len(content):,} bytes, probably cut short ({error}); get it again"
            ) from error
        raise SignportError(f"{title}: not a .task bundle (no zip archive); give a MediaPipe .task file") from error


def _require_whole(archive: zipfile.ZipFile) -> None:
    """Refuses what is left of a bundle, and what would grow beyond all measure.

    Cut at its end, a bundle still ends in an archive inside it (a nested bundle), and would be read as that one.
    """
    if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
        raise zipfile.BadZipFile(f"it says that it holds more than {_MOST_BYTES:,} bytes")
    if not all(entry.filename for entry in archive.infolist()):
        raise zipfile.BadZipFile("an entry has no name")
    if min((entry.header_offset for entry in archive.infolist()), default=0) >= _ALIGNMENT:
        raise zipfile.BadZipFile(f"only the archive that ends with {archive.namelist()[-1]} is whole")


def require_models(models: Mapping[str, bytes], names: Iterable[str], title: str | Path) -> None:
    """Checks that a bundle holds what is needed.

    Args:
        models: What `read_bundle` returned.
        names: The entries that must be there.
        title: What the error message calls the bundle.

    Raises:
        SignportError: An entry is missing; the message names it and lists those that are there.
    """
    for name in names:
        if name not in models:
            there = ", ".join(sorted(models)) or "nothing"
            raise SignportError(f"{title}: holds no {name} (it holds {there}); give a bundle that has this model")


def bundle_bytes(models: Mapping[str, bytes]) -> bytes:
    """Builds a task bundle as MediaPipe requires it: ZIP_STORED, each model's data aligned to 4 bytes.

    Args:
        models: Entry name → content; entries are written in this order.

    Returns:
        The archive. The same models give the same bytes: entry times are fixed.
    """
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, content in models.items():
            # Google's bundles have NUL bytes before each local header, so that the data behind it comes out aligned.
            data_start = sink.tell() + _LOCAL_HEADER_SIZE + len(name.encode())
            archive.fp.write(b"\0" * (-data_start % _ALIGNMENT))  # type: ignore[union-attr]
            archive.start_dir = sink.tell()
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, content)
    return sink.getvalue()
