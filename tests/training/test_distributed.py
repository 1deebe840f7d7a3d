"""Training on several devices and in several processes, against the same training in one."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.free_port import free_addresses
from tests.training.conftest import QUICK, made_up_cache

from signport.training.checkpoint import load_checkpoint
from signport.training.loop import Snapshot
from signport.training.train import train

SETTINGS = [
    *QUICK,
    "model.hidden=[24, 12]",
    "model.dropout=0",
    "training.batch_size=45",
    "training.learning_rate=0.002",  # Adam makes whole steps of the rounding of gradients that are all but 0
    "training.gradient_clip_norm=0.5",
    "logging.gradient_norm=true",
]
# The widest relative difference between the losses of one process and of several that these tests allow.
TOLERANCE = 1e-5

# Trains two runs, and one of the workers kills itself in the middle of the fourth epoch of the second one. TensorFlow
# connects a process once, and its server keeps the port: the second run's workers meet elsewhere.
WORKER = """
import json, os, signal, sys
from signport.cli.main import main
from signport.training import workers
from signport.training.replicas import ReplicaSteps

first, second, index, killed, *arguments = sys.argv[1:]
connect, strategies = workers._connected, []
def connected(cluster, device):
    strategies[:] = strategies or [connect(cluster, device)]
    return strategies[0]
workers._connected = connected

def run(name, addresses):
    task = {"type": "worker", "index": int(index)}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses.split(",")}, "task": task})
    sys.argv = ["signport", "train", "mlp", "--name", name, "--strategy", "multi_worker", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code

assert not run("two", first)
print("two has ended", file=sys.stderr, flush=True)

whole, epochs = ReplicaSteps.train, []
def doomed(self, batches, steps):
    epochs.append(steps)
    if len(epochs) == 4 and index == killed:
        whole(self, batches, 1)
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, batches, steps)
ReplicaSteps.train = doomed
sys.exit(run("killed", second))
"""

# Trains families on two replicas in one process, and on one, from the same start; prints how far apart they are.
MIRRORED = """
import json, sys
import keras, numpy as np, tensorflow as tf
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
from tests.training.conftest import made_up_cache
from tests.training.tiny_sequence import made_up_clips
from signport.models.registry import family_named
from signport.training.checkpoint import TrainingState, checkpoint_bytes, load_model
from signport.training.devices import seed_everything
from signport.training.loop import Examples, FitSettings, Snapshot, fit
from signport.training.optimizer import compile_model
from signport.training.replicas import ReplicaSteps
from signport.training.schedule import Schedule
from signport.training.workers import Workers, workers_of
from pathlib import Path

def start(name, cache, path, **options):
    family = family_named(name)
    config = family.config(**options)
    inputs = family.inputs(cache, config)
    seed_everything(0)
    model = family.build(config, len(cache.classes))
    if family.adapt:
        family.adapt(model, inputs)
    loss = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, label_smoothing=0.1)
    compile_model(model, loss, learning_rate=0.002, weight_decay=1e-3, gradient_clip_norm=0.1, gradient_norm=True)
    path.write_bytes(checkpoint_bytes(model, TrainingState(name, "", (), ())))
    weights = np.random.default_rng(0).uniform(0.5, 2, len(cache)).astype(np.float32)
    return Examples(inputs, np.eye(len(cache.classes), dtype=np.float32)[cache.labels], weights)

def go(path, examples, workers, batch_size, epochs=3):
    seed_everything(0)
    with workers.scope():
        model = load_model(path)
    settings = FitSettings(epochs, batch_size, seed=3, schedule=Schedule(peak=0.002))
    return fit(model, examples, examples, settings)

def apart(one, other):
    one, other = (np.concatenate([array.ravel() for array in arrays]).astype(np.float64) for arrays in (one, other))
    return float(np.linalg.norm(one - other) / np.linalg.norm(one))

found = {}
path = Path(sys.argv[1]) / "start.keras"
cases = {
    "mlp": (made_up_cache(tuple("ABCDEF"), per_class=11, noise=0.1), 13, {"hidden": (16,), "dropout": 0.0}),
    "lstm": (made_up_clips(per_class=7), 10, {"frames": 5, "units": (6, 5, 4), "hidden": 5, "dropout": 0.0}),
}
with workers_of("mirrored", "cpu") as workers:
    assert workers.strategy.num_replicas_in_sync == 2
    for name, (cache, batch_size, options) in cases.items():
        examples = start(name, cache, path, **options)
        single, mirrored = (go(path, examples, one, batch_size) for one in (Workers(), workers))
        pairs = list(zip(single.history, mirrored.history, strict=True))
        found[name] = {
            "columns": [list(row) for row in (single.history[0], mirrored.history[0])],
            "history": max(abs(one[key] - other[key]) / abs(one[key]) for one, other in pairs for key in one),
            "optimizer": apart(Snapshot.of(single.model).optimizer, Snapshot.of(mirrored.model).optimizer),
            "config": single.model.to_json() == mirrored.model.to_json(),
        }
    examples = start("mlp", cases["mlp"][0], path, hidden=(16,), dropout=0.5)
    moments = [go(path, examples, workers, 13, epochs=2) for _ in range(2)]
    steps = ReplicaSteps(moments[0].model, {}, workers.strategy)
    steps.part_dropout()
    states = [one for one in moments[0].model.variables if one.path.endswith("seed_generator_state")]
    locals = [[int(value[0]) for value in workers.strategy.experimental_local_results(one.value)] for one in states]
    found["dropout"] = {
        "same": moments[0].history == moments[1].history,
        "learns": moments[0].history[1]["loss"] < moments[0].history[0]["loss"],
        "seeds": locals,
    }
print(json.dumps(found))
"""


def _environment(**more):
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "SIGNPORT_WORKER_WAIT": "120"}
    return {**os.environ, **quiet, "PYTHONPATH": str(Path.cwd()), **more}


def _workers(arguments, folders, addresses=()):
    """Starts two processes; returns (exit status, what it printed) of each."""
    started = []
    for index, folder in enumerate(folders):
        folder.mkdir(exist_ok=True)
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        started.append(
            subprocess.Popen(
                [sys.executable, *arguments(index)],
                cwd=folder,
                env=_environment(**({"TF_CONFIG": json.dumps(task)} if addresses else {})),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    try:
        printed = [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *texts) for process, texts in zip(started, printed, strict=True)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One process's run, two workers' run, and another of theirs, of which one was killed and which was resumed."""
    folder = tmp_path_factory.mktemp("distributed")
    cache = made_up_cache(groups=6, noise=0.05).write(folder / "hands.parquet")
    settings = [part for change in SETTINGS for part in ("--set", change)]
    options = ["--data", str(cache.path), "--runs", str(folder / "runs"), *settings]
    places = [folder / "worker0", folder / "worker1"]
    first, second, third = (free_addresses() for _ in range(3))
    meetings = [",".join(first), ",".join(second)]
    killed = _workers(lambda index: ["-c", WORKER, *meetings, str(index), "1", *options], places)
    resume = ["--resume", str(folder / "runs/killed"), "--strategy", "multi_worker"]
    before = load_checkpoint(folder / "runs/killed/checkpoints/last.keras")[1].epoch
    resumed = _workers(lambda _: ["-c", "from signport.cli.main import main; main()", "train", *resume], places, third)
    one = train("mlp", cache, runs=folder / "runs", name="one", overrides=SETTINGS)
    return {
        "one": one.path,
        "two": folder / "runs/two",
        "resumed": folder / "runs/killed",
        "epoch": before,
        "killed_output": killed,
        "resumed_output": resumed,
        "addresses": second,
        "places": places,
    }


def _history(run):
    with (run / "history.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_two_workers_reach_the_losses_of_one_process(runs):
    one, two = _history(runs["one"]), _history(runs["two"])
    assert len(one) == len(two) == 6
    for mine, theirs in zip(one, two, strict=True):
        assert list(mine) == list(theirs)
        for name in mine:
            assert theirs[name] == pytest.approx(mine[name], rel=TOLERANCE), name
    assert one[0]["gradient_norm"] > 0.5  # so that clipping had something to do
    optimizers = [
        np.concatenate([value.ravel() for value in Snapshot.of(model).optimizer])
        for model, _ in (load_checkpoint(runs[name] / "checkpoints/last.keras") for name in ("one", "two"))
    ]
    assert np.linalg.norm(optimizers[0] - optimizers[1]) < 1e-4 * np.linalg.norm(optimizers[0])


def test_only_the_first_worker_writes_and_reports(runs):
    files = [{path.relative_to(runs[name]) for path in runs[name].rglob("*")} for name in ("one", "two")]
    assert files[0] == files[1]
    assert {path.name for path in runs["one"].parent.iterdir()} == {"one", "two", "killed"}
    assert [list(place.iterdir()) for place in runs["places"]] == [[], []]
    (_, chief, chief_log), (_, other, other_log) = runs["resumed_output"]
    assert "best epoch" in chief
    assert "train killed: 6/6 epochs" in chief_log
    assert (other, other_log) == ("", "")


def test_a_killed_worker_ends_the_others_with_one_line(runs):
    (status, _, log), (killed, _, other_log) = runs["killed_output"]
    assert killed == -signal.SIGKILL
    assert status == 2
    addresses = runs["addresses"]
    lines = log.partition("two has ended\n")[2].splitlines()
    errors = [line.removeprefix("signport: error: ") for line in lines if line.startswith("signport: error: ")]
    resume = f"`signport train --resume {runs['resumed']}` on every worker"
    lost = f"worker 0 ({addresses[0]}): worker 1 ({addresses[1]}) is gone"
    assert errors == [f"{lost}; go on at the last checkpoint: {resume}"]
    assert "Traceback" not in log
    assert other_log.partition("two has ended\n")[2] == ""


def test_a_resumed_pair_ends_as_the_undisturbed_one(runs):
    assert runs["epoch"] == 2
    assert [status for status, _, _ in runs["resumed_output"]] == [0, 0]
    for name in ("model.keras", "history.csv", "history.json", "checkpoints/last.keras", "checkpoints/best.keras"):
        assert (runs["resumed"] / name).read_bytes() == (runs["two"] / name).read_bytes(), name


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirrored")
    arguments = [sys.executable, "-c", MIRRORED, str(folder)]
    ended = subprocess.run(arguments, env=_environment(), capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize("family", ["mlp", "lstm"])
def test_two_replicas_in_one_process_train_as_one_does(mirrored, family):
    found = mirrored[family]
    assert found["columns"][0] == found["columns"][1]
    assert found["history"] < TOLERANCE
    assert found["optimizer"] < 1e-4
    assert found["config"]


def test_replicas_drop_out_different_units_and_the_same_ones_each_time(mirrored):
    assert mirrored["dropout"]["same"]
    assert mirrored["dropout"]["learns"]
    assert all(first != second for first, second in mirrored["dropout"]["seeds"])
