"""Kotlin spellings of names that people gave: identifiers, package names, string literals, comments.

Sources: the Kotlin specification's grammar ("Identifiers", "Lexical grammar": hard keywords) and, for what Android's
class files may hold, the DEX format's SimpleName.
"""

import re
import unicodedata
from collections.abc import Sequence

from signport.errors import SignportError

_HARD_KEYWORDS = frozenset(
    {
        "as", "break", "class", "continue", "do", "else", "false", "for", "fun", "if", "in", "interface", "is", "null",
        "object", "package", "return", "super", "this", "throw", "true", "try", "typealias", "typeof", "val", "var",
        "when", "while",
    }
)  # fmt: skip
# The compiler keeps the first for its own library, the class loader the second for Java's.
_RESERVED_ROOTS = ("kotlin", "java")
# Latin letters that no accent was added to, so that taking accents away does not reach ASCII.
_LATIN = str.maketrans({"Æ": "AE", "Œ": "OE", "Ø": "O", "Đ": "D", "Ð": "D", "Ł": "L", "Þ": "TH", "ẞ": "SS"})
_COMBINING, _LETTER, _DECIMAL = "M", "L", "Nd"


def check_package(package: str) -> None:
    """Refuses what is no package name.

    Raises:
        SignportError: A part of it is no plain Kotlin identifier or a keyword.
    """
    for part in package.split("."):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", part) or not part.strip("_"):
            why = f"{part!r} is no identifier of letters, digits and _" if part else "a part of it is empty"
        elif part in _HARD_KEYWORDS:
            why = f"{part!r} is a Kotlin keyword"
        else:
            continue
        raise SignportError(f"--package {package}: {why}; give a name such as com.example.signs")
    if (root := package.split(".", maxsplit=1)[0]) in _RESERVED_ROOTS:
        raise SignportError(
            f"--package {package}: {root!r} is the language's own; give a name such as com.example.signs"
        )


def class_name(family: str) -> str:
    """`gesture_head` → `GestureHead`."""
    return "".join(part.capitalize() for part in family.split("_"))


def entry_names(labels: Sequence[str]) -> list[str]:
    """Enum entries for labels, all different, in upper snake case.

    Latin letters lose their accents, letters of other scripts stay, everything else becomes `_`; what then starts with
    a digit or is empty gets `LABEL` before it, what an earlier label has already gets a number behind it.
    """
    plain = [_upper_snake(label) for label in labels]
    taken: set[str] = set()
    names = []
    for wanted in plain:
        name, number = wanted, 1
        while name in taken or (number > 1 and name in plain):
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        names.append(name)
    return names


def _upper_snake(label: str) -> str:
    # Upper case first: it turns ß into SS, and leaves letters that still have to be taken apart.
    apart = unicodedata.normalize("NFKD", label.upper().translate(_LATIN))
    kept: list[str] = []
    for char in apart:
        accent = unicodedata.category(char).startswith(_COMBINING)
        if not (accent and kept and kept[-1].isascii()):
            kept.append(char)
    name = "".join(_identifier_part(char) for char in unicodedata.normalize("NFC", "".join(kept)))
    name = re.sub("_+", "_", name).strip("_")
    if not name:
        return "LABEL"
    return f"LABEL_{name}" if name[0].isdigit() else name


def _identifier_part(char: str) -> str:
    category = unicodedata.category(char)
    if category == _DECIMAL:
        return str(unicodedata.decimal(char))
    # Kotlin's lexer reads UTF-16 units: no letters beyond the basic plane.
    return char if category.startswith(_LETTER) and ord(char) <= 0xFFFF else "_"


def string_literal(text: str) -> str:
    """A Kotlin string literal of exactly this text."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '\\"$':
        return "\\" + char
    # Controls, direction marks, odd spaces and lone surrogates would be invisible or damage the file.
    if unicodedata.category(char)[0] in "CZ" and char != " ":
        units = char.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    return char


def comment(text: str) -> str:
    """Text that may stand in any Kotlin comment: one line, and no mark that opens or closes one."""
    line = " ".join("".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text).split())
    return line.replace("*/", "* /").replace("/*", "/ *")
