"""A capture on a real Dask cluster whose workers, scheduler and driver are killed for real."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.datasets import fake_capture
from tests.datasets.fake_capture import capture_items, write_items
from tests.drawn_hands import hand_folder
from tests.free_port import free_port

from signport.child_process import child_environment
from signport.datasets import capture_connection
from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError

distributed = pytest.importorskip("distributed", reason='needs `pip install "signport[cluster]"`')

ENVIRONMENT = child_environment()


@pytest.fixture(scope="module")
def cluster():
    import dask

    # A task is put aside after two deaths, not four: workers take their time to start again.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """60 files of .02 seconds each, of which one holds nothing and one kills the detector."""
    folder = tmp_path_factory.mktemp("items")
    return write_items(folder, 60, seconds=0.02, special={7: "none", 20: "kill detector"})


@pytest.fixture(scope="module")
def undisturbed(items, tmp_path_factory):
    """What one process of this machine makes of them."""
    path = tmp_path_factory.mktemp("undisturbed") / "items.parquet"
    capture_items(items, path)
    return path.read_bytes()


def _when_begun(output: Path, act, parts: int = 3) -> threading.Thread:
    """Acts as soon as a capture has finished some parts."""

    def wait():
        end = time.monotonic() + 120
        while len(list(output.with_name(output.name + ".partial").glob("part-*"))) < parts:
            assert time.monotonic() < end, f"{output}: no {parts} parts in two minutes"
            time.sleep(0.01)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def _kill(process) -> None:
    os.kill(process.pid, signal.SIGKILL)


def test_a_cluster_makes_the_same_bytes_though_a_worker_is_killed(cluster, items, undisturbed, tmp_path, capsys):
    output = tmp_path / "items.parquet"
    nanny = next(iter(cluster.workers.values()))
    pid = nanny.pid
    killer = _when_begun(output, lambda: _kill(nanny))
    cache = capture_items(items, output, cluster=cluster.scheduler_address)
    killer.join()
    assert not Path(f"/proc/{pid}").exists()
    assert output.read_bytes() == undisturbed
    assert len(cache) == 58
    assert "60/60 items" in capsys.readouterr().err
    assert not (tmp_path / "items.parquet.partial").exists()


def test_a_file_that_kills_workers_is_listed_and_nothing_else_is_lost(cluster, tmp_path, capsys):
    folder = write_items(tmp_path / "items", 12, special={5: "kill worker", 8: "none"})
    cache = capture_items(folder, tmp_path / "o.parquet", cluster=cluster.scheduler_address)
    assert [(entry.source, entry.reason) for entry in cache.header.skipped] == [
        ("a/0008.txt", "nothing"),
        ("b/0005.txt", "killed the worker"),
    ]
    assert cache.landmarks[:, 0, 0].tolist() == [0, 2, 4, 6, 10, 1, 3, 7, 9, 11]
    assert "b/0005.txt: Dask's workers died of this file; passed over" in capsys.readouterr().err


def test_a_driver_that_is_killed_goes_on_from_the_parts_that_exist(cluster, items, undisturbed, tmp_path):
    output = tmp_path / "items.parquet"
    code = (
        "import sys; from pathlib import Path; from tests.datasets.fake_capture import capture_items\n"
        "capture_items(*map(Path, sys.argv[1:3]), cluster=sys.argv[3])\n"
    )
    arguments = [sys.executable, "-c", code, str(items), str(output), cluster.scheduler_address]
    with subprocess.Popen(arguments, env=ENVIRONMENT) as driver:
        _when_begun(output, driver.kill).join()
    assert driver.returncode == -9
    assert not output.exists()
    parts = {path: path.stat().st_mtime_ns for path in tmp_path.glob("items.parquet.partial/part-*")}

    written_again = []

    def look_at_parts():
        written_again.extend(path for path, time_ns in parts.items() if path.stat().st_mtime_ns != time_ns)

    looker = _when_begun(output, look_at_parts, len(parts) + 1)
    capture_items(items, output, cluster=cluster.scheduler_address)
    looker.join()
    assert not written_again
    assert output.read_bytes() == undisturbed


def test_real_hands_are_the_same_from_a_cluster(cluster, tmp_path):
    from signport.datasets.image_folder import capture_images

    folder = hand_folder(tmp_path / "photos", images=5)
    (folder / "A/broken.png").write_bytes(b"no image")
    capture_images(folder, tmp_path / "local.parquet")
    cache = capture_images(folder, tmp_path / "cluster.parquet", cluster=cluster.scheduler_address)
    assert len(cache) == 10
    assert (tmp_path / "cluster.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()


def test_a_worker_that_sees_another_folder_is_told_in_one_line(cluster, items, tmp_path, monkeypatch):
    begin = fake_capture.capture_files.__globals__["CaptureFolder"].begin

    def elsewhere(folder, **job):
        return begin(folder, **job) | {"folder": str(tmp_path / "local disk")}

    monkeypatch.setattr("signport.datasets.capture.CaptureFolder.begin", elsewhere)
    with pytest.raises(
        SignportError, match=r"worker on .*: does not see the capture's folder .*local disk; keep images"
    ):
        capture_items(items, tmp_path / "o.parquet", cluster=cluster.scheduler_address)
    assert not (tmp_path / "o.parquet.partial").exists()


def test_a_worker_with_other_versions_is_told_in_one_line(cluster, items, tmp_path, monkeypatch):
    monkeypatch.setattr("signport.datasets.capture.signport_version", lambda: "9.9")
    with pytest.raises(
        SignportError, match=r"worker on .*: signport is '.*', but '9\.9' where the capture was started"
    ):
        capture_items(items, tmp_path / "o.parquet", cluster=cluster.scheduler_address)
    monkeypatch.undo()
    versions = distributed.Client.get_versions

    def older(client):
        found = versions(client)
        found["scheduler"]["packages"]["distributed"] = "2020.1"
        return found

    monkeypatch.setattr("distributed.Client.get_versions", older)
    with pytest.raises(SignportError, match=r"distributed is 2020\.1 on the scheduler, but .* here; install the same"):
        capture_items(items, tmp_path / "o.parquet", cluster=cluster.scheduler_address)


def test_addresses_at_which_no_scheduler_answers_are_told_in_one_line(items, tmp_path, monkeypatch):
    monkeypatch.setattr(capture_connection, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for address, message in (
            (f"tcp://127.0.0.1:{free_port()}", "no Dask scheduler answers there .*; start one with `dask scheduler`"),
            (f"tcp://127.0.0.1:{silent.getsockname()[1]}", "what listens there is no scheduler"),
            (f"tls://127.0.0.1:{free_port()}", "TLS needs certificates; name them in Dask's configuration"),
            ("tcp://127.0.0.1", "give a scheduler's address, such as tcp://HOST:8786"),
            ("127.0.0.1:8786", r"cluster is '127\.0\.0\.1:8786'; give a scheduler's address"),
        ):
            with pytest.raises(SignportError, match=message) as raised:
                capture_items(items, tmp_path / "o.parquet", cluster=address)
            assert "\n" not in str(raised.value)


def test_without_dask_one_line_says_what_to_install(items, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SignportError, match=r'run `pip install "signport\[cluster\]"`'):
        capture_items(items, tmp_path / "o.parquet", cluster="tcp://127.0.0.1:8786")


class _Daemons:
    """A scheduler and a worker as processes that a test can kill and start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._running: list[subprocess.Popen] = []

    def start_scheduler(self) -> None:
        self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port))

    def start_worker(self, **environment: str) -> None:
        arguments = (self.address, "--nthreads", "2", "--no-nanny", "--local-directory", str(self._folder))
        self._start("worker", *arguments, **environment)

    def _start(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        log = (self._folder / "dask.log").open("ab")
        environment = {**ENVIRONMENT, **environment}
        self._running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        log.close()

    def kill(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        self._running.clear()


@pytest.fixture
def daemons(tmp_path):
    daemons = _Daemons(tmp_path)
    yield daemons
    daemons.kill()


def test_a_scheduler_that_is_killed_and_started_again_costs_nothing(daemons, items, undisturbed, tmp_path, capsys):
    def restart():
        daemons.kill()
        daemons.start_scheduler()
        daemons.start_worker()

    output = tmp_path / "items.parquet"
    daemons.start_scheduler()
    daemons.start_worker()
    restarter = _when_begun(output, restart)
    capture_items(items, output, cluster=daemons.address)
    restarter.join()
    assert output.read_bytes() == undisturbed
    printed = capsys.readouterr().err
    assert f"{daemons.address}: scheduler lost; trying again in 1 s" in printed
    assert f"{daemons.address}: connected again" in printed
    assert "Traceback" not in printed


def test_a_worker_without_signport_is_told_in_one_line(daemons, items, tmp_path):
    (tmp_path / "hidden/signport").mkdir(parents=True)
    (tmp_path / "hidden/signport/__init__.py").write_text("raise ModuleNotFoundError(name='signport')\n")
    daemons.start_scheduler()
    daemons.start_worker(PYTHONPATH=os.pathsep.join([str(tmp_path / "hidden"), ENVIRONMENT["PYTHONPATH"]]))
    with pytest.raises(SignportError, match="a worker lacks the module signport; install signport on every worker"):
        capture_items(items, tmp_path / "o.parquet", cluster=daemons.address)


def test_the_command_line_says_who_works(cluster, tmp_path):
    hand_folder(tmp_path / "photos", images=1, classes=("A",))
    done = subprocess.run(
        [sys.executable, "-c", "from signport.cli.main import main; main()", "capture", "images", "photos", "o.parquet",
         "--partitioned", "--cluster", cluster.scheduler_address],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1/1 images" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(LandmarkCache.read(tmp_path / "o.parquet")) == 1
    assert (tmp_path / "o.parquet").is_dir()
