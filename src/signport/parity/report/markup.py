"""HTML and SVG elements whose text is escaped unless it is an element itself."""

from html import escape
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Child: TypeAlias = "str | Iterable[Child] | None"
# HTML elements that have no end tag; every other one, SVG's included, gets one.
_VOID = frozenset({"br", "hr", "img", "meta"})
# What no document may hold: C0 and C1 controls but for tab and newlines, lone surrogates, and two non-characters.
_CONTROLS = (*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_FORBIDDEN = dict.fromkeys(_CONTROLS, "�")


class Markup(str):
    """Text that is markup already, so that it is not escaped again."""

    __slots__ = ()


def clean(text: str) -> str:
    """`text` with what neither HTML nor XML may hold (control characters, lone surrogates) replaced by U+FFFD."""
    return text.translate(_FORBIDDEN)


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        name: Of the element.
        children: Text, which is escaped, markup, which is not, None, or iterables of these.
        attributes: By name; a trailing underscore goes (`class_`), the others become hyphens (`aria_label`). None and
            False leave an attribute out, True gives one without a value; numbers are cut to two decimals.

    Example:
        >>> tag("p", "1 < 2 ", tag("b", "yes"), class_="a", hidden=True)
        '<p class="a" hidden>1 &lt; 2 <b>yes</b></p>'
    """
    found = "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{name}{found}>" if name in _VOID else f"<{name}{found}>{_text(children)}</{name}>")


def prose(text: str) -> list[Child]:
    """Text in which `commands` between backticks become `<code>`."""
    return [tag("code", part) if number % 2 else part for number, part in enumerate(text.split("`"))]


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {key}"
    if not isinstance(value, str):
        value = f"{value:.2f}".rstrip("0").rstrip(".")
    return f' {key}="{escape(clean(value))}"'


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return escape(clean(child), quote=False)
    return "".join(_text(one) for one in child)
