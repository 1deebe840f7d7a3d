"""Frozen dataclasses from YAML mappings and back: typed, with errors that name the file, the key and the value."""

import difflib
import os
import string
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

import yaml

from signport.errors import SignportError

# Besides its own errors, PyYAML passes on what Python raises for dates that are none, for numbers of thousands of
# digits and for a thousand brackets in each other.
_NO_YAML = (
    OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, yaml.YAMLError
)  # fmt: skip
_DEEPEST = 20
_TYPE_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class TypelessText(str):
    """A value whose type only its field knows: it came from an environment variable or from `--set`.

    Attributes:
        origin: What error messages name as its source; empty for the file itself.
    """

    __slots__ = ("origin",)
    origin: str

    def __new__(cls, text: str, origin: str = "") -> Self:
        """Text with its origin."""
        value = super().__new__(cls, text)
        value.origin = origin
        return value


class _Mismatch(Exception):  # noqa: N818 - never leaves this file
    """A value does not fit its field; carries what was expected."""


def read_mapping(path: Path) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping, and expands `$VARS` in its texts (`$$` is a dollar sign).

    Raises:
        SignportError: No such file, no YAML, no mapping, or an undefined variable.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_overgrown(path, text)
        value = yaml.safe_load(text)
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file") from None
    except _NO_YAML as error:
        raise SignportError(f"{path}: not readable as YAML ({' '.join(str(error).split())[:200]})") from error
    if not isinstance(value, dict):
        held = "is empty" if value is None else f"holds {type(value).__name__}"
        raise SignportError(f"{path}: {held}, expected keys and values")
    return expand_variables(value, str(path))


def _refuse_overgrown(path: Path, text: str) -> None:
    """Ten lines of aliases to aliases are a billion values once copied; brackets in brackets take PyYAML forever."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SignportError(f"{path}: has aliases (*name), which are not read; write the values out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise SignportError(f"{path}: has more than {_DEEPEST} sections or lists in each other; no recipe has")


def expand_variables(mapping: dict[str, Any], where: str) -> dict[str, Any]:
    """A copy of a mapping with `$NAME` and `${NAME}` replaced in all its texts, and `$$` by a dollar sign.

    Raises:
        SignportError: An undefined variable; the message names `where`, the key and the variable.
    """
    expanded: dict[str, Any] = _expand(mapping, where, "")
    return expanded


def _expand(value: Any, where: str, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _expand(entry, where, f"{key}.{name}".lstrip(".")) for name, entry in value.items()}
    if isinstance(value, list):
        return [_expand(entry, where, key) for entry in value]
    if not isinstance(value, str) or "$" not in value:
        return value
    try:
        return TypelessText(string.Template(value).substitute(os.environ))
    except KeyError as error:
        name = error.args[0]
        raise SignportError(f"{where}: {key}: environment variable {name!r} is not defined; export it") from None
    except ValueError:
        raise SignportError(f"{where}: {key}: {value!r}; write $NAME, ${{NAME}} or $$ for a dollar sign") from None


def override(mapping: dict[str, Any], assignment: str) -> None:
    """Applies `section.key=value`, as `--set` takes it, to a mapping.

    Raises:
        SignportError: There is no `=`, or a part of the key is no section.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key.strip():
        raise SignportError(f"--set {assignment!r}: expected key=value, for example training.epochs=20")
    *sections, name = key.strip().split(".")
    for section in sections:
        mapping = mapping.setdefault(section, {})
        if not isinstance(mapping, dict):
            raise SignportError(f"--set {assignment}: {section!r} is a value, not a section")
    mapping[name] = TypelessText(text.strip(), "--set")


def from_mapping(kind: type[Any], mapping: Mapping[str, Any], where: str, prefix: str = "") -> Any:
    """Builds a frozen dataclass from a mapping; keys that are absent keep their defaults.

    Args:
        kind: The dataclass. Its fields are int, float, bool, str, Literal, `| None`, tuples of one type, mappings of
            names to one type, dataclasses.
        mapping: Field name → value, as YAML gives it.
        where: The file that error messages name.
        prefix: Dotted key of this section, with the dot; empty at the top.

    Raises:
        SignportError: An unknown key, a value of the wrong type, or one that the dataclass itself refuses.
    """
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    values = {}
    for name, value in mapping.items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
            keys = f"choose one of: {', '.join(names)}" if names else "this section takes no keys"
            did_you_mean = f"did you mean {near[0]!r}?" if near else keys
            raise SignportError(f"{_origin(value, where)}: {prefix}{name}: unknown key; {did_you_mean}")
        values[name] = _convert(value, hints[name], where, f"{prefix}{name}")
    try:
        return kind(**values)
    except SignportError as error:
        raise SignportError(f"{where}: {error}") from error


def _origin(value: Any, where: str) -> str:
    return getattr(value, "origin", "") or where


def _convert(value: Any, hint: Any, where: str, key: str) -> Any:
    if get_origin(hint) is Mapping:
        if not isinstance(value, dict):
            raise SignportError(f"{_origin(value, where)}: {key}: {value!r}; expected a section of names and values")
        return {str(name): _convert(entry, get_args(hint)[1], where, f"{key}.{name}") for name, entry in value.items()}
    if is_dataclass(hint):
        if isinstance(value, dict):
            return from_mapping(hint, value, where, f"{key}.")  # type: ignore[arg-type]
        raise SignportError(f"{_origin(value, where)}: {key}: {value!r}; expected a section of keys and values")
    try:
        return _scalar(value, hint)
    except _Mismatch as mismatch:
        raise SignportError(f"{_origin(value, where)}: {key}: {value!r}; expected {mismatch}") from None


def _scalar(value: Any, hint: Any) -> Any:
    """One value of a field's type; a `_Mismatch` says what was expected."""
    if hint is str:
        return _checked(str(value) if isinstance(value, str) else value, str)
    if isinstance(value, TypelessText):
        try:
            value = yaml.safe_load(value)
        except _NO_YAML:
            value = str(value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint) or isinstance(value, bool):
            raise _Mismatch(f"one of: {', '.join(map(str, get_args(hint)))}")
        return value
    if get_origin(hint) in (Union, types.UnionType):
        return (
            None if value is None else _scalar(value, next(kind for kind in get_args(hint) if kind is not type(None)))
        )
    if get_origin(hint) is tuple:
        return _items(value, get_args(hint)[0])
    if hint is float:
        return _number(value)
    return _checked(value, hint)


def _items(value: Any, kind: type[Any]) -> tuple[Any, ...]:
    expected = f"a list, each entry {_TYPE_NAMES[kind]}"
    if not isinstance(value, list | tuple):
        raise _Mismatch(expected)
    try:
        return tuple(_scalar(entry, kind) for entry in value)
    except _Mismatch:
        raise _Mismatch(expected) from None


def _number(value: Any) -> float:
    # YAML 1.1 takes `1e-3` for text, because it has no dot.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Mismatch(_TYPE_NAMES[float])
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise _Mismatch(_TYPE_NAMES[float]) from None


def _checked(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _Mismatch(_TYPE_NAMES.get(kind, kind.__name__))
    return value


def to_mapping(settings: Any) -> dict[str, Any]:
    """The reverse of `from_mapping`: nested dicts of plain values, tuples as lists, dollar signs doubled."""
    return dict(_plain_fields(settings))


def _plain_fields(settings: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield field.name, to_mapping(value)
        elif isinstance(value, tuple):
            yield field.name, list(value)
        elif isinstance(value, Mapping):
            yield field.name, dict(value)
        else:
            yield field.name, value.replace("$", "$$") if isinstance(value, str) else value
