"""Whether the rows of a cache's file fit its header: a file may be damaged, or written by others."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from signport.datasets.cache_header import CacheHeader
from signport.errors import SignportError
from signport.landmarks.topology import topology_named

_MAY_BE_EMPTY = ("group", "world_landmarks")


def require_rows_fit(table: pa.Table, header: CacheHeader, path: Path) -> None:
    """Checks rows of `cache_columns.SCHEMA`, column by column and without looking at a single coordinate.

    Args:
        table: The rows.
        header: The header of the same cache.
        path: What the message calls it.

    Raises:
        SignportError: An empty cell, a text that is none, an unknown class, or a sample whose landmarks are not as many
            as its frames and the topology's points make.
    """
    for name in table.schema.names:
        if table[name].null_count and name not in _MAY_BE_EMPTY:
            raise SignportError(f"{path}: column {name} has empty cells; capture or import it again")
    texts = [name for name in table.schema.names if pa.types.is_string(table.schema.field(name).type)]
    try:
        table.select(texts).validate(full=True)
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())[:160]
        raise SignportError(f"{path}: holds text that is no UTF-8 ({reason}); capture or import it again") from error
    known = set(header.classes)
    if unknown := [label for label in table["label"].unique().to_pylist() if label not in known]:
        raise SignportError(f"{path}: label {unknown[0]!r} is not among its classes; capture or import it again")
    wanted = pc.multiply(table["num_frames"].cast(pa.int64()), 3 * topology_named(header.topology).num_points)
    for name in ("landmarks", "world_landmarks"):
        wrong = pc.not_equal(pc.list_value_length(table[name]).cast(pa.int64()), wanted)
        if pc.any(wrong).as_py():
            row = pc.index(wrong, True).as_py()
            raise SignportError(
                f"{path}: row {row}: {name} are not {header.topology} points of {table['num_frames'][row]} frames; "
                "capture or import it again"
            )
