import numpy as np
import pytest

from signport.landmarks.features import edge_directions, hand_features, mediapipe_matrix
from signport.landmarks.topology import HAND
from signport.models.preprocessing import HandFeatures, HandMatrix


@pytest.fixture
def hands():
    values = np.random.default_rng(3).random((64, 21, 3), np.float32)
    values[0, :, 2] = np.nan
    values[1, 5] = np.nan
    return values


def test_the_layer_and_numpy_agree_on_features(hands):
    np.testing.assert_allclose(np.asarray(HandFeatures()(hands)), hand_features(hands), atol=1e-6)


def test_the_layer_and_numpy_agree_on_directions(hands):
    hands[2] = hands[2, :1]  # a hand that is one point has no directions, and no NaN
    features = np.asarray(HandFeatures(directions=True)(hands))
    np.testing.assert_allclose(features[:, :84], hand_features(hands), atol=1e-6)
    np.testing.assert_allclose(features[:, 84:], edge_directions(hands), atol=1e-5)
    np.testing.assert_array_equal(features[2], 0)


def test_directions_do_not_depend_on_the_length_of_a_finger(hands):
    longer = hands[3:].copy()
    # The last bone of the thumb, 3 to 4: twice as long, in the same direction.
    longer[:, 4] += longer[:, 4] - longer[:, 3]
    np.testing.assert_allclose(edge_directions(longer), edge_directions(hands[3:]), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(edge_directions(longer).reshape(-1, 21, 3), axis=-1), 1, atol=1e-4)


def test_the_matrix_with_directions_begins_with_the_matrix(hands):
    both = np.asarray(HandMatrix(directions=True)(hands))
    np.testing.assert_allclose(both[:, :63], np.asarray(HandMatrix()(hands)), atol=1e-6)
    np.testing.assert_allclose(both[2:, 63:], edge_directions(hands[2:]), atol=1e-4)


@pytest.mark.parametrize(("kind", "features"), [(HandFeatures, 147), (HandMatrix, 126)])
def test_a_layer_is_saved_with_its_directions(kind, features):
    assert kind.from_config(kind(directions=True).get_config()).directions
    assert kind(directions=True).compute_output_shape((None, 21, 3)) == (None, features)


def test_the_layer_and_numpy_agree_on_mediapipes_matrix(hands):
    expected = mediapipe_matrix(hands).reshape(64, 63)
    np.testing.assert_allclose(np.asarray(HandMatrix()(hands)), expected, atol=1e-6)


def test_features_ignore_where_the_hand_is_and_how_large(hands):
    moved = hands * 0.37 + np.float32(0.2)
    np.testing.assert_allclose(hand_features(moved), hand_features(hands), atol=1e-5)


def test_the_farthest_point_lies_at_distance_one_and_edges_are_lengths(hands):
    features = hand_features(hands[2:])
    points = features[:, :63].reshape(-1, 21, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1).max(-1), 1, atol=1e-5)
    start, end = HAND.edges[7]
    lengths = np.linalg.norm(points[:, end] - points[:, start], axis=-1)
    np.testing.assert_allclose(features[:, 63 + 7], lengths, atol=1e-6)


def test_the_matrix_undoes_the_image_aspect():
    square = np.random.default_rng(0).random((4, 21, 3), np.float32)
    wide = square * np.array([0.5, 1, 1], np.float32)  # the same hand in an image twice as wide
    sizes = np.tile([[200, 100]], (4, 1))
    pixels = mediapipe_matrix(wide, sizes)[..., :2]
    expected = mediapipe_matrix(square)[..., :2]
    np.testing.assert_allclose(pixels, expected, atol=1e-4)


def test_normalizing_mediapipes_matrix_again_moves_it_by_the_epsilon_only(hands):
    once = mediapipe_matrix(hands[2:])
    np.testing.assert_allclose(mediapipe_matrix(once), once, atol=2e-5)
