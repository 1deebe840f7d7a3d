"""Two services that all tests of this folder share: one of a hand model, one of a model of clips."""

import pytest
from tests.parity.family_runs import family_run
from tests.service.serving import running


@pytest.fixture(scope="session")
def hand_run(tmp_path_factory):
    return family_run(tmp_path_factory, "mlp")


@pytest.fixture(scope="session")
def clip_run(tmp_path_factory):
    return family_run(tmp_path_factory, "lstm")


@pytest.fixture(scope="session")
def hands(hand_run):
    """A service of a hand model."""
    with running(hand_run) as served:
        yield served


@pytest.fixture(scope="session")
def clips(clip_run):
    """A service of a model of clips."""
    with running(clip_run, max_clip_frames=12, live_workers=1) as served:
        yield served
