"""Which signer or recording each file belongs to: from a CSV file, a mapping, or the file's own name."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError

GROUPS_FILE = "groups.csv"


@dataclass(frozen=True)
class GroupRule:
    """What tells the groups; either `of_name` or `rows`.

    Attributes:
        title: Where it comes from, for error messages.
        item: What error messages call a file.
        of_name: File name → group.
        rows: Yields file name and group of the rows of a CSV file, as they are read.
    """

    title: str
    item: str
    of_name: Callable[[str], str] | None = None
    rows: Callable[[], Iterator[tuple[str, str]]] | None = None

    def missing(self, name: str) -> SignportError:
        """The error for a file that has no group although groups are given: it could sit on both sides of a split."""
        return SignportError(f"{self.title}: no group for {self.item} {name!r}; add it, or give --group-regex instead")


def group_rule(
    folder: Path,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    *,
    item: str = "image",
) -> GroupRule | None:
    """Says how to tell which signer or recording a file belongs to.

    Args:
        folder: Where `groups.csv` is looked for if nothing else is given.
        groups: File name (relative to `folder`) → group, or a CSV file with the columns file and group; None takes
            `groups.csv` if there.
        group_regex: Takes the group from the file's name instead: a pattern with one capturing group.
        item: What error messages call a file.

    Returns:
        The rule; None where nothing tells the groups.

    Raises:
        SignportError: The pattern does not fit. The rule's own functions raise it for a file without a group and for a
            CSV file that does not fit.
    """
    if group_regex is not None:
        return GroupRule("group regex", item, of_name=_by_regex(group_regex, item))
    if isinstance(groups, Mapping):
        return GroupRule("groups", item, of_name=_by_mapping(groups, item))
    if groups is None and not (folder / GROUPS_FILE).is_file():
        return None
    path = Path(groups or folder / GROUPS_FILE)
    return GroupRule(str(path), item, rows=lambda: _read_groups(path, item))


def file_groups(
    folder: Path,
    names: Sequence[str],
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    *,
    item: str = "image",
) -> dict[str, str]:
    """`group_rule`, applied to a few files that are held in memory anyway.

    Returns:
        File name → group, of all files or, where nothing tells the groups, of none.

    Raises:
        SignportError: A file has no group although groups are given.
    """
    rule = group_rule(folder, groups, group_regex, item=item)
    if rule is None:
        return {}
    known = dict(rule.rows()) if rule.rows is not None else {}
    found = {}
    for name in names:
        if rule.of_name is None and name not in known:
            raise rule.missing(name)
        found[name] = known[name] if rule.of_name is None else rule.of_name(name)
    return found


def _by_mapping(groups: Mapping[str, str], item: str) -> Callable[[str], str]:
    def of_name(name: str) -> str:
        if name not in groups:
            raise GroupRule("groups", item).missing(name)
        return groups[name]

    return of_name


def _by_regex(group_regex: str, item: str) -> Callable[[str], str]:
    try:
        pattern = re.compile(group_regex)
    except re.error as error:
        raise SignportError(f"group regex {group_regex!r} is no regular expression ({error})") from None
    if pattern.groups != 1:
        raise SignportError(f"group regex {group_regex!r} has {pattern.groups} capturing groups; it needs exactly one")

    def of_name(name: str) -> str:
        match = pattern.search(name)
        if match is None or match[1] is None:
            raise SignportError(f"group regex {group_regex!r} does not match {item} {name!r}; widen the pattern")
        return match[1]

    return of_name


def _read_groups(path: Path, item: str) -> Iterator[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file", "group"} <= set(rows.fieldnames or ()):
                raise SignportError(f"{path}: columns are {rows.fieldnames}; it needs the columns file and group")
            for row in rows:
                name, group = row["file"], row["group"]
                if not group:
                    raise SignportError(f"{path}: {item} {name!r} has an empty group; fill it in or remove the row")
                yield name, group
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error})") from error
