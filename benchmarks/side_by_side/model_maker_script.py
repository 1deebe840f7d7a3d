"""A gesture head as MediaPipe's guide trains it: `python model_maker_script.py IMAGES EXPORT EPOCHS BATCH RATE SEED`.

The genuine Model Maker from folders of images to `gesture_recognizer.task`, but for two things: its root package is not
run, whose text and object tasks no longer install; and of its embedder, which it would download as a SavedModel, the
same network's `.tflite` answers. `gesture_head` has put the files that it downloads in place. It needs Keras 2
(TF_USE_LEGACY_KERAS=1).
"""

import importlib
import importlib.util
import random
import sys
import threading
import types
from typing import Any

import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def genuine() -> Any:
    """Model Maker's gesture recognizer."""
    spec = importlib.util.find_spec("mediapipe_model_maker")
    assert spec is not None
    root = types.ModuleType("mediapipe_model_maker")
    root.__path__ = list(spec.submodule_search_locations or ())
    sys.modules[root.__name__] = root
    return importlib.import_module("mediapipe_model_maker.python.vision.gesture_recognizer")


def embedder(_path: str) -> Any:
    """What stands for the SavedModel: a batch of one hand → its embedding."""
    from mediapipe_model_maker.python.vision.gesture_recognizer import constants

    interpreter = Interpreter(constants.GESTURE_EMBEDDER_TFLITE_MODEL_FILE.get_path(), num_threads=1)
    interpreter.allocate_tensors()
    one_at_a_time = threading.Lock()
    inputs = {entry["name"]: entry["index"] for entry in interpreter.get_input_details()}
    output = interpreter.get_output_details()[0]["index"]

    def answer(hand: Any, handedness: Any, world: Any) -> Any:
        with one_at_a_time:
            for name, values in (("hand", hand), ("handedness", handedness), ("world_hand", world)):
                interpreter.set_tensor(inputs[name], values)
            interpreter.invoke()
            return interpreter.get_tensor(output)

    def call(feature: dict[str, Any]) -> Any:
        tensors = [feature[name] for name in ("hand", "handedness", "world_hand")]
        embedding = tf.numpy_function(answer, tensors, tf.float32)
        return tf.ensure_shape(embedding, (1, 128))

    return call


def main() -> None:
    images, export, epochs, batch, rate, seed = sys.argv[1:]
    recognizer = genuine()
    from mediapipe_model_maker.python.core.utils import model_util

    model_util.load_keras_model = embedder
    random.seed(int(seed))
    tf.keras.utils.set_random_seed(int(seed))
    data = recognizer.Dataset.from_folder(images)
    train, validation = data.split(0.9)
    options = recognizer.GestureRecognizerOptions(
        hparams=recognizer.HParams(
            export_dir=export, epochs=int(epochs), batch_size=int(batch), learning_rate=float(rate)
        )
    )
    model = recognizer.GestureRecognizer.create(train, validation, options)
    model.export_model()
    print(f"hands {len(data)}")


if __name__ == "__main__":
    main()
