"""The process that reads a PyTorch file: `python torch_child.py MODEL.pt OUT.npz`, in any Python that has torch.

It stands alone, because that Python has no signport and may be as old as 3.7: torch and NumPy are all it imports. Only
tensors and plain values are read (`weights_only=True`). What went wrong is its last line, and its exit status says what
that was.
"""

import json
import sys
from typing import Any, NoReturn

UNSAFE, NO_TORCH, OLD_TORCH, NO_STATE_DICT = 3, 4, 5, 6
# Where checkpoints keep the state dict, besides being one.
STATE_DICTS = ("model_state_dict", "state_dict", "model_state", "model", "net", "network", "weights", "params")
LARGEST_TEXT = 100000  # of a plain value, as JSON; label names are far shorter


def _end(status: int, reason: object) -> NoReturn:
    print(" ".join(str(reason).split()))
    sys.exit(status)


def _load(path: str) -> Any:
    try:
        import torch  # type: ignore[import-not-found]
    except ImportError as error:
        _end(NO_TORCH, error)
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (1, 13):
        _end(OLD_TORCH, torch.__version__)
    try:
        return torch, torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent turns it into one line)
        _end(UNSAFE, "torch %s: %s" % (torch.__version__, error))  # noqa: UP031 (Python 3.7 too)


def _is_state_dict(value: Any, torch: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(item, torch.Tensor) for item in value.values())


def main() -> None:
    """Entry point."""
    sys.path.pop(0)  # this file's folder, whose modules are not the ones that torch means
    source, output = sys.argv[1:]
    torch, loaded = _load(source)
    held = loaded if isinstance(loaded, dict) else {}
    if _is_state_dict(loaded, torch):
        state, held = loaded, {}
    else:
        name = next((name for name in STATE_DICTS if _is_state_dict(held.get(name), torch)), None)
        if name is None:
            _end(NO_STATE_DICT, ", ".join(map(str, held)) if held else type(loaded).__name__)
        state = held[name]
    arrays, values = {}, {}
    for name, value in held.items():
        if isinstance(value, torch.Tensor):
            values[str(name)] = value.detach().double().flatten().tolist()
        elif isinstance(value, (str, int, float, list, tuple, dict)) and not _is_state_dict(value, torch):
            try:
                text = json.dumps(value)
            except (TypeError, ValueError):
                continue  # an optimizer's state, or anything else that no import needs
            if len(text) <= LARGEST_TEXT:
                values[str(name)] = json.loads(text)
    names = list(state)
    for number, name in enumerate(names):
        arrays["tensor%d" % number] = state[name].detach().to(torch.float32).numpy()  # noqa: UP031 (Python 3.7 too)
    about = {"names": [str(name) for name in names], "values": values, "torch": torch.__version__}
    import numpy as np

    np.savez(output, about=np.array(json.dumps(about)), **arrays)


if __name__ == "__main__":
    main()
