"""`signport cache`: look into landmark caches, draw them and join them."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signport.cli.groups import Verbs

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache

app = typer.Typer(cls=Verbs, no_args_is_help=True, help="Look into landmark caches, draw them, and join them.")

_NAMED_IN_BRIEF = 5


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="A landmark cache")],
    list_skipped: Annotated[bool, typer.Option("--list-skipped", help="Name every input that gave no sample")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Show what a cache holds and how it came to be."""
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.cache_summary import skipped_rows, summarize

    cache = LandmarkCache.read(file)
    summary = summarize(cache)
    if as_json:
        listed = {"skipped_inputs": skipped_rows(cache)} if list_skipped else {}
        print(json.dumps({**summary, **listed}, indent=2, ensure_ascii=False))
        return
    extractor = summary["extractor"]
    least, most = summary["frames"]
    print(f"{file}: {summary['samples']} samples of {len(cache.classes)} classes, topology {summary['topology']}")
    print(f"  extractor       {extractor.get('name')} {extractor.get('version') or ''}".rstrip())
    print(f"  options         {json.dumps(extractor.get('options', {}), ensure_ascii=False)}")
    print(f"  model SHA-256   {extractor.get('model_sha256') or '-'}")
    print(f"  frames          {least}" + ("" if least == most else f" to {most}"))
    print(f"  groups          {summary['groups']} ({summary['ungrouped']} samples without)")
    print(f"  missing points  {summary['missing_points']:.2%} (without depth only: {summary['missing_z']:.2%})")
    print(f"  SHA-256         {summary['digest']}")
    print_classes(cache)
    print_skipped(cache, everything=list_skipped)


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.parquet…", help="Two or more caches of one topology")],
    output: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The cache to write")],
) -> None:
    """Join caches, to train on several sources."""
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.merge import merge_caches

    cache = merge_caches([LandmarkCache.read(file) for file in files]).write(output)
    print_classes(cache)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")


@app.command()
def preview(
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="A landmark cache of sequences")],
    output: Annotated[Path, typer.Argument(metavar="OUT.gif|.mp4", help="The picture to write")],
    samples: Annotated[
        list[str] | None, typer.Option("--sample", metavar="ID", help="A sample; may be repeated; without, the first")
    ] = None,
) -> None:
    """Draw clips as stick figures."""
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.signing.preview import draw_preview

    print(f"{draw_preview(LandmarkCache.read(file), output, samples or ())}: stick figures")


def print_classes(cache: "LandmarkCache") -> None:
    """Prints samples, skipped inputs by reason, and the share that became samples, a class a row."""
    from rich.console import Console
    from rich.table import Table

    from signport.datasets.cache_summary import class_counts

    counts = class_counts(cache)
    total: Counter[str] = Counter()
    for row in counts.values():
        total.update(row)
    reasons = [column for column in total if column != "samples"]
    table = Table("class", show_footer=len(counts) > 1)
    table.columns[0].footer = "all"
    for column in ("samples", *reasons, *(["found"] if reasons else [])):
        footer = _share(total) if column == "found" else str(total[column])
        table.add_column(column, footer=footer, justify="right")
    for name, row in counts.items():
        cells = [str(row[column]) for column in ("samples", *reasons)]
        table.add_row(name, *cells, *([_share(row)] if reasons else []))
    Console(markup=False, highlight=False).print(table)


def _share(row: "dict[str, int] | Counter[str]") -> str:
    return f"{row['samples'] / sum(row.values()):.1%}" if sum(row.values()) else "-"


def print_skipped(cache: "LandmarkCache", *, everything: bool) -> None:
    """Prints which inputs gave no sample, by reason: a few of each, or every one."""
    by_reason: dict[str, list[str]] = {}
    for entry in cache.header.skipped:
        by_reason.setdefault(entry.reason, []).append(entry.source)
    for reason, sources in by_reason.items():
        if everything:
            print(f"{reason} ({len(sources)}):", *sources, sep="\n  ")
            continue
        rest = len(sources) - _NAMED_IN_BRIEF
        more = f" and {rest} more (--list-skipped names all)" if rest > 0 else ""
        print(f"{reason} ({len(sources)}): {', '.join(sources[:_NAMED_IN_BRIEF])}{more}")
