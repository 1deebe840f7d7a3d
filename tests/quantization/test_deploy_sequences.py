"""Every rewrite of a sequence layer in isolation: in float, the deploy form computes what the trained layer does."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from signport.errors import SignportError
from signport.models.attention import PositionEmbedding, ScaledDotProductAttention
from signport.models.sequence import MaskedMean, MaskFrames, PresentLast
from signport.models.stgcn import GraphMixing
from signport.models.temporal import CausalDepthwiseConvolution, ChannelGate, FrameNormalization
from signport.quantization.deploy import deploy_form, largest_difference

FRAMES, CHANNELS, NODES = 6, 8, 59
RANDOM = np.random.default_rng(11)
MASK = (RANDOM.random((40, FRAMES)) < 0.7).astype(np.float32)
MASK[0], MASK[1] = 0, 1  # a clip without any frame, and one with all
CLIPS = {"mask": MASK, "x": RANDOM.normal(size=(40, FRAMES, CHANNELS)).astype(np.float32) + 0.3}
ZEROED = {**CLIPS, "x": CLIPS["x"] * MASK[:, :, None]}  # what missing frames are behind BodyNormalization
GRAPHS = {"mask": MASK, "x": RANDOM.normal(size=(40, FRAMES, NODES, 4)).astype(np.float32)}

Build = Callable[[Any, Any], Any]


def model_of(build: Build, shape: tuple[int, ...], seed: int = 0) -> keras.Model:
    """A model of inputs x and mask, all of whose weights are random."""
    keras.utils.set_random_seed(seed)
    mask, x = keras.Input((FRAMES,), name="mask"), keras.Input(shape, name="x")
    model = keras.Model([mask, x], build(x, mask))
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed" in variable.name:
            continue
        values = (
            random.uniform(0.3, 1.7, variable.shape)
            if "variance" in variable.name
            else random.normal(scale=0.5, size=variable.shape)
        )
        variable.assign(values.astype(np.float32))
    return model


def heads(x: Any, mask: Any) -> Any:
    projected = [layers.Dense(CHANNELS)(x) for _ in range(3)]
    return ScaledDotProductAttention(2)([*projected, mask])


def norm_of_a_dense(x: Any, _mask: Any) -> Any:
    return layers.Dense(5)(layers.LayerNormalization()(layers.Dense(CHANNELS)(x)))


def norm_that_is_read_by_an_add(x: Any, _mask: Any) -> Any:
    stream = layers.Dense(CHANNELS)(x)
    return layers.LayerNormalization()(stream)


def residual_stream(x: Any, mask: Any) -> Any:
    stream = PositionEmbedding()(layers.Dense(CHANNELS)(x))
    inner = layers.Dense(CHANNELS)(layers.LayerNormalization()(stream))
    stream = layers.Add()([stream, inner])
    return layers.Dense(3)(MaskedMean()([layers.LayerNormalization()(stream), mask]))


def recurrent(**settings: Any) -> Build:
    return lambda x, mask: layers.LSTM(5, **settings)(x)


def masked_recurrent(x: Any, mask: Any) -> Any:
    x, mask = PresentLast()([x, mask]), PresentLast()([mask, mask])
    sequence = layers.LSTM(5, return_sequences=True)(x, mask=mask)
    return layers.LSTM(4)(layers.BatchNormalization()(sequence, mask=mask), mask=mask)


def recurrent_norm_recurrent(x: Any, _mask: Any) -> Any:
    return layers.LSTM(4)(layers.BatchNormalization()(layers.LSTM(5, return_sequences=True)(x)))


def graph_convolution(x: Any, mask: Any) -> Any:
    y = layers.Conv2D(6, (1, 1), padding="same")(GraphMixing("upper_59")(x))
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.Conv2D(6, (3, 1), padding="same")(MaskFrames()([y, mask]))
    return MaskedMean()([y, mask])


def filtered_and_gated(x: Any, mask: Any) -> Any:
    y = FrameNormalization()(layers.Dense(CHANNELS, use_bias=False)(x), mask=mask)
    y = MaskFrames()([layers.ReLU()(y), mask])
    y = FrameNormalization()(CausalDepthwiseConvolution(3)(y), mask=mask)
    return layers.Dense(4)(ChannelGate(3)([y, MaskedMean()([y, mask])]))


@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        pytest.param(heads, CLIPS, id="attention"),
        pytest.param(norm_of_a_dense, CLIPS, id="layer normalization between dense layers"),
        pytest.param(norm_that_is_read_by_an_add, CLIPS, id="layer normalization at the end"),
        pytest.param(residual_stream, CLIPS, id="residual stream with positions"),
        pytest.param(lambda x, _: PositionEmbedding()(x), CLIPS, id="positions"),
        pytest.param(lambda x, mask: MaskedMean()([x, mask]), CLIPS, id="masked mean of frames"),
        pytest.param(lambda x, mask: MaskedMean()([x, mask]), GRAPHS, id="masked mean of frames and nodes"),
        pytest.param(recurrent(), CLIPS, id="lstm"),
        pytest.param(recurrent(return_sequences=True), CLIPS, id="lstm with sequences"),
        pytest.param(recurrent(activation="relu"), CLIPS, id="lstm with relu"),
        pytest.param(masked_recurrent, ZEROED, id="lstm, batch normalization, lstm, with mask"),
        pytest.param(recurrent_norm_recurrent, CLIPS, id="lstm, batch normalization, lstm"),
        pytest.param(lambda x, _: GraphMixing("upper_59")(x), GRAPHS, id="graph mixing"),
        pytest.param(graph_convolution, GRAPHS, id="graph convolution with mask"),
        pytest.param(lambda x, _: layers.Conv2D(3, (3, 1), padding="same")(x), GRAPHS, id="convolution"),
        pytest.param(lambda x, _: CausalDepthwiseConvolution(4)(x), CLIPS, id="depthwise convolution"),
        pytest.param(filtered_and_gated, CLIPS, id="depthwise convolution with mask and gate"),
    ],
)
def test_each_rewrite_equals_the_layers_it_stands_for(build, inputs):
    model = model_of(build, inputs["x"].shape[1:])
    assert largest_difference(model, deploy_form(model), inputs) <= 1e-5


@pytest.mark.parametrize("build", [recurrent(return_sequences=True), masked_recurrent])
def test_a_fused_lstm_equals_it_too(build):
    model = model_of(build, CLIPS["x"].shape[1:])
    assert largest_difference(model, deploy_form(model, fused_lstm=True), ZEROED) <= 1e-5


def test_masks_and_normalizations_are_inside_dense_layers_and_filters():
    kinds = [type(layer).__name__ for layer in deploy_form(model_of(filtered_and_gated, CLIPS["x"].shape[1:])).layers]
    made = [kind for kind in kinds if kind.startswith("FakeQuant")]
    assert sorted(made) == ["FakeQuantChannelGate", "FakeQuantDense", "FakeQuantDense", "FakeQuantDepthwise",
                            "FakeQuantMaskedMean"]  # fmt: skip


def test_no_layer_normalization_and_no_loop_is_left():
    names = [type(layer).__name__ for layer in deploy_form(model_of(residual_stream, CLIPS["x"].shape[1:])).layers]
    assert "LayerNormalization" not in names
    assert names.count("FakeQuantRmsNorm") == 2
    assert "FakeQuantAffine" not in names  # scale and shift are in the dense layers behind


@pytest.mark.parametrize(
    ("build", "named"),
    [
        pytest.param(lambda x, _: layers.LayerNormalization(name="raw")(x), "raw", id="input"),
        pytest.param(lambda x, _: layers.LSTM(3, go_backwards=True, name="back")(x), "back", id="backwards"),
        pytest.param(lambda x, _: layers.LSTM(3, activation="elu", name="odd")(x), "odd", id="activation"),
        pytest.param(lambda x, _: layers.LSTM(3, use_bias=False, name="plain")(x), "plain", id="without bias"),
        pytest.param(lambda x, mask: layers.LSTM(3, name="late")(x, mask=mask), "late.*PresentLast", id="mask"),
        pytest.param(lambda x, mask: MaskFrames(name="bare")([x, mask]), "bare", id="mask without convolution"),
    ],
)
def test_what_cannot_be_rewritten_is_refused_by_name(build, named):
    with pytest.raises(SignportError, match=named):
        deploy_form(model_of(build, CLIPS["x"].shape[1:]))
