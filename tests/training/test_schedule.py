import keras
import numpy as np
import pytest

from signport.training.schedule import Schedule, best_epoch, has_stalled


def test_warmup_rises_to_the_peak_with_any_schedule():
    for kind in ("constant", "plateau", "cosine"):
        schedule = Schedule(kind=kind, peak=0.8, epochs=20, warmup_epochs=4)
        assert [schedule.rate(epoch, []) for epoch in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_cosine_falls_from_the_peak_to_almost_nothing():
    rates = [Schedule(kind="cosine", peak=1.0, epochs=50).rate(epoch, []) for epoch in range(50)]
    assert rates[0] == 1.0
    assert rates[25] == pytest.approx(0.5)
    assert rates[-1] < 0.002
    assert rates == sorted(rates, reverse=True)


def test_plateau_falls_each_time_patience_runs_out():
    schedule = Schedule(kind="plateau", peak=1.0, plateau_factor=0.1, plateau_patience=2)
    losses = [5.0, 4.0, 4.5, 4.5, 4.5, 4.5, 3.0]
    rates = [schedule.rate(epoch, losses[:epoch]) for epoch in range(8)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_first_of_equal_epochs_is_the_best():
    assert best_epoch([3, 2, 2, 4]) == 1
    assert best_epoch([]) == -1


def test_training_stalls_when_patience_runs_out():
    assert not has_stalled([3, 2, 4], 2)
    assert has_stalled([3, 2, 4, 2], 2)
    assert not has_stalled([3, 2, 4, 2], 0)


@pytest.mark.parametrize("seed", range(4))
def test_plateaus_and_early_stopping_are_those_of_keras(seed):
    random = np.random.default_rng(seed)
    # Losses that fall, stall and repeat themselves.
    losses = np.round(np.minimum(1 / np.arange(1, 81), 0.05) + random.random(80) / 8, 2).tolist()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.8))
    plateau = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3, min_delta=0)
    stopping = keras.callbacks.EarlyStopping(patience=9)
    for callback in (plateau, stopping):
        callback.set_model(model)
        callback.on_train_begin()
    schedule = Schedule(kind="plateau", peak=0.8, plateau_factor=0.5, plateau_patience=3)
    for epoch, loss in enumerate(losses):
        assert schedule.rate(epoch, losses[:epoch]) == pytest.approx(float(model.optimizer.learning_rate))
        model.stop_training = False
        for callback in (plateau, stopping):
            callback.on_epoch_end(epoch, {"val_loss": loss})
        assert has_stalled(losses[: epoch + 1], 9) == model.stop_training
        if model.stop_training:
            assert best_epoch(losses[: epoch + 1]) == stopping.best_epoch
            return
    pytest.fail("losses that never stall test nothing")
