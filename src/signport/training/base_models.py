"""The models of a gesture bundle that a gesture head builds on; a run keeps its own copies in `base/`."""

from pathlib import Path

from signport.errors import SignportError
from signport.files import write_bytes
from signport.landmarks import asset_bundle
from signport.landmarks.asset_bundle import read_bundle, require_models
from signport.models.registry import Family
from signport.training.run import Run

EMBEDDER = f"base/{asset_bundle.GESTURE_EMBEDDER}"
EMBEDDER_INT8 = "base/gesture_embedder_int8.tflite"
CANNED_CLASSIFIER = f"base/{asset_bundle.CANNED_CLASSIFIER}"
HAND_LANDMARKER = f"base/{asset_bundle.LANDMARKER}"
# File identifier of the TFLite schema, at byte 4 of the flatbuffer.
_TFLITE_IDENTIFIER = b"TFL3"


def base_models(
    family: Family, configured: str, base_bundle: str | Path | None, embedder: str | Path | None
) -> dict[str, bytes]:
    """Finds the embedder that a family needs, and what belongs to it.

    Args:
        family: What is trained; only a gesture head builds on an embedder.
        configured: The recipe's `model.embedder`, used when neither of the following is given.
        base_bundle: A `gesture_recognizer.task`.
        embedder: An exported `gesture_embedder` run, or a `.tflite`.

    Returns:
        Path within the run → content; empty for a family without an embedder.

    Raises:
        SignportError: There is none, more than one, or it can't be read.
    """
    if family.fits_task != "head":
        if base_bundle is not None or embedder is not None:
            option = "--base-bundle" if base_bundle is not None else "--embedder"
            raise SignportError(
                f"{option} {base_bundle or embedder}: family {family.name!r} takes no embedder; leave it out"
            )
        return {}
    if base_bundle is not None and embedder is not None:
        raise SignportError(f"--base-bundle {base_bundle} and --embedder {embedder}: both name an embedder; give one")
    if base_bundle is not None:
        return _from_bundle(base_bundle)
    if embedder is None and not configured:
        raise SignportError(
            f"family {family.name!r} needs an embedder; give --base-bundle gesture_recognizer.task, or --embedder with "
            "an exported gesture_embedder run"
        )
    source = Path(embedder or configured)
    if source.is_dir():
        return _from_run(Run.open(source))
    content = _read(source)
    if content[4:8] != _TFLITE_IDENTIFIER:
        raise SignportError(f"{source}: not a TFLite model; give an embedder's .tflite or an exported run")
    return {EMBEDDER: content}


def _from_bundle(path: str | Path) -> dict[str, bytes]:
    outer = read_bundle(path)
    require_models(outer, [asset_bundle.LANDMARKER, asset_bundle.RECOGNIZER], path)
    title = f"{path}/{asset_bundle.RECOGNIZER}"
    recognizer = read_bundle(outer[asset_bundle.RECOGNIZER], name=title)
    require_models(recognizer, [asset_bundle.GESTURE_EMBEDDER, asset_bundle.CANNED_CLASSIFIER], title)
    return {
        EMBEDDER: recognizer[asset_bundle.GESTURE_EMBEDDER],
        CANNED_CLASSIFIER: recognizer[asset_bundle.CANNED_CLASSIFIER],
        HAND_LANDMARKER: outer[asset_bundle.LANDMARKER],
    }


def _from_run(run: Run) -> dict[str, bytes]:
    if run.family.fits_task != "embedder":
        raise SignportError(
            f"{run.path}: a run of family {run.family.name!r}, not of an embedder; give another --embedder"
        )
    exported = run.export_folder / "model_float32.tflite"
    if not exported.is_file():
        raise SignportError(f"{run.path}: this embedder is not exported; run `signport export {run.path}` first")
    models = {EMBEDDER: _read(exported)}
    int8 = run.export_folder / "model_int8.tflite"
    if int8.is_file():
        models[EMBEDDER_INT8] = _read(int8)
    return models


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SignportError(f"{path}: cannot read this embedder ({error.strerror})") from error


def write_base_models(folder: Path, models: dict[str, bytes]) -> None:
    """Copies the models into a run's folder."""
    for name, content in models.items():
        write_bytes(folder / name, content)
