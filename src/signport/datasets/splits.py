"""Splits into training, validation and test parts that no signer or recording crosses."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError, require_known

# Group splits are searched among this many random orders, fewer when there are many groups: those balance anyway.
_ATTEMPTS = 64
_ATTEMPTED_GROUPS = 20_000
# With no more groups than this, every assignment is tried: 3^8 = 6,561 of them.
_FEW_GROUPS = 8
_CHUNK = 256
# Of a class, where samples are drawn one by one: something to train on and something to measure on.
_FEWEST_SAMPLES = 2
# What a part without samples adds to a candidate's distance.
_EMPTY = 1e6

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Row indices of a cache's parts, each int64 and ascending.

    Attributes:
        train: Rows to train on; every class is among them.
        validation: Rows that choose the best epoch.
        test: Rows held back.
        by: What was kept together: `group`, or nothing (`label`: stratified random).
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    by: Literal["group", "label"]

    def rows(self, part: str) -> np.ndarray:
        """The rows of the part called `train`, `validation` or `test`."""
        require_known("part", part, PARTS)
        rows: np.ndarray = getattr(self, part)
        return rows


def split(
    cache: LandmarkCache,
    validation: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    by: Literal["auto", "group", "label"] = "auto",
) -> Split:
    """Splits a cache, with every class in each part as evenly as can be.

    Args:
        cache: The samples.
        validation: Share of the samples for validation, 0 to 1.
        test: Share of the samples for test, 0 to 1.
        seed: The same seed gives the same split.
        by: `group` never puts samples of one group into two parts (samples without a group count as one group);
            `label` draws at random within each class (of a class with two samples, validation or test gets one);
            `auto` goes by group if any sample has one.

    Raises:
        SignportError: The shares leave nothing to train on, a class has too few samples, or there are too few groups.
    """
    shares = np.array([1 - validation - test, validation, test])
    if shares.min() < 0 or shares[0] == 0:
        raise SignportError(f"validation {validation} + test {test}: shares must be at least 0 and their sum below 1")
    for name, count in cache.per_class().items():
        if not count:
            raise SignportError(f"{cache.path or 'cache'}: class {name!r} has no sample; add some or remove the class")
    known = any(group is not None for group in cache.groups)
    if by == "group" and not known:
        raise SignportError(f"{cache.path or 'cache'}: no sample has a group, so it can't be split by group; use label")
    kept = "group" if by == "group" or (by == "auto" and known) else "label"
    random = np.random.default_rng([seed, 0x5EED])
    part_of_row = (_by_group if kept == "group" else _by_label)(cache, shares, random)
    train, chosen, held_back = (np.flatnonzero(part_of_row == part) for part in range(3))
    return Split(train, chosen, held_back, by="group" if kept == "group" else "label")


def part_of_key(cache: LandmarkCache, parts: Split) -> dict[str, str]:
    """Group, or sample id where the group is unknown → part, for `split_like`."""
    keys = sample_keys(cache)
    return {keys[int(row)]: part for part in PARTS for row in parts.rows(part)}


def sample_keys(cache: LandmarkCache) -> list[str]:
    """What must not cross a split, for each sample: its group, or itself where that is unknown."""
    return [group or sample_id for group, sample_id in zip(cache.groups, cache.sample_ids, strict=True)]


def split_like(cache: LandmarkCache, parts: dict[str, str]) -> Split | None:
    """Splits a cache as an earlier one was, so that what a model builds on has not seen its test samples either.

    Args:
        cache: The samples.
        parts: What `part_of_key` said of the earlier cache; a group or sample that it does not know is trained on.

    Returns:
        The split; None where it would leave a part that was not empty then without samples, or training without a
        class: the caches have too little in common.
    """
    assigned = np.array([PARTS.index(parts.get(key, "train")) for key in sample_keys(cache)])
    rows = [np.flatnonzero(assigned == number) for number in range(len(PARTS))]
    complete = len(np.unique(cache.labels[rows[0]])) == len(cache.classes)
    used = set(parts.values())
    if not complete or not all(len(found) for part, found in zip(PARTS, rows, strict=True) if part in used):
        return None
    known = any(group is not None for group in cache.groups)
    return Split(rows[0], rows[1], rows[2], by="group" if known else "label")


def _by_label(cache: LandmarkCache, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    wanted = np.flatnonzero(shares > 0)
    part_of_row = np.zeros(len(cache), np.int64)
    for index, name in enumerate(cache.classes):
        rows = np.flatnonzero(cache.labels == index)
        if len(rows) < _FEWEST_SAMPLES:
            raise SignportError(
                f"{cache.path or 'cache'}: class {name!r} has {len(rows)} sample(s), but a split needs at least "
                f"{_FEWEST_SAMPLES}; add samples or remove the class"
            )
        if len(rows) < len(wanted):  # one to train on, one for the part that is furthest behind
            held_back = [np.count_nonzero(part_of_row == part) / shares[part] for part in wanted[1:]]
            part_of_row[random.choice(rows)] = wanted[1:][int(np.argmin(held_back))]
            continue
        counts = np.maximum(np.round(shares * len(rows)).astype(int), shares > 0)
        counts[0] = 0
        while counts.sum() >= len(rows):  # rounding up in a tiny class must leave something to train on
            counts[counts.argmax()] -= 1
        shuffled = random.permutation(rows)
        part_of_row[shuffled[: counts[1]]] = 1
        part_of_row[shuffled[counts[1] : counts[1] + counts[2]]] = 2
    return part_of_row


def _by_group(cache: LandmarkCache, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    names = sorted({group for group in cache.groups if group is not None})
    index: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    index[None] = len(names)
    group_of_row = np.array([index[group] for group in cache.groups])
    counts = np.zeros((len(names) + 1, len(cache.classes)), np.int32)
    np.add.at(counts, (group_of_row, cache.labels), 1)
    present = np.flatnonzero(counts.sum(axis=1))
    wanted = np.flatnonzero(shares > 0)
    if len(present) < len(wanted):
        raise SignportError(
            f"{cache.path or 'cache'}: {len(present)} group(s) are too few for {len(wanted)} parts that share none; "
            "capture more signers or recordings, or split by label (data.split_by=label)"
        )
    counts = counts[present]
    attempts = max(1, min(_ATTEMPTS, _ATTEMPTED_GROUPS // len(present)))
    candidates = [_assign(counts, shares, random.permutation(len(present))) for _ in range(attempts)]
    if len(present) <= _FEW_GROUPS:
        # Last, so that among equals the order drawn from the seed decides.
        candidates += _best_of_all(counts, shares, random.permutation(len(present)))
    parts, _ = min(candidates, key=lambda candidate: candidate[1])
    for part in wanted:
        if not (parts == part).any():
            _refuse_pinned(cache, counts, PARTS[part])
    part_of_group = np.zeros(len(names) + 1, np.int64)
    part_of_group[present] = parts
    return np.asarray(part_of_group[group_of_row])


def _assign(counts: np.ndarray, shares: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, float]:
    """Puts each group where it is missed most.

    Args:
        counts: Samples of each group and class, (groups, classes).
        shares: Wanted share of each part, (3,).
        order: In which the groups are placed.

    Returns:
        The part of each group, and how far the parts are from what was wanted (empty ones weigh most).
    """
    totals = counts.sum(axis=0)
    wanted = shares[:, None] * totals
    relative = 1 / np.maximum(wanted, 1e-9)
    filled = np.zeros_like(wanted)
    left_for_training = (counts > 0).sum(axis=0)
    parts = np.zeros(len(counts), np.int64)
    for group in order:
        gain = [_distance(filled[part], wanted[part], relative[part]) for part in range(3)]
        change = [
            _distance(filled[part] + counts[group], wanted[part], relative[part]) - gain[part] for part in range(3)
        ]
        allowed = shares > 0
        # The last group that holds a class stays in training.
        if (left_for_training[counts[group] > 0] <= 1).any():
            allowed = np.array([True, False, False])
        part = int(np.argmin(np.where(allowed, change, np.inf)))
        parts[group] = part
        filled[part] += counts[group]
        if part:
            left_for_training -= counts[group] > 0
    return parts, _total_distance(parts, filled, shares, wanted, relative)


def _best_of_all(counts: np.ndarray, shares: np.ndarray, order: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Tries every assignment of a few groups; arguments and result as of `_assign`, empty where none is allowed."""
    totals = counts.sum(axis=0)
    wanted = shares[:, None] * totals
    relative = 1 / np.maximum(wanted, 1e-9)
    choices = np.indices((len(PARTS),) * len(order)).reshape(len(order), -1).T[:, np.argsort(order)]
    members = choices[:, None, :] == np.arange(len(PARTS))[:, None]  # (assignments, parts, groups)
    members = members[(members.any(axis=2) == (shares > 0)).all(axis=1)]
    best: list[tuple[np.ndarray, float]] = []
    for start in range(0, len(members), _CHUNK):
        chunk = members[start : start + _CHUNK]
        filled = chunk.astype(np.float64) @ counts  # (assignments, parts, classes)
        distances = (((filled - wanted) * relative) ** 2)[:, shares > 0].mean(axis=2).sum(axis=1)
        distances[((filled[:, 0] == 0) & (totals > 0)).any(axis=1)] = np.inf  # every class stays in training
        nearest = int(distances.argmin())
        if np.isfinite(distances[nearest]):
            parts = chunk[nearest].argmax(axis=0)
            distance = _total_distance(parts, filled[nearest], shares, wanted, relative)
            if not best or distance < best[0][1]:
                best = [(parts, distance)]
    return best


def _total_distance(
    parts: np.ndarray, filled: np.ndarray, shares: np.ndarray, wanted: np.ndarray, relative: np.ndarray
) -> float:
    used = np.flatnonzero(shares > 0)
    empty = sum(not (parts == part).any() for part in used)
    return empty * _EMPTY + float(sum(_distance(filled[part], wanted[part], relative[part]) for part in used))


def _distance(filled: np.ndarray, wanted: np.ndarray, relative: np.ndarray) -> float:
    return float((((filled - wanted) * relative) ** 2).mean())


def _refuse_pinned(cache: LandmarkCache, counts: np.ndarray, part: str) -> None:
    groups_of_class = (counts > 0).sum(axis=0)
    scarcest = int(groups_of_class.argmin())
    raise SignportError(
        f"{cache.path or 'cache'}: no group is left for the {part} part: class {cache.classes[scarcest]!r} occurs in "
        f"{groups_of_class[scarcest]} group(s) only, and every class must stay in training; capture it in more "
        "groups, or split by label (data.split_by=label)"
    )
