"""What `signport inspect` prints for people."""

from collections.abc import Iterator
from typing import Any

_LABELS_SHOWN = 12
_LOG_WIDTH = 200  # where stdout is no terminal, rich would fold at 80 columns


def print_inspection(found: dict[str, Any]) -> None:
    """Prints what `signport.parity.inspection.inspect` found."""
    from rich.console import Console
    from rich.tree import Tree

    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, highlight=False, width=_LOG_WIDTH)
    tree = Tree(_title(found))
    {"model": _model, "bundle": _bundle, "cache": _cache, "run": _run}[found["kind"]](tree, found)
    console.print(tree)
    for problem in found.get("problems", []):
        console.print(f"problem: {problem}")


def _title(found: dict[str, Any]) -> str:
    sealed = f"  {found['bytes']:,} bytes  sha256 {found['sha256']}" if "sha256" in found else ""
    return f"{found['path']}: {found['kind']}{sealed}"


def _model(tree: Any, model: dict[str, Any]) -> None:
    for line in _model_lines(model):
        tree.add(line)


def _model_lines(model: dict[str, Any]) -> Iterator[str]:
    for side in ("inputs", "outputs"):
        for tensor in model[side]:
            scale = tensor["quantization"]
            grid = f", scale {scale['scale']:.6g}, zero point {scale['zero_point']}" if scale else ""
            yield f"{side[:-1]} {tensor['name']}: {tensor['dtype']} {tensor['shape']}{grid}"
    yield "operators: " + ", ".join(f"{count} {name}" for name, count in model["operators"].items())
    if model["custom_operators"]:
        names = ", ".join(model["custom_operators"])
        yield f"NEEDS custom or Flex operators, which apps' runtimes lack: {names}"
    told = model["metadata"]
    yield f"metadata: {told['name']}, version {told['version']}, by {told['author']}" if told else "metadata: none"
    labels = model["labels"]
    more = f" and {len(labels) - _LABELS_SHOWN} more" if len(labels) > _LABELS_SHOWN else ""
    yield f"labels: {len(labels)}: {', '.join(labels[:_LABELS_SHOWN])}{more}" if labels else "labels: none"


def _bundle(tree: Any, bundle: dict[str, Any]) -> None:
    for entry in bundle["entries"]:
        how = "stored" if entry["stored"] else "COMPRESSED"
        aligned = "aligned" if entry["aligned"] else "NOT ALIGNED"
        digest = entry["sha256"][:12]
        branch = tree.add(f"{entry['name']}  {entry['bytes']:,} bytes, {how}, {aligned}, sha256 {digest}…")
        if "bundle" in entry:
            _bundle(branch, entry["bundle"])
        elif "model" in entry:
            _model(branch, entry["model"])


def _cache(tree: Any, cache: dict[str, Any]) -> None:
    tree.add(f"{cache['samples']} samples of {len(cache['classes'])} classes, topology {cache['topology']}")
    tree.add("classes: " + ", ".join(f"{name} {row['samples']}" for name, row in cache["classes"].items()))
    skipped = ", ".join(f"{count} {reason}" for reason, count in cache["skipped"].items()) or "none"
    tree.add(f"skipped: {skipped} (`signport cache show` tells more)")
    tree.add(f"extractor: {cache['extractor'].get('name')} {cache['extractor'].get('version') or ''}".rstrip())
    tree.add(f"digest: {cache['digest']}")


def _run(tree: Any, run: dict[str, Any]) -> None:
    training, export = run["training"], run["export"]
    if training:
        state = "finished" if training["finished"] else "not finished"
        branch = tree.add(f"training: {state}, {len(training['classes'] or [])} classes")
        for name, value in (training["metrics"] or {}).items():
            branch.add(f"{name}: {_brief(value)}")
    if run["recipe"]:
        branch = tree.add("recipe")
        for line in run["recipe"].splitlines():
            branch.add(line)
    if not export:
        tree.add("export: none yet; `signport export`")
        return
    branch = tree.add(f"export: {export['name']} ({export['family']}), {len(export['classes'])} classes")
    for form, entry in export["files"].items():
        accuracy = ((export["metrics"] or {}).get(form) or {}).get("accuracy")
        right = f", accuracy {accuracy:.4f}" if accuracy is not None else ""
        branch.add(f"{form}: {entry['file']}, {entry['bytes']:,} bytes{right}, sha256 {entry['sha256'][:12]}…")
    bundle = run["bundle"]
    tree.add(f"bundle: {bundle['file']}, head {bundle['head']}" if bundle else "bundle: none")
    report = run["parity"]
    tree.add(f"parity: {report['status']} ({report['created']})" if report else "parity: none yet; `signport parity`")


def _brief(value: Any) -> str:
    """A metric in a few characters: plain numbers only, nested ones named."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_brief(inner)}" for name, inner in value.items() if isinstance(inner, int | float))
    return f"{value:.4f}" if isinstance(value, float) else str(value)
