"""Layers of the deploy form: one file an operation, each with the rewrite that makes it from Keras's layer.

Importing this package registers all rewrites; a new operation is a new file and a line here.
"""

from signport.quantization.layers import (
    add,
    affine,
    attention,
    channel_gate,
    conv,
    dense,
    depthwise,
    graph,
    masking,
    mean,
    normalization,
    passing,
    positions,
    recurrent,
)

__all__ = [
    "add",
    "affine",
    "attention",
    "channel_gate",
    "conv",
    "dense",
    "depthwise",
    "graph",
    "masking",
    "mean",
    "normalization",
    "passing",
    "positions",
    "recurrent",
]
