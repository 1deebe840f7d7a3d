"""The bundle in MediaPipe, for as long as an app would run it."""

import pytest
from tests.drawn_hands import drawn_hand

from signport.parity.task import stream


@pytest.mark.slow
def test_two_thousand_live_frames_run_through(pipeline):
    images = [drawn_hand(spread=0.7 + 0.02 * number) for number in range(20)]
    result = stream(pipeline.bundled.path, images, frames=2000)
    assert (result.frames, result.answered) == (2000, 2000)
    assert result.hands > 1000
