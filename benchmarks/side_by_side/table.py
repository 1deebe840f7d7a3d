"""The rows that the parts measure, and the table that they become."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: Is measured.
        theirs: What the usual way gives, with its unit.
        ours: What signport gives.
        ratio: How many times better ours is, above 1 is better; empty where the two cannot be set against each other.
        how: In a few words.
    """

    what: str
    theirs: str
    ours: str
    ratio: float | None
    how: str


@dataclass(frozen=True)
class Growth:
    """What a stage takes for 1, 4 and 16 times the data.

    Attributes:
        what: The stage.
        sizes: Numbers of samples.
        seconds: Processor seconds, one a size.
        mib: Peak memory of the process and its children, one a size.
    """

    what: str
    sizes: Sequence[int]
    seconds: Sequence[float]
    mib: Sequence[float]


@dataclass(frozen=True)
class Command:
    """What a command takes when it has next to nothing to do.

    Attributes:
        what: The command.
        seconds: By the clock.
        processor_seconds: Of it and its children.
        imported: What of the heavy packages it had imported at its end.
    """

    what: str
    seconds: float
    processor_seconds: float
    imported: Sequence[str]


@dataclass
class Found:
    """What a part has measured.

    Attributes:
        rows: For the table.
        growth: For the growth table.
        commands: For the table of commands.
        notes: Sentences below the table: what was skipped and why.
        raw: All numbers behind the rows.
    """

    rows: list[Row] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Found":
        """What `to_json` wrote; anything else in it is passed over."""
        return cls(
            rows=[Row(**row) for row in content["rows"]],
            growth=[Growth(**one) for one in content["growth"]],
            commands=[Command(**one) for one in content.get("commands", [])],
            notes=content["notes"],
            raw=content["raw"],
        )


def markdown(parts: Iterable[Found]) -> str:
    """The table, the growth table, the table of commands and the notes."""
    parts = list(parts)
    lines = ["| what | theirs | ours | ratio | how measured |", "|---|---|---|---|---|"]
    for row in (row for part in parts for row in part.rows):
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.what} | {row.theirs} | {row.ours} | {ratio} | {row.how} |")
    if growths := [one for part in parts for one in part.growth]:
        lines += ["", "| growth | samples | processor seconds | to 1× | peak MiB |", "|---|---|---|---|---|"]
        lines += [_growth(one) for one in growths]
    if commands := [one for part in parts for one in part.commands]:
        lines += ["", "| command | seconds by the clock | processor seconds | imports |", "|---|---|---|---|"]
        lines += [
            f"| `{one.what}` | {one.seconds:.1f} | {one.processor_seconds:.1f} | {', '.join(one.imported) or '–'} |"
            for one in commands
        ]
    if notes := [note for part in parts for note in part.notes]:
        lines += ["", *notes]
    return "\n".join(lines)


def _growth(one: Growth) -> str:
    cells = (
        [f"{size:,}" for size in one.sizes],
        [f"{seconds:.1f}" for seconds in one.seconds],
        [f"{seconds / one.seconds[0]:.1f}" for seconds in one.seconds],
        [f"{mib:,.0f}" for mib in one.mib],
    )
    return f"| {one.what} | " + " | ".join(" / ".join(values) for values in cells) + " |"
