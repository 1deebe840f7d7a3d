"""The SLURM script, under a stand-in `srun` that only executes, and a `scontrol` that only notes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.training.conftest import QUICK, made_up_cache

SCRIPT = Path(__file__).parents[2] / "tools/slurm/train.sbatch"
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do echo "srun $1" >>"$STAND_INS/calls"; shift; done
exec "$@"
"""
SCONTROL = """#!/usr/bin/env bash
[[ $1 == show ]] && exec echo "   Command=$ORIGINAL"
echo "scontrol $*" >>"$STAND_INS/calls"
"""
# Notes how it was called.
SIGNPORT = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$STAND_INS/arguments"
env -0 >"$STAND_INS/environment"
${BEHAVIOUR:-exit 0}
"""


@pytest.fixture
def cluster(tmp_path):
    """A folder of submission and stand-ins; SLURM's variables as it sets them."""
    stand_ins, home, work = tmp_path / "bin", tmp_path / "my signport", tmp_path / "my work"
    for folder in (stand_ins, home / ".venv/bin", home / "tools/slurm", work):
        folder.mkdir(parents=True)
    for path, text in (
        (stand_ins / "srun", SRUN),
        (stand_ins / "scontrol", SCONTROL),
        (home / ".venv/bin/signport", SIGNPORT),
    ):
        path.write_text(text)
        path.chmod(0o755)
    spool = tmp_path / "spool/job7/slurm_script"
    spool.parent.mkdir(parents=True)
    shutil.copy(SCRIPT, spool)
    return Cluster(stand_ins, home, work, spool)


class Cluster:
    def __init__(self, stand_ins, home, work, spool):
        self.stand_ins, self.home, self.work, self.spool = stand_ins, home, work, spool

    @property
    def log(self):
        return (self.work / "logs/gesture_training_7.out").read_text()

    def note(self, name):
        return (self.stand_ins / name).read_text().splitlines()

    def environment(self):
        return dict(pair.split("=", 1) for pair in (self.stand_ins / "environment").read_text().split("\0") if pair)

    def start(self, *arguments, **variables):
        environment = {
            "PATH": f"{self.stand_ins}:/usr/bin:/bin",
            "HOME": str(self.work),
            "STAND_INS": str(self.stand_ins),
            "SIGNPORT_HOME": str(self.home),
            "SLURM_JOB_ID": "7",
            "SLURM_SUBMIT_DIR": str(self.work),
            "SLURM_CPUS_PER_TASK": "30",
            "SLURM_JOB_NUM_NODES": "1",
            **variables,
        }
        given = {name: value for name, value in environment.items() if value is not None}
        return subprocess.Popen([self.spool, *map(str, arguments)], env=given, cwd="/")

    def run(self, *arguments, **variables):
        return self.start(*arguments, **variables).wait(120)


def test_shellcheck_finds_nothing():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (make setup-targets)")
    checked = subprocess.run(["shellcheck", SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_it_asks_for_what_the_training_needs():
    asked = [line.removeprefix("#SBATCH ") for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH ")]
    assert {"--gpus-per-node=1", "--cpus-per-task=30", "--mem=32G", "--time=24:00:00", "--requeue"} <= set(asked)
    assert not any("$" in option for option in asked)  # SLURM would take it literally


def test_what_follows_the_script_goes_to_the_training(cluster):
    assert cluster.run("-c", "my recipe.yaml", "--set", "training.epochs=3") == 0
    assert cluster.note("arguments") == [
        *["train", "-c", "my recipe.yaml", "--set", "training.epochs=3"],
        *["--run-id", "gesture_training_7", "--restarted"],
    ]
    assert {"srun --ntasks-per-node=1", "srun --cpus-per-task=30"} < set(cluster.note("calls"))
    assert cluster.environment()["PWD"] == str(cluster.work)
    assert "train.sbatch: job 7, start 1" in cluster.log


def test_a_run_that_is_named_keeps_its_name(cluster):
    cluster.run("-c", "r.yaml", "--run-id=night")
    assert cluster.note("arguments") == ["train", "-c", "r.yaml", "--run-id=night", "--restarted"]
    cluster.run("--resume", "runs/night")
    assert cluster.note("arguments") == ["train", "--resume", "runs/night"]


def test_more_nodes_train_together(cluster):
    cluster.run("-c", "r.yaml", SLURM_JOB_NUM_NODES="2")
    assert cluster.note("arguments")[-2:] == ["--strategy", "multi_worker"]
    cluster.run("-c", "r.yaml", "--strategy", "mirrored", SLURM_JOB_NUM_NODES="2")
    assert cluster.note("arguments").count("--strategy") == 1


def test_env_files_are_read_not_run(cluster):
    (cluster.work / ".env").write_text(
        '# a comment\n\nPLAIN=a b  # and a remark\nexport QUOTED="it\'s $HOME #1"\nSINGLE=\'say "hi"\'\r\n'
        "COMMAND=$(touch pwned) `touch pwned`; touch pwned\nEMPTY=\nMINE=file\nno assignment\nLAST=end"
    )
    (cluster.home / ".env").write_text("PLAIN=other\nTHERE=at home\n")
    assert cluster.run("-c", "r.yaml", MINE="set before") == 0
    seen = cluster.environment()
    assert {name: seen[name] for name in ("PLAIN", "QUOTED", "SINGLE", "EMPTY", "MINE", "LAST", "THERE")} == {
        "PLAIN": "a b",
        "QUOTED": "it's $HOME #1",
        "SINGLE": 'say "hi"',
        "EMPTY": "",
        "MINE": "set before",
        "LAST": "end",
        "THERE": "at home",
    }
    assert seen["COMMAND"] == "$(touch pwned) `touch pwned`; touch pwned"
    assert not list(cluster.work.rglob("pwned"))


def test_signport_is_found_by_the_submitted_script_or_the_folder_of_submission(cluster):
    spaceless = cluster.home.with_name("home")
    cluster.home.rename(spaceless)
    assert cluster.run("-c", "r.yaml", SIGNPORT_HOME=None, ORIGINAL=str(spaceless / "tools/slurm/train.sbatch")) == 0
    (cluster.stand_ins / "scontrol").unlink()
    below = spaceless / "a/b"
    below.mkdir(parents=True)
    assert cluster.run("-c", "r.yaml", SIGNPORT_HOME=None, SLURM_SUBMIT_DIR=str(below)) == 0
    assert (below / "logs/gesture_training_7.out").is_file()


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ([], {}, "no recipe; for example: sbatch tools/slurm/train.sbatch -c recipe.yaml"),
        (["-c", "r.yaml"], {"SIGNPORT_HOME": "/nowhere"}, "SIGNPORT_HOME=/nowhere: no .venv/bin/signport there"),
        (["-c", "r.yaml"], {"SIGNPORT_HOME": None, "ORIGINAL": "/x"}, "no signport found; activate its environment"),
    ],
)
def test_what_cannot_be_is_one_line_in_the_log(cluster, arguments, variables, message):
    assert cluster.run(*arguments, **variables) == 2
    assert [line for line in cluster.log.splitlines() if "error: " + message in line] == cluster.log.splitlines()


def test_a_training_that_fails_fails_the_job(cluster):
    assert cluster.run("-c", "r.yaml", BEHAVIOUR="exit 3") == 3


@pytest.mark.parametrize(("sent", "status", "calls"), [(signal.SIGUSR1, 0, ["requeue 7"]), (signal.SIGTERM, 143, [])])
def test_before_the_time_limit_the_job_requeues_itself(cluster, sent, status, calls):
    process = cluster.start("-c", "r.yaml", BEHAVIOUR="exec sleep 60")
    end = time.monotonic() + 60
    while not (cluster.stand_ins / "environment").exists() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(sent)
    assert process.wait(60) == status
    assert [line.removeprefix("scontrol ") for line in cluster.note("calls") if "scontrol" in line] == calls


def test_a_recipe_is_trained_and_a_restarted_job_goes_on(cluster):
    cache = made_up_cache(per_class=12).write(cluster.work / "hands.parquet")
    (cluster.home / ".venv/bin/signport").write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {[str(Path.cwd()), *sys.path[1:]]!r}\n"
        "from signport.training import fit_run\nfrom signport.cli.main import main\n"
        "mark, write = __import__('pathlib').Path('killed'), fit_run.Checkpoints.__call__\n"
        "def dies(self, moment):\n"
        "    write(self, moment)\n"
        "    if len(moment.history) == 3 and not mark.exists():\n"
        "        mark.touch()\n"
        "        __import__('os').kill(__import__('os').getpid(), 9)\n"
        "fit_run.Checkpoints.__call__ = dies\n"
        "main()\n"
    )
    (cluster.work / ".env").write_text("HANDS='hands.parquet'\n")
    (cluster.work / "recipe.yaml").write_text("family: mlp\ndata: {cache: $HANDS}\ndevice: cpu\n")
    settings = [part for change in QUICK for part in ("--set", change)]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    assert cluster.run("-c", "recipe.yaml", *settings, **quiet) == 128 + signal.SIGKILL
    assert cluster.run("-c", "recipe.yaml", *settings, SLURM_RESTART_COUNT="1", **quiet) == 0
    assert "train.sbatch: job 7, start 2" in cluster.log
    assert "train gesture_training_7: 6/6 epochs" in cluster.log
    record = json.loads((cluster.work / "runs/gesture_training_7/run.json").read_text())
    assert record["finished"]
    assert record["cache"]["sha256"] == cache.digest
    assert [path.name for path in (cluster.work / "logs").iterdir()] == ["gesture_training_7.out"]
