"""Paths and rotations."""

import numpy as np
import pytest

from signport.datasets.signing.lexicon import CLOSED_PATHS, NO_PATH, OPEN_PATHS
from signport.datasets.signing.space import ORIENTATIONS, between, matrix, path, quaternion, turn


@pytest.mark.parametrize("name", list(ORIENTATIONS))
def test_orientations_are_rotations(name):
    rotation = ORIENTATIONS[name]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_quaternions_and_matrices_say_the_same():
    rotations = turn(np.random.default_rng(0).normal(0, 2, (200, 3)))
    np.testing.assert_allclose(matrix(quaternion(rotations)), rotations, atol=1e-12)


def test_a_turn_is_right_handed_and_by_its_length():
    np.testing.assert_allclose(turn(np.array([0, 0, np.pi / 2])) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(turn(np.zeros(3)), np.eye(3))


def test_the_way_between_two_rotations_starts_ends_and_is_even():
    start, end = turn(np.array([0.3, 0, 0])), turn(np.array([1.5, 0, 0]))
    way = between(start, end, np.array([0, 0.25, 1]))
    np.testing.assert_allclose(way, [start, turn(np.array([0.6, 0, 0])), end], atol=1e-12)
    np.testing.assert_allclose(between(start, start, np.array([0.4]))[0], start, atol=1e-12)


@pytest.mark.parametrize("kind", CLOSED_PATHS)
def test_a_closed_path_ends_where_it_began(kind):
    np.testing.assert_allclose(path(kind, np.array([0.0]))[0], path(kind, np.array([1.0]))[0], atol=1e-12)


@pytest.mark.parametrize("kind", OPEN_PATHS)
def test_an_open_path_leads_away(kind):
    start, end = path(kind, np.array([0.0, 1.0]))
    assert np.linalg.norm(end - start) > 0.8


def test_a_hold_goes_nowhere():
    assert not path(NO_PATH, np.linspace(0, 1, 5)).any()
