import numpy as np
import pytest

from signport.landmarks.frame_indices import frame_indices


@pytest.mark.parametrize("available", [1, 2, 5, 29, 30, 31, 59, 300])
@pytest.mark.parametrize("wanted", [1, 2, 30])
def test_frames_are_spread_from_end_to_end_without_repetition(available, wanted):
    indices = frame_indices(available, wanted)
    assert len(indices) == min(available, wanted)
    assert indices[0] == 0
    assert (np.diff(indices) > 0).all()
    assert indices[-1] == available - 1 or wanted == 1
    assert np.ptp(np.diff(indices)) <= 1 if len(indices) > 1 else True
