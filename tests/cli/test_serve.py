import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from tests.parity.family_runs import family_run
from tests.run_cli import run_cli

from signport.child_process import child_environment


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return family_run(tmp_path_factory, "mlp")


def _start(run, folder, *options, **settings):
    environment = child_environment() | settings
    code = "import sys; from signport.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "serve", *([str(run)] if run else []), *options, "--port", "0"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _greeting(process):
    return process.stdout.readline().strip(), process.stdout.readline().strip()


def _healthy(url):
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{url}health") as answer:
                return answer.status == 200
        except urllib.error.HTTPError:
            time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_what_and_where_it_serves_and_ends_without_a_trace(run, tmp_path, number):
    # A model out of .env, an option out of the environment.
    (tmp_path / ".env").write_text(f"ASL_CLASSIFIER_PATH={run}\nASL_FORMAT=float16\n")
    process = _start(None, tmp_path, ASL_WORKERS="1", TMPDIR=str(tmp_path))
    try:
        model, address = _greeting(process)
        assert model == "mlp (float16, 4 classes, pictures of one hand), 1 worker"
        url, hint = address.split(maxsplit=1)
        assert hint == "(Ctrl-C ends it)"
        if number == signal.SIGTERM:
            assert _healthy(url)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert all('"GET /health HTTP/1.1"' in line for line in err.splitlines())
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_workers_end_when_the_service_is_killed(run, tmp_path):
    process = _start(run, tmp_path, "--workers", "1")
    try:
        url = _greeting(process)[1].split()[0]
        assert _healthy(url)
        (worker,) = psutil.Process(process.pid).children()
    finally:
        process.kill()
    process.communicate()
    _, alive = psutil.wait_procs([worker], timeout=10)
    assert not alive


def test_small_answers_are_not_held_back():
    """An accepted socket takes this over, and asyncio turns Nagle's algorithm off only where it reads TCP."""
    from signport.service.server import _listening

    with _listening("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_in_use_is_told_in_one_line(run, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_cli(monkeypatch, "serve", run, "--port", port) == 2
    assert capsys.readouterr().err == (
        f"signport: error: 127.0.0.1:{port}: cannot listen there (Address already in use); "
        "choose another --host or --port\n"
    )


def test_without_a_model_it_says_how_to_name_one(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASL_CLASSIFIER_PATH", raising=False)
    assert run_cli(monkeypatch, "serve") == 2
    assert "signport serve RUN" in capsys.readouterr().err
    assert run_cli(monkeypatch, "serve", tmp_path / "gone") == 2
    assert f"{tmp_path / 'gone'}: no such folder" in capsys.readouterr().err


def test_a_model_that_takes_no_landmarks_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    inputs = [{"name": "hand", "shape": [1, 21, 3]}, {"name": "handedness", "shape": [1, 1]}]
    card = {"inputs": inputs, "output": "embedding", "classes": []}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert run_cli(monkeypatch, "serve", tmp_path) == 2
    error = capsys.readouterr().err
    assert "this model turns hand, handedness into embedding; the service takes a model that turns landmarks" in error
    assert error.count("\n") == 1


def test_a_wrong_setting_is_told_in_one_line(run, monkeypatch, capsys):
    monkeypatch.setenv("ASL_MAX_PIXELS", "many")
    assert run_cli(monkeypatch, "serve", run) == 2
    assert capsys.readouterr().err.startswith("signport: error: ASL_MAX_PIXELS 'many': ")


@pytest.mark.parametrize("package", ["fastapi", "python_multipart"])
def test_what_is_not_installed_is_told_with_how_to_get_it(package, run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert run_cli(monkeypatch, "serve", run) == 2
    assert capsys.readouterr().err == (
        f'signport: error: {package} is not installed; run pip install "signport[serve]"\n'
    )


def test_help_loads_nothing_heavy():
    code = (
        "import sys\n"
        "from signport.cli.main import main\n"
        "sys.argv = ['signport', 'serve', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "print({'numpy', 'fastapi', 'pydantic_settings', 'uvicorn'} & set(sys.modules), file=sys.stderr)\n"
    )
    environment = child_environment()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr == "set()\n"
    assert "ASL_CLASSIFIER_PATH" in done.stdout
