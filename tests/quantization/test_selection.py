import pytest

from signport.quantization.qat import Candidate, Selection

NAN = float("nan")


@pytest.mark.parametrize(
    ("candidates", "epoch"),
    [
        pytest.param([(0.99, 30.0)], 0, id="calibration alone"),
        pytest.param([(0.99, 30.0), (0.98, 40.0)], 0, id="less agreement is not bought with decibels"),
        pytest.param([(0.99, 30.0), (0.99, 30.4)], 0, id="too little gain"),
        pytest.param([(0.99, 30.0), (0.99, 30.6), (0.99, 30.5)], 1, id="the best of those that gain"),
        pytest.param([(0.99, 30.0), (0.99, 30.4), (0.99, 30.8)], 2, id="gain is over calibration, not over the last"),
        pytest.param([(0.99, 30.0), (1.0, 29.0)], 1, id="agreement first"),
        pytest.param([(0.99, 30.0), (1.0, 29.0), (0.99, 39.0)], 1, id="agreement first, later too"),
        pytest.param([(NAN, 30.0), (NAN, 30.4), (NAN, 31.0)], 2, id="embeddings"),
        pytest.param([(NAN, 30.0), (NAN, 29.0)], 0, id="embeddings that get worse"),
    ],
)
def test_fine_tuning_ships_where_it_beats_calibration(candidates, epoch):
    selection = Selection()
    taken = [selection.takes(Candidate(number, *figures)) for number, figures in enumerate(candidates)]
    assert selection.chosen.epoch == epoch
    assert max(number for number, one in enumerate(taken) if one) == epoch
    assert len(selection.candidates) == len(candidates)
