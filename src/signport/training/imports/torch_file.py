"""A PyTorch file's tensors and plain values, read in a process of the Python that has torch; nothing in it is run."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.training.imports import torch_child

_TIMEOUT_S = 300
_LARGEST_FILE = 256 * 2**20  # unpacked; an MLP of hand features is a hundredth of that
_TORCH_SCRIPT = "constants.pkl"
_SAVE = "torch.save(model.state_dict(), 'state.pt')"


@dataclass(frozen=True)
class TorchFile:
    """What a `.pt` file holds.

    Attributes:
        tensors: Name → float32 array, in the state dict's order.
        values: Name → plain value (text, number, list, dict) that a checkpoint holds beside its state dict; its tensors
            as lists of numbers.
        torch: Version of the torch that read it.
    """

    tensors: dict[str, np.ndarray]
    values: dict[str, Any]
    torch: str


def read_torch_file(path: Path, python: str | Path | None = None) -> TorchFile:
    """Reads a state dict, or a checkpoint with one, without running anything in it (`weights_only=True`).

    Args:
        path: Written by `torch.save` of torch 1.6 or newer.
        python: An interpreter that has torch 1.13 or newer; None takes this one.

    Raises:
        SignportError: No such file, not a state dict, one that would need code to be run, or no torch.
    """
    _check_archive(path)
    python = str(python or sys.executable)
    with tempfile.TemporaryDirectory(prefix="signport-") as folder:
        output = Path(folder) / "tensors.npz"
        _run(python, path, output)
        with np.load(output, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            tensors = {name: arrays[f"tensor{number}"] for number, name in enumerate(about["names"])}
    if broken := [name for name, values in tensors.items() if not np.isfinite(values).all()]:
        raise SignportError(f"{path}: {broken[0]} holds NaN or infinity; take a checkpoint from before it broke")
    return TorchFile(tensors, about["values"], about["torch"])


def _check_archive(path: Path) -> None:
    """Lets through only what `torch.save` writes since 1.6: the older forms have other readers, one of them unsafe.

    `weights_only` does not hold for tar files before torch 2.6 (CVE-2025-32434), nor for TorchScript.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; give the .pt file of a state dict") from None
    except (OSError, zipfile.BadZipFile):
        raise SignportError(
            f"{path}: not a file of torch.save since torch 1.6; load and save it again in the old project: {_SAVE}"
        ) from None
    names = [Path(entry.filename).name for entry in entries]
    if _TORCH_SCRIPT in names or "data.pkl" not in names:
        raise SignportError(f"{path}: TorchScript or another archive, not a state dict; in the old project: {_SAVE}")
    if (size := sum(entry.file_size for entry in entries)) > _LARGEST_FILE:
        raise SignportError(f"{path}: {size:,} bytes; an MLP of hand features has less than {_LARGEST_FILE:,}")


def _run(python: str, path: Path, output: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        child = subprocess.run(
            [python, str(torch_child.__file__), str(path.resolve()), str(output)],
            capture_output=True,
            text=True,
            errors="replace",
            env={**kept, "CUDA_VISIBLE_DEVICES": ""},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignportError(f"--torch-python {python}: cannot run ({error}); name a Python that has torch") from error
    if child.returncode == 0 and output.is_file():
        return
    lines = (child.stdout.strip() or child.stderr.strip()).splitlines()
    raise SignportError(_refusal(child.returncode, python, path, lines[-1] if lines else "no reason given"))


def _refusal(status: int, python: str, path: Path, reason: str) -> str:
    if status == torch_child.NO_TORCH:
        return (
            f"{python}: has no torch ({reason}); name one that has with --torch-python, such as the old project's "
            ".venv/bin/python, or `apt install python3-torch` and --torch-python /usr/bin/python3"
        )
    if status == torch_child.OLD_TORCH:
        return f"{python}: torch {reason} cannot read without running code; name a Python with torch 1.13 or newer"
    if status == torch_child.UNSAFE:
        # What torch says is long, and advises to load it anyway.
        short = reason.rsplit("Unpickler error: ", maxsplit=1)[-1][:200]
        if "Unsupported operand" in short:
            short += "; torch before 2.0 refuses even floats beside the tensors, a newer --torch-python reads them"
        return (
            f"{path}: holds more than tensors, and signport runs no code out of a file ({short}); in the old project: "
            f"{_SAVE}"
        )
    if status == torch_child.NO_STATE_DICT:
        return f"{path}: no state dict (it holds {reason}); in the old project: {_SAVE}"
    return f"{path}: {python} cannot read it (exit status {status}: {reason})"
