"""What the sequence families promise beyond every family: missing frames, the signer's own coordinates, parameters."""

import keras
import numpy as np
import pytest
from tests.models.test_families import SEQUENCES, built, samples

from signport.landmarks.topology import UPPER_59, topology_named
from signport.models.registry import family_named, predict
from signport.models.sequence import BodyNormalization, FrameMask, MaskedMean
from signport.models.stgcn import normalized_adjacency
from signport.training.transfer import copy_matching_weights


def randomized(model: keras.Model) -> keras.Model:
    """The model with batch normalizations that do something."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.mark.parametrize("name", SEQUENCES)
def test_masked_frames_do_not_change_the_answer(name):
    keras.utils.set_random_seed(1)
    long, short = randomized(built(name, frames=12)), built(name, frames=7)
    copy_matching_weights(long, short)
    if name == "transformer":  # one position a frame: the first seven are those of the short model
        short.get_layer("positions").positions.assign(long.get_layer("positions").positions[:7])
    clip = samples(long, 16)[0]["landmarks"]
    clip[:, 7:] = np.nan
    clip[:4, 3] = np.nan  # in the middle too
    padded, bare = predict(long, {"landmarks": clip}), predict(short, {"landmarks": clip[:, :7]})
    np.testing.assert_allclose(padded, bare, atol=1e-6)
    assert np.abs(padded - padded[:1]).max() > 1e-3  # the answers do depend on the clip


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_missing_frame_differs_from_one_where_points_stand_at_the_origin(name):
    model = randomized(built(name))
    clip = samples(model, 4)[0]["landmarks"]
    missing, zeros = clip.copy(), clip.copy()
    missing[:, 5], zeros[:, 5] = np.nan, 0.0
    assert np.abs(predict(model, {"landmarks": missing}) - predict(model, {"landmarks": zeros})).max() > 1e-5


@pytest.mark.parametrize("name", SEQUENCES)
def test_place_and_size_in_the_picture_do_not_change_the_answer(name):
    model = randomized(built(name))
    clip = samples(model, 8)[0]["landmarks"]
    moved = clip * 0.5
    moved[..., :2] += (0.2, -0.1)
    np.testing.assert_allclose(predict(model, {"landmarks": clip}), predict(model, {"landmarks": moved}), atol=1e-5)


def test_without_shoulders_the_points_themselves_give_place_and_size():
    layer = BodyNormalization("upper_59")
    clip = np.random.default_rng(0).uniform(0.3, 0.7, (2, 5, 59, 3)).astype(np.float32)
    clip[:, :, 11] = np.nan
    out = np.asarray(layer(clip))
    found = ~np.isnan(clip[..., 0])
    for sample in range(2):
        points = out[sample][found[sample]][:, :2]
        np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(np.sqrt((points**2).sum(axis=1).mean()), 1, atol=1e-5)
    assert (out[:, :, 11] == 0).all()


def test_shoulders_are_one_apart_and_centred():
    clip = np.random.default_rng(0).uniform(0.3, 0.7, (1, 4, 136, 3)).astype(np.float32)
    left, right = (topology_named("isl_136").index[f"pose.{side}_shoulder"] for side in ("left", "right"))
    clip[:, :, left], clip[:, :, right] = (0.6, 0.5, 0.1), (0.4, 0.5, 0.1)
    out = np.asarray(BodyNormalization("isl_136")(clip))
    np.testing.assert_allclose(out[0, :, left], [[0.5, 0, 0.5]] * 4, atol=1e-5)
    np.testing.assert_allclose(out[0, :, right], [[-0.5, 0, 0.5]] * 4, atol=1e-5)


def test_the_training_part_s_mean_and_deviation_live_in_the_lstm():
    family, model = family_named("lstm"), built("lstm")
    clip = samples(model, 64)[0]["landmarks"]
    parameters = family.adapt(model, {"landmarks": clip})
    out = np.asarray(model.get_layer("body")(clip))
    found = np.where(np.isnan(clip), np.nan, out)
    assert set(parameters) == {"mean", "std"}
    assert parameters["mean"].shape == (75, 3)
    np.testing.assert_allclose(np.nanmean(found, axis=(0, 1)), 0, atol=1e-3)
    deviations = np.delete(np.nanstd(found, axis=(0, 1)), (11, 12), axis=0)  # shoulders stand still by definition
    np.testing.assert_allclose(deviations, 1, atol=1e-2)
    assert (out[np.isnan(clip)] == 0).all()


def test_a_value_that_was_never_found_is_left_as_it_is():
    model = built("lstm")
    clip = samples(model, 8)[0]["landmarks"]
    clip[:, :, 40] = np.nan
    parameters = family_named("lstm").adapt(model, {"landmarks": clip})
    np.testing.assert_array_equal(parameters["mean"][40], 0)
    np.testing.assert_array_equal(parameters["std"][40], 1)


def test_masks_and_means_leave_missing_frames_out_unless_all_are_missing():
    clip = np.zeros((1, 3, 2, 3), np.float32)
    clip[0, 1] = np.nan
    clip[0, 2, 0] = np.nan
    mask = np.asarray(FrameMask()(clip))
    np.testing.assert_array_equal(mask, [[1, 0, 1]])
    values = np.array([[[2.0], [100.0], [4.0]]], np.float32)
    np.testing.assert_allclose(np.asarray(MaskedMean()([values, mask])), [[3.0]], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(MaskedMean()([values, mask * 0])), [[106 / 3]], rtol=1e-6)


def test_the_transformer_has_the_documented_number_of_parameters():
    family = family_named("transformer")
    assert family.build(family.config(), 123).count_params() == 7_326_075


def test_the_graph_is_normalized_and_has_the_skeleton_s_edges():
    adjacency = normalized_adjacency(UPPER_59)
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert np.count_nonzero(adjacency) == 59 + 2 * len(set(map(frozenset, UPPER_59.edges)))
    assert np.linalg.eigvalsh(adjacency).max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("family", "settings", "words"),
    [
        ("transformer", {"hidden": 30, "heads": 4}, "model.heads: 4; it must be a divisor of model.hidden, 30"),
        ("stgcn", {"temporal_kernel": 4}, "model.temporal_kernel: 4; it must be odd and at least 1"),
        ("lstm", {"units": (8, 0)}, "model.units: [8, 0]; it must be at least one positive size"),
        ("lstm", {"activation": "relu"}, "model.masking: True; it must be false with activation: relu"),
        ("lstm", {"missing": "zero"}, "model.missing: zero; it must be mean with coordinate_system: shoulders"),
        ("conv_transformer", {"gate_kernel": 2}, "model.gate_kernel: 2; it must be odd and at least 1"),
        (
            "conv_transformer",
            {"motion": (60,)},
            "model.motion: [60]; it must be lags of at least 1 and below model.frames",
        ),
        ("lstm", {"frames": 0}, "model.frames: 0; it must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(family, settings, words):
    with pytest.raises(Exception, match="^" + words.replace("[", r"\[").replace("]", r"\]") + "$"):
        family_named(family).config(**settings)
