"""int8 of one float graph, samples and runtime, by all that quantizes, as `signport quantize compare` does it."""

from typing import Any

from table import Found, Row

THEIRS = {
    "ptq": "TensorFlow PTQ, head in float",
    "ai_edge": "ai-edge-quantizer PTQ, head in float",
    "tfmot": "TFMOT QAT",
}
OURS = ("calibrated", "qat")
# TFMOT takes dense graphs only.
FAMILIES = {"mlp": ("ptq", "ai_edge", "tfmot"), "transformer": ("ptq", "ai_edge")}


def measure(places: Any) -> Found:
    """A row a family and peer."""
    import signport as sp

    found = Found()
    for family, peers in FAMILIES.items():
        run = places.runs / family
        if not run.is_dir():
            found.notes.append(
                f"Quantization of `{family}`: skipped, for there is no {run}; `make export-tflite` makes it."
            )
            continue
        compared = sp.compare_quantizers(run, rounds=5 * places.rounds, ways=["float32", *peers, *OURS])
        found.rows += [_row(compared, family, peer, THEIRS[peer]) for peer in peers]
        found.raw[family] = {row.way.name: _figures(row) for row in compared.rows}
    return found


def _row(compared: Any, family: str, peer: str, title: str) -> Row:
    """SQNR is the ratio: how many times smaller our error is."""
    theirs, ours = compared.row(peer), compared.row("qat")
    what = f"int8 `{family}`: accuracy, same as float, SQNR, KB, latency"
    how = f"{title}; {compared.samples} held-back samples"
    if theirs.checked is None:
        return Row(what, f"no file: {theirs.reason}", _told(ours), None, how)
    gain = ours.checked.agreement.sqnr_db - theirs.checked.agreement.sqnr_db
    calibrated = compared.row("calibrated").checked.agreement.sqnr_db
    how += f"; ratio of errors; ours before fine-tuning {calibrated:.1f} dB"
    return Row(what, _told(theirs), _told(ours), 10 ** (gain / 20), how)


def _told(row: Any) -> str:
    figures = _figures(row)
    return (
        f"{figures['accuracy']:.3f}, {figures['agreement']:.3f}, {figures['sqnr_db']:.1f} dB, "
        f"{figures['bytes'] / 1000:.1f}, ×{figures['latency_ratio']:.2f}"
    )


def _figures(row: Any) -> dict[str, Any]:
    if row.checked is None:
        return {"reason": row.reason}
    agreement = row.checked.agreement
    return {
        "accuracy": row.checked.accuracy,
        "agreement": agreement.top1,
        "sqnr_db": agreement.sqnr_db if row.way.name != "float32" else None,
        "bytes": row.size,
        "latency_us": row.latency.median_us,
        "latency_ratio": row.latency.ratio,
    }
