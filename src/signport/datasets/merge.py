"""Several landmark caches → one, to train on several sources."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.errors import SignportError


def merge_caches(caches: Sequence[LandmarkCache]) -> LandmarkCache:
    """Joins caches of one topology.

    Classes are the union, in the order in which they first occur. Where sample ids of two caches collide, the ids and
    sources of all get the cache's file name in front. Groups stay as they are: a name that two caches share is taken
    for the same signer, so that nobody ends up on both sides of a split.

    Args:
        caches: Two or more caches.

    Returns:
        The joined cache, in memory; its header's extractor lists the sources with their digests.

    Raises:
        SignportError: Fewer than two caches, the same one twice, or caches of different topologies.

    Examples:
        >>> cache = sp.LandmarkCache.read("hands.parquet")
        >>> joined = sp.merge_caches([cache.take(np.arange(0, 120)), cache.take(np.arange(120, 240))])
        >>> len(joined)
        240
    """
    if len(caches) < 2:
        raise SignportError(f"{len(caches)} cache to merge; give two or more")
    for cache in caches[1:]:
        if cache.header.topology != caches[0].header.topology:
            raise SignportError(
                f"{cache.path or 'cache'}: topology {cache.header.topology!r}, but "
                f"{caches[0].path or 'the first cache'} has {caches[0].header.topology!r}; merge caches of one topology"
            )
    seen: dict[str, LandmarkCache] = {}
    for cache in caches:
        if cache.digest in seen:
            raise SignportError(
                f"{cache.path or 'cache'}: holds the same as {seen[cache.digest].path or 'another'}; give it once, or "
                "each of its samples ends up on both sides of a split"
            )
        seen[cache.digest] = cache
    ids = [sample_id for cache in caches for sample_id in cache.sample_ids]
    prefixes = _prefixes(caches) if len(set(ids)) < len(ids) else [""] * len(caches)
    table = pa.concat_tables(
        [
            _prefixed(cache.table.replace_schema_metadata(None), prefix)
            for cache, prefix in zip(caches, prefixes, strict=True)
        ]
    )
    sources = [{**cache.header.extractor, "cache_sha256": cache.digest} for cache in caches]
    header = CacheHeader(
        topology=caches[0].header.topology,
        classes=tuple(dict.fromkeys(name for cache in caches for name in cache.classes)),
        extractor={"name": "merge", "version": None, "model_sha256": None, "options": {"sources": sources}},
        skipped=tuple(
            replace(entry, source=prefix + entry.source)
            for cache, prefix in zip(caches, prefixes, strict=True)
            for entry in cache.header.skipped
        ),
    )
    return LandmarkCache(header, table.sort_by("sample_id").combine_chunks())


def _prefixes(caches: Sequence[LandmarkCache]) -> list[str]:
    names = [cache.path.stem if cache.path else "" for cache in caches]
    if len(set(names)) == len(names) and all(names):
        return [f"{name}/" for name in names]
    return [f"{number}-{name}/" if name else f"{number}/" for number, name in enumerate(names)]


def _prefixed(table: pa.Table, prefix: str) -> pa.Table:
    if not prefix:
        return table
    for column in ("sample_id", "source"):
        place = table.schema.get_field_index(column)
        joined = pc.binary_join_element_wise(prefix, table[column], "")
        table = table.set_column(place, table.schema.field(place), joined)
    return table
