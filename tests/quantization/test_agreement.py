import numpy as np
import pytest

from signport.quantization.agreement import centred_logits, compare, sqnr_db


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


LOGITS = np.random.default_rng(0).normal(scale=3, size=(500, 7))


def test_equal_answers_agree_fully():
    agreement = compare(softmax(LOGITS), softmax(LOGITS))
    assert (agreement.max_abs, agreement.top1, agreement.kl) == (0, 1, 0)
    assert agreement.sqnr_db == float("inf")


def test_sqnr_of_probabilities_is_that_of_the_logits():
    noise = np.random.default_rng(1).normal(scale=0.03, size=LOGITS.shape)
    centred = LOGITS - LOGITS.mean(1, keepdims=True)
    expected = sqnr_db(centred, centred + noise - noise.mean(1, keepdims=True))
    assert compare(softmax(LOGITS), softmax(LOGITS + noise)).sqnr_db == pytest.approx(expected, abs=0.01)
    assert expected == pytest.approx(20 * np.log10(3 / 0.03), abs=0.5)


def test_centred_logits_come_back():
    centred = LOGITS - LOGITS.mean(1, keepdims=True)
    np.testing.assert_allclose(centred_logits(softmax(LOGITS)), centred, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_number_that_is_none_fails_everything(bad):
    answer = softmax(LOGITS)
    answer[3, 2] = bad
    agreement = compare(softmax(LOGITS), answer)
    assert not agreement.finite
    assert np.isnan(agreement.max_abs)
    assert np.isnan(agreement.top1)


def test_a_tie_does_not_count_against_the_clear_samples():
    reference = np.array([[0.5, 0.5], [0.9, 0.1]], np.float32)
    answer = np.array([[0.499999, 0.500001], [0.9, 0.1]], np.float32)
    agreement = compare(reference, answer)
    assert (agreement.top1, agreement.top1_clear) == (0.5, 1.0)


def test_different_shapes_are_an_error():
    with pytest.raises(ValueError, match="shapes differ"):
        compare(np.zeros((2, 3)), np.zeros((2, 4)))


def test_top5_asks_whether_the_references_best_is_among_the_answers_best_five():
    reference = np.full((3, 7), 0.1, np.float32)
    reference[:, 6] = 0.4
    answer = np.tile(np.array([0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05], np.float32), (3, 1))
    assert compare(reference, answer).top5 == 0
    answer[0] = answer[0, ::-1]
    found = compare(reference, answer)
    assert (found.top1, found.top5) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    answer[1, 6] = 0.11
    assert compare(reference, answer).top5 == pytest.approx(2 / 3)
    assert np.isnan(compare(reference, answer, "embedding").top5)
