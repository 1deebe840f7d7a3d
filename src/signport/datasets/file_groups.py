"""Which signer or recording each file belongs to: from a CSV file, a mapping, or the file's own name."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from signport.errors import SignportError

GROUPS_FILE = "groups.csv"


def file_groups(
    folder: Path,
    names: Sequence[str],
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    *,
    item: str = "image",
) -> dict[str, str]:
    """Says which signer or recording each file belongs to.

    Args:
        folder: Where `groups.csv` is looked for if nothing else is given.
        names: The files, as paths relative to `folder`.
        groups: File name → group, or a CSV file with the columns file and group; None takes `groups.csv` if there.
        group_regex: Takes the group from the file's name instead: a pattern with one capturing group.
        item: What error messages call a file.

    Returns:
        File name → group, of all files or, where nothing tells the groups, of none.

    Raises:
        SignportError: A file has no group although groups are given: it could sit on both sides of a split.
    """
    if group_regex is not None:
        return _groups_by_regex(names, group_regex, item)
    if groups is None:
        if not (folder / GROUPS_FILE).is_file():
            return {}
        groups = folder / GROUPS_FILE
    title = "groups" if isinstance(groups, Mapping) else str(groups)
    known = groups if isinstance(groups, Mapping) else _read_groups(Path(groups), item)
    for name in names:
        if name not in known:
            raise SignportError(f"{title}: no group for {item} {name!r}; add it, or give --group-regex instead")
    return {name: known[name] for name in names}


def _groups_by_regex(names: Sequence[str], group_regex: str, item: str) -> dict[str, str]:
    try:
        pattern = re.compile(group_regex)
    except re.error as error:
        raise SignportError(f"group regex {group_regex!r} is no regular expression ({error})") from None
    if pattern.groups != 1:
        raise SignportError(f"group regex {group_regex!r} has {pattern.groups} capturing groups; it needs exactly one")
    found = {}
    for name in names:
        match = pattern.search(name)
        if match is None or match[1] is None:
            raise SignportError(f"group regex {group_regex!r} does not match {item} {name!r}; widen the pattern")
        found[name] = match[1]
    return found


def _read_groups(path: Path, item: str) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file", "group"} <= set(rows.fieldnames or ()):
                raise SignportError(f"{path}: columns are {rows.fieldnames}; it needs the columns file and group")
            known = {row["file"]: row["group"] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error})") from error
    for name, group in known.items():
        if not group:
            raise SignportError(f"{path}: {item} {name!r} has an empty group; fill it in or remove the row")
    return known
