"""The page's server: what it hands out, what it refuses, and what becomes of a page that goes away. No browser here."""

import base64
import http.client
import json
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import CLASSES, add_task, fresh_run

from signport.errors import SignportError
from signport.files import sha256_file
from signport.landmarks.asset_bundle import read_bundle
from signport.parity.answers import Options
from signport.parity.browser import page_http, page_server
from signport.parity.browser.page_answers import answers_of
from signport.parity.browser.page_server import PageServer, open_page, people_contents, run_page
from signport.parity.job import load_job

OPTIONS = Options(threads=(1, 3), repeats=7, warm_up=2, measure_s=0.5)
HELLO = {"kind": "hello", "device": {"browser": "Test 1.0", "model": ""}}
READY = {"kind": "variant", "status": "ran", "reason": "", "version": "2.5.3", "device": {"gpu": "a"}, "emulated": ""}


@pytest.fixture(autouse=True)
def page(tmp_path, monkeypatch):
    folder = tmp_path / "page"
    (folder / "wasm").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>the page")
    (folder / "wasm/runtime.wasm").write_bytes(b"\0asm")
    (tmp_path / "secret.txt").write_text("outside")
    monkeypatch.setattr(page_http, "PAGE_FOLDER", folder)
    return folder


@pytest.fixture
def job(tmp_path_factory, tmp_path):
    return load_job(fresh_run(tmp_path_factory, tmp_path))


def _ask(server, path, *, method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def _get(server, name):
    response, content = _ask(server, f"/{server.token}/{name}")
    assert response.status == 200, content
    return content


def _post(server, message):
    return _ask(server, f"/{server.token}/message", method="POST", body=json.dumps(message))[0].status


def _answer(job, variant, form, output=None):
    output = job.reference if output is None else output
    return {
        "kind": "answer",
        "variant": variant,
        "part": form,
        "status": "ran",
        "output": base64.b64encode(output.astype("<f4").tobytes()).decode(),
        "loadMs": 1.5,
        "timesUs": [1.0, 2.0, 3.0],
        "threads": 2,
        "sha256": "ab",
        "delegated": None,
    }


@contextmanager
def _line(server):
    """A page's open line."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", f"/{server.token}/alive")
    response = connection.getresponse()
    assert response.fp.readline() == b"\n"
    yield
    response.close()
    connection.close()


def test_a_page_gets_its_job_files_and_inputs_isolated_from_other_origins(job):
    with PageServer(job, OPTIONS, ("wasm", "webgpu")) as server:
        assert server.url == f"http://127.0.0.1:{server.port}/{server.token}/"
        response, content = _ask(server, f"/{server.token}/")
        assert content.startswith(b"<!doctype html>")
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "connect-src 'self'" in response.headers["Content-Security-Policy"]
        wasm, _ = _ask(server, f"/{server.token}/wasm/runtime.wasm")
        assert wasm.headers["Content-Type"] == "application/wasm"
        told = json.loads(_get(server, "job.json"))
        assert told["todo"] == [{"variant": name, "parts": list(job.files)} for name in ("wasm", "webgpu")]
        assert (told["threads"], told["repeats"], told["warmUp"], told["measureMs"]) == (3, 7, 2, 500)
        assert told["task"] is None
        (given,) = told["inputs"]
        values = np.frombuffer(_get(server, given["url"]), "<f4").reshape(given["shape"])
        np.testing.assert_array_equal(values, job.inputs[given["name"]])
        for form, url in told["files"].items():
            assert _get(server, url) == job.files[form].read_bytes()


def test_nothing_is_told_without_the_token_to_another_host_or_from_outside_the_page(job):
    with PageServer(job, OPTIONS, ("wasm",)) as server:
        for path in ("/", "/job.json", "/wrong/job.json", f"/{server.token}"):
            assert _ask(server, path)[0].status == 403
        rebound = _ask(server, f"/{server.token}/job.json", headers={"Host": f"evil.example:{server.port}"})[0]
        assert rebound.status == 403
        forwarded = _ask(server, f"/{server.token}/job.json", headers={"Host": "localhost:4711"})[0]
        assert forwarded.status == 200
        for name in ("../secret.txt", "%2e%2e/secret.txt", "wasm/../../secret.txt", "wasm", "//etc/passwd", "files/x"):
            assert _ask(server, f"/{server.token}/{name}")[0].status == 404
        assert server._server.server_address[0] == "127.0.0.1"


def test_uploads_have_a_limit_and_a_length(job, monkeypatch):
    monkeypatch.setattr(page_http, "_MOST_POSTED_BYTES", 10)
    with PageServer(job, OPTIONS, ("wasm",)) as server:
        path = f"/{server.token}/message"
        assert _ask(server, path, method="POST", body=b"x" * 11)[0].status == 413
        chunked = _ask(server, path, method="POST", body=iter([b"{}"]), headers={"Transfer-Encoding": "chunked"})[0]
        assert chunked.status == 411
        assert _ask(server, f"/{server.token}/elsewhere", method="POST", body=b"{}")[0].status == 400


def test_posted_results_become_answers(job):
    with PageServer(job, OPTIONS, ("wasm threads", "webgpu")) as server:
        messages = [HELLO, {**READY, "variant": "wasm threads"}]
        messages += [_answer(job, "wasm threads", form) for form in job.files]
        messages += [{"kind": "peak", "variant": "wasm threads", "bytes": 5_000_000}]
        emulated = {"device": {"gpu": "swiftshader"}, "emulated": "software"}
        messages += [{**READY, "variant": "webgpu", **emulated}]
        messages += [{**_answer(job, "webgpu", form), "delegated": 1} for form in job.files if form != "int8"]
        refused = {"status": "skipped", "reason": "the GPU does not take it", "sha256": "cd"}
        messages += [{"kind": "answer", "variant": "webgpu", "part": "int8", **refused}, {"kind": "end"}]
        assert {_post(server, message) for message in messages} == {200}
        results = server.wait(10)
    assert results.finished
    threads, gpu = answers_of(results, job, prefix="phone: ")
    assert (threads.runtime, threads.status, threads.version) == ("phone: litert-js wasm threads", "ran", "2.5.3")
    assert threads.device == {"browser": "Test 1.0", "gpu": "a"}
    assert threads.peak_memory_bytes == 5_000_000
    for answer in threads.files.values():
        np.testing.assert_array_equal(answer.output, job.reference)
        assert answer.output.dtype == np.float32
        assert (answer.latency[2].median_us, answer.latency[2].repeats) == (2, 3)
        assert (answer.load_ms, answer.sha256, answer.delegated) == (1.5, "ab", None)
    assert gpu.emulated == "software"
    assert gpu.files["float32"].delegated == 1
    assert gpu.files["float32"].latency == {}
    assert gpu.files["float32"].load_ms is None
    assert (gpu.files["int8"].status, gpu.files["int8"].reason) == ("skipped", "the GPU does not take it")


def test_a_page_that_goes_away_fails_its_part_and_the_next_one_goes_on_behind_it(job):
    with PageServer(job, OPTIONS, ("wasm",)) as server:
        with _line(server):
            for message in (HELLO, {"kind": "begin", "variant": "wasm", "part": ""}, {**READY, "variant": "wasm"}):
                _post(server, message)
            _post(server, _answer(job, "wasm", "float32"))
            _post(server, {"kind": "begin", "variant": "wasm", "part": "float16"})
            waiting = threading.Thread(target=server.wait, args=(60,))
            waiting.start()
        waiting.join(20)
        assert not waiting.is_alive()
        assert server.results.ended == "its tab was closed or crashed"
        assert json.loads(_get(server, "job.json"))["todo"] == [{"variant": "wasm", "parts": ["dynamic", "int8"]}]
        with _line(server):
            for message in (HELLO, *(_answer(job, "wasm", form) for form in ("dynamic", "int8")), {"kind": "end"}):
                _post(server, message)
            results = server.wait(60)
        (wasm,) = answers_of(results, job)
    states = {form: one.status for form, one in wasm.files.items()}
    assert states == {"float32": "ran", "float16": "failed", "dynamic": "ran", "int8": "ran"}
    assert "its tab was closed or crashed" in wasm.files["float16"].reason


def test_a_page_that_never_comes_to_life_is_not_opened_for_ever(job):
    opened = []

    @contextmanager
    def browse(url):
        opened.append(url)
        yield lambda: "no display"

    with PageServer(job, OPTIONS) as server:
        answers = answers_of(run_page(server, browse, 5), job)
    assert opened == [server.url]
    assert {one.status for one in answers} == {"failed"}
    assert all("no display" in one.reason for one in answers)


def test_a_page_that_falls_silent_or_talks_nonsense_ends_the_wait(job):
    with PageServer(job, OPTIONS, ("wasm",)) as server:
        assert "no word from the page for 0.3 s" in server.wait(0.3).ended
        _post(server, HELLO)
        assert _post(server, {"kind": "answer", "variant": "wasm", "part": "float64"}) == 400
        wrong = _answer(job, "wasm", "float32", output=np.zeros(7))
        waiting = threading.Thread(target=server.wait, args=(60,))
        waiting.start()
        time.sleep(0.1)
        assert _post(server, wrong) == 400
        waiting.join(20)
        assert "cannot be read (ValueError" in server.results.ended
        waiting = threading.Thread(target=server.wait, args=(60,))
        waiting.start()
        time.sleep(0.1)
        assert _post(server, {"kind": "stopped", "reason": "out of memory"}) == 200
        waiting.join(20)
        assert server.results.ended == "the page stopped: out of memory"


def test_a_task_is_asked_in_every_mode_and_its_own_scores_are_filled_in(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [drawn_hand(64)], [1])
    job = load_job(run)
    hand = {
        "image": 0,
        "found": True,
        "label": CLASSES[1],
        "score": 0.5,
        "landmarks": [[point / 21, point / 30, 0.0] for point in range(21)],
        "worldLandmarks": [[point / 100, 0.0, 0.0] for point in range(21)],
        "left": 0.9,
    }
    with PageServer(job, OPTIONS, ("tasks-vision",)) as server:
        told = json.loads(_get(server, "job.json"))
        assert _get(server, told["task"]["images"][0]) == job.task.images[0]
        (todo,) = told["todo"]
        _post(server, HELLO)
        _post(server, {**READY, "variant": "tasks-vision"})
        for mode in todo["parts"]:
            answer = {"status": "ran", "hands": [hand], "timesUs": [5.0], "sha256": sha256_file(job.task.path)}
            assert _post(server, {"kind": "mode", "variant": "tasks-vision", "part": mode, **answer}) == 200
        _post(server, {"kind": "end"})
        (answered,) = answers_of(server.wait(10), job)
    assert answered.task.modes == ("IMAGE", "VIDEO", "as it ships")
    assert [one.mode for one in answered.task.hands] == list(answered.task.modes)
    assert answered.task.labels == CLASSES
    assert answered.task.latency.median_us == 5
    assert sum(answered.task.hands[0].own) == pytest.approx(1, abs=1e-5)
    assert answered.task.sha256 == sha256_file(job.task.path)


def test_without_images_the_task_is_skipped(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [drawn_hand(64)], [1])
    job = load_job(run)
    job = replace(job, task=replace(job.task, images=(), labels=()))
    with PageServer(job, OPTIONS, ("tasks-vision",)) as server:
        assert server.results.todo() == []
        (answered,) = answers_of(server.results, job)
    assert (answered.status, answered.task.status) == ("skipped", "skipped")
    assert "no golden images" in answered.reason


def test_a_missing_page_and_a_taken_port_are_told(job, page):
    with PageServer(job, OPTIONS) as server, pytest.raises(SignportError, match="cannot listen"):
        PageServer(job, OPTIONS, port=server.port)
    (page / "index.html").unlink()
    with pytest.raises(SignportError, match="make browser-page"):
        PageServer(job, OPTIONS)


def test_the_page_for_people_has_the_run_and_opens_in_the_users_browser(job, monkeypatch, capsys):
    got = {}

    def open_browser(url):
        for name in ("job.json", "run/golden.npz", "hand_landmarker.task"):
            with urllib.request.urlopen(url + name) as response:
                got[name] = response.read()
        raise KeyboardInterrupt  # as Ctrl-C while the page is open

    monkeypatch.setattr(page_server.webbrowser, "open", open_browser)
    with pytest.raises(SignportError, match="give a run's folder"):
        people_contents(job.run / "export/nowhere")
    open_page(job.run)
    people = json.loads(got["job.json"])["people"]
    assert {"card.json", "golden.npz", "model_int8.tflite"} <= set(people["files"])
    assert people["handLandmarker"]
    assert got["run/golden.npz"] == (job.export / "golden.npz").read_bytes()
    assert "hand_detector.tflite" in read_bundle(got["hand_landmarker.task"])
    assert "http://127.0.0.1:" in capsys.readouterr().out
