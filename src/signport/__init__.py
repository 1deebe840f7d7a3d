"""signport: from hand landmarks to a checked, quantized `.tflite` and MediaPipe `.task`.

Example:
    The whole way in five lines::

        import signport as sp
        hands = sp.render_hands("build/hands", classes="asl22", per_class=60)
        run = sp.train("mlp", hands.cache)
        print(sp.evaluate(run, hands.cache).accuracy)
        sp.export(run)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.image_folder import capture_images
    from signport.datasets.merge import merge_caches
    from signport.datasets.rendered import render_hands
    from signport.datasets.tables import import_csv, import_npz
    from signport.export.app_resources import embed
    from signport.export.bundle import bundle
    from signport.export.exporter import export
    from signport.parity.report import parity
    from signport.training.evaluation import evaluate
    from signport.training.run import Run
    from signport.training.train import resume, train

# Name → module; nothing is imported before it is used, so that `import signport` costs nothing.
_EXPORTS = {
    "LandmarkCache": "signport.datasets.cache",
    "Run": "signport.training.run",
    "bundle": "signport.export.bundle",
    "capture_images": "signport.datasets.image_folder",
    "embed": "signport.export.app_resources",
    "evaluate": "signport.training.evaluation",
    "export": "signport.export.exporter",
    "import_csv": "signport.datasets.tables",
    "import_npz": "signport.datasets.tables",
    "merge_caches": "signport.datasets.merge",
    "parity": "signport.parity.report",
    "render_hands": "signport.datasets.rendered",
    "resume": "signport.training.train",
    "train": "signport.training.train",
}
__all__ = [
    "LandmarkCache",
    "Run",
    "bundle",
    "capture_images",
    "embed",
    "evaluate",
    "export",
    "import_csv",
    "import_npz",
    "merge_caches",
    "parity",
    "render_hands",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'signport' has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
