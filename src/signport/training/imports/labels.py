"""The class names of a model that is brought over, in the order of its outputs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from signport.errors import SignportError

# What checkpoints call them: lists of names, or objects from name to index or from index to name.
_KEYS = (
    "label_names", "class_names", "classes", "labels", "actions", "idx_to_class", "index_to_label", "id2label",
    "idx2label", "class_to_idx", "label_to_index", "label2id", "label_map",
)  # fmt: skip


def class_names(labels: Sequence[str] | str | Path | None, held: Mapping[str, Any], source: Path) -> tuple[str, ...]:
    """Finds the names.

    Args:
        labels: A sequence of names, names with commas between, or a text file (one a line) or JSON file; None for what
            the model's own file holds.
        held: What that file holds besides weights.
        source: That file.

    Raises:
        SignportError: No names, names in a form that is not understood, or one name twice.
    """
    if labels is None:
        key = next((key for key in _KEYS if key in held), None)
        if key is None:
            raise SignportError(
                f"{source}: names no classes; give them in the order of the model's outputs: --labels A,B,C or "
                "--labels labels.txt, one a line"
            )
        return _checked(_ordered(held[key], f"{source}: {key}"), f"{source}: {key}")
    if isinstance(labels, str | Path):
        return _checked(_from_text(str(labels)), f"--labels {labels}")
    return _checked(list(labels), "labels")


def _from_text(text: str) -> list[str]:
    path = Path(text)
    if "," in text and not path.is_file():
        return [name.strip() for name in text.split(",")]
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SignportError(f"--labels {text}: neither names with commas between nor a text file ({error})") from error
    if path.suffix.lower() != ".json":
        return [line.strip() for line in content.splitlines() if line.strip()]
    try:
        return _ordered(json.loads(content), f"--labels {text}")
    except json.JSONDecodeError as error:
        raise SignportError(f"--labels {text}: not readable as JSON ({error})") from error


def _ordered(value: Any, where: str) -> list[str]:
    """Names from a list, or from an object of name → index or index → name."""
    if isinstance(value, list | tuple):
        return [str(name) for name in value]
    if isinstance(value, dict):
        pairs = [(index, name) if _is_index(index) else (name, index) for index, name in value.items()]
        if all(_is_index(index) for index, _ in pairs):
            names = {int(index): str(name) for index, name in pairs}
            if sorted(names) == list(range(len(value))):
                return [names[index] for index in range(len(names))]
    raise SignportError(f"{where}: not a list of names, nor an object of names and the indices 0, 1, 2, …")


def _is_index(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and value.isdecimal())


def _checked(names: Sequence[str], where: str) -> tuple[str, ...]:
    if len(names) < 2 or not all(names):
        raise SignportError(f"{where}: {len([name for name in names if name])} class name(s); at least two are needed")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise SignportError(f"{where}: the class name {name!r} occurs {times} times; each class has its own")
    return tuple(names)
