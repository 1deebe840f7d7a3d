"""How groups of verbs show what is in them."""

from typing import Any

from typer.core import TyperGroup

_WHOLE = 1_000


class Verbs(TyperGroup):
    """A group whose help shows each verb's first sentence whole: one that is cut says nothing."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE).rstrip(".")) for name, command in found if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
