"""signport: from hand landmarks to a checked, quantized `.tflite` and MediaPipe `.task`.

Example:
    The whole way in five lines::

        import signport as sp
        hands = sp.render_hands("build/hands", classes="asl22", per_class=60)
        run = sp.train("mlp", hands.cache)
        print(sp.evaluate(run, hands.cache).accuracy)
        sp.export_tflite(run)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.clip_files import import_clips
    from signport.datasets.csv_table import import_csv
    from signport.datasets.frame_files import import_frames
    from signport.datasets.image_folder import capture_images
    from signport.datasets.merge import merge_caches
    from signport.datasets.npz_table import import_npz
    from signport.datasets.parquet_clips import import_parquet
    from signport.datasets.rendered import render_hands
    from signport.datasets.signing import render_signs
    from signport.datasets.video_folder import capture_videos
    from signport.export.app_resources import embed
    from signport.export.baselines import compare_ways as compare_quantizers
    from signport.export.bundle import bundle
    from signport.export.debug_run import debug_quantization
    from signport.export.exporter import export as export_tflite
    from signport.export.stream import Stream
    from signport.parity.check import parity as check_parity
    from signport.training.evaluation import evaluate
    from signport.training.imports.keras_lstm import import_keras_lstm
    from signport.training.imports.torch_mlp import import_torch_mlp
    from signport.training.run import Run
    from signport.training.train import resume, train

# Name → module and attribute; nothing is imported before it is used, so that `import signport` costs nothing. No name
# may be that of a subpackage (export, parity): importing one would put the module in the function's place.
_EXPORTS = {
    "LandmarkCache": ("signport.datasets.cache", "LandmarkCache"),
    "Run": ("signport.training.run", "Run"),
    "Stream": ("signport.export.stream", "Stream"),
    "bundle": ("signport.export.bundle", "bundle"),
    "capture_images": ("signport.datasets.image_folder", "capture_images"),
    "capture_videos": ("signport.datasets.video_folder", "capture_videos"),
    "compare_quantizers": ("signport.export.baselines", "compare_ways"),
    "check_parity": ("signport.parity.check", "parity"),
    "debug_quantization": ("signport.export.debug_run", "debug_quantization"),
    "embed": ("signport.export.app_resources", "embed"),
    "evaluate": ("signport.training.evaluation", "evaluate"),
    "export_tflite": ("signport.export.exporter", "export"),
    "import_clips": ("signport.datasets.clip_files", "import_clips"),
    "import_csv": ("signport.datasets.csv_table", "import_csv"),
    "import_frames": ("signport.datasets.frame_files", "import_frames"),
    "import_keras_lstm": ("signport.training.imports.keras_lstm", "import_keras_lstm"),
    "import_npz": ("signport.datasets.npz_table", "import_npz"),
    "import_parquet": ("signport.datasets.parquet_clips", "import_parquet"),
    "import_torch_mlp": ("signport.training.imports.torch_mlp", "import_torch_mlp"),
    "merge_caches": ("signport.datasets.merge", "merge_caches"),
    "render_hands": ("signport.datasets.rendered", "render_hands"),
    "render_signs": ("signport.datasets.signing", "render_signs"),
    "resume": ("signport.training.train", "resume"),
    "train": ("signport.training.train", "train"),
}
__all__ = [
    "LandmarkCache",
    "Run",
    "Stream",
    "bundle",
    "capture_images",
    "capture_videos",
    "check_parity",
    "compare_quantizers",
    "debug_quantization",
    "embed",
    "evaluate",
    "export_tflite",
    "import_clips",
    "import_csv",
    "import_frames",
    "import_keras_lstm",
    "import_npz",
    "import_parquet",
    "import_torch_mlp",
    "merge_caches",
    "render_hands",
    "render_signs",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'signport' has no attribute {name!r}")
    from signport.landmarks.mediapipe_runtime import quiet_native_log

    module, attribute = _EXPORTS[name]
    with quiet_native_log():  # TensorFlow greets with errors about GPUs that nobody asked for
        return getattr(import_module(module), attribute)
