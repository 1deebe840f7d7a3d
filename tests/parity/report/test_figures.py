"""What the charts show is what the answers say."""

import numpy as np
import pytest

from signport.parity.report.figures import (
    BINS_A_DECADE,
    calibration_error,
    error_decades,
    error_histogram,
    reliability,
    sample_errors,
    worst_rows,
)


def test_errors_fall_into_their_bins():
    reference = np.zeros((1, 6), np.float32)
    output = np.array([[0, 1.5e-3, -1.5e-3, 5e-1, 1e-9, np.nan]], np.float32)
    found = error_histogram(reference, output, (-4, 0))
    assert len(found.counts) == 4 * BINS_A_DECADE
    assert found.exact == 1
    assert found.not_finite == 1
    assert found.counts[BINS_A_DECADE] == 2  # 1.5e-3 lies in the first quarter of its decade
    assert found.counts[3 * BINS_A_DECADE + 2] == 1
    assert found.counts[0] == 1  # what is too small for the axis is not lost
    assert sum(found.counts) + found.exact + found.not_finite == output.size
    assert found.largest == pytest.approx(0.5)
    assert found.median == pytest.approx(1.5e-3)


def test_an_answer_of_nothing_but_nan_has_an_empty_histogram():
    found = error_histogram(np.zeros((2, 2), np.float32), np.full((2, 2), np.nan, np.float32), (-4, 0))
    assert (found.not_finite, sum(found.counts), found.exact) == (4, 0, 0)
    assert np.isnan(found.median)


def test_the_axis_holds_all_errors_in_whole_decades():
    reference = np.zeros((1, 2), np.float32)
    assert error_decades(reference, [np.array([[3e-5, 0.2]], np.float32)]) == (-5, 0)
    assert error_decades(reference, [np.array([[0.011, 0.012]], np.float32)]) == (-3, -1)
    assert error_decades(reference, [reference]) == (-8, 0)


def test_reliability_weighs_samples_and_leaves_out_what_has_no_label():
    answers = np.array([[0.95, 0.05], [0.91, 0.09], [0.55, 0.45], [0.5, 0.5], [np.nan, 0.1]], np.float32)
    labels, weights = np.array([0, 1, 0, -1, 0]), np.array([3.0, 1.0, 1.0, 9.0, 1.0])
    low, high = reliability(answers, labels, weights)
    assert (low.low, low.samples, low.accuracy) == (0.5, 1, 1.0)
    assert (high.low, high.samples, high.accuracy) == (0.9, 2, 0.75)
    assert high.confidence == pytest.approx((3 * 0.95 + 0.91) / 4)
    assert high.accuracy_low < 0.75 < high.accuracy_high
    assert low.weight + high.weight == pytest.approx(1)
    wanted = 0.2 * (1 - 0.55) + 0.8 * abs(high.confidence - 0.75)
    assert calibration_error([low, high]) == pytest.approx(wanted)
    assert reliability(answers, np.full(5, -1), weights) == []


def test_a_score_of_exactly_one_is_in_the_last_bin():
    (found,) = reliability(np.array([[1.0, 0.0]], np.float32), np.array([0]), np.ones(1))
    assert found.low == 0.9


def test_the_worst_come_first_and_nan_is_worst_of_all():
    reference = np.zeros((4, 2), np.float32)
    output = np.array([[0.1, 0], [0, 0], [np.nan, 0], [0, -0.3]], np.float32)
    assert worst_rows(reference, output, 10).tolist() == [2, 3, 0]
    assert worst_rows(reference, output, 1).tolist() == [2]
    assert np.isinf(sample_errors(reference, output)[2])
