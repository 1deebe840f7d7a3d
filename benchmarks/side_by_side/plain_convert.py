"""A saved model to float32, float16, dynamic range and full int8 by TensorFlow alone; prints which of them came out.

`python plain_convert.py FAMILY MODEL CALIBRATION OUT`: CALIBRATION is an npz of inputs by name.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.models.registry import family_named

family_named(sys.argv[1])  # registers the layers that the file names
model = keras.saving.load_model(sys.argv[2], compile=False)
with np.load(sys.argv[3]) as arrays:
    samples = {name: arrays[name] for name in arrays.files}
out = Path(sys.argv[4])


def representative() -> Iterator[dict[str, Any]]:
    for row in range(len(next(iter(samples.values())))):
        yield {tensor.name: samples[tensor.name][row : row + 1] for tensor in model.inputs}


for form in ("float32", "float16", "dynamic", "int8"):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form == "int8":
        converter.representative_dataset = representative
    try:
        content = converter.convert()
    except Exception as error:  # noqa: BLE001  whatever it is: that there is no file is the finding
        print(f"no {form}: {str(error).splitlines()[-1]}")
        continue
    (out / f"plain_{form}.tflite").write_bytes(content)
    print(f"made {form}")
