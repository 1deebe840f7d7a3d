"""Keras models: one file a family, and the preprocessing that travels inside their graphs."""

import logging

# Every model that is asked for predictions is traced once, and TensorFlow warns of "excessive retracing" after five.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
