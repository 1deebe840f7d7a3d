import threading
import time

import pytest
from tests.service.serving import hand_picture, running, wait_for


@pytest.fixture(scope="module")
def served(hand_run):
    with running(hand_run, queue_length=1, request_timeout=1.5) as served:
        yield served


@pytest.fixture(autouse=True)
def healthy(served):
    served.wait_until_healthy()


class _Asking:
    """A request that goes on while the test does something else."""

    def __init__(self, served):
        self._thread = threading.Thread(target=self._ask, args=(served,))
        self._thread.start()

    def _ask(self, served):
        self._answer = served.post_picture(hand_picture())

    @property
    def answer(self):
        self._thread.join()
        return self._answer


def _restarts(served):
    text = served.client.get("/metrics").text
    return float(text.split("\nsignport_worker_restarts_total ")[1].split()[0])


def test_a_worker_that_is_killed_fails_one_request_and_no_other(served):
    (worker,) = served.workers
    before = _restarts(served)
    worker.suspend()
    asking = _Asking(served)
    wait_for(lambda: served.service.pool.busy == 1)
    worker.kill()
    assert asking.answer.status_code == 503
    assert asking.answer.headers["retry-after"] == "1"
    served.wait_until_healthy()
    assert served.post_picture(hand_picture()).status_code == 200
    assert served.workers != [worker]
    assert _restarts(served) == before + 1


def test_a_worker_that_takes_too_long_is_replaced(served):
    (worker,) = served.workers
    worker.suspend()
    answer = served.post_picture(hand_picture())
    assert (answer.status_code, answer.json()) == (504, {"detail": "no answer within 1.5 s"})
    served.wait_until_healthy()
    assert not worker.is_running() or worker.status() == "zombie"
    assert served.post_picture(hand_picture()).status_code == 200


def test_when_all_places_are_taken_the_next_is_told_to_come_again(served):
    (worker,) = served.workers
    worker.suspend()
    asking = [_Asking(served), _Asking(served)]
    wait_for(lambda: served.service.pool.waiting == 1)
    answer = served.post_picture(hand_picture())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "signport_queue_length 1.0" in served.client.get("/metrics").text
    # What needs no worker is answered all the same.
    landmarks = {"landmarks": [[0.5, 0.5, 0.0]] * 21}
    assert served.client.post("/api/v1/asl/recognitions/landmarks", json=landmarks).status_code == 200
    worker.resume()
    assert [one.answer.status_code for one in asking] == [200, 200]


def test_health_is_bad_while_no_worker_answers(served, monkeypatch):
    monkeypatch.setattr("signport.service.worker_pool._TRUSTED_S", 0.0)
    monkeypatch.setattr("signport.service.worker_pool._PING_S", 0.2)
    (worker,) = served.workers
    worker.suspend()
    answer = served.client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})
    served.wait_until_healthy()


def test_a_slow_upload_ends_with_its_time(served):
    def slowly():
        yield b"--x\r\n"
        time.sleep(2)
        yield b"--x--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = served.client.post("/api/v1/asl/recognitions", content=slowly(), headers=kind)
    assert answer.status_code == 504


def test_workers_end_with_the_service(hand_run):
    with running(hand_run, workers=2) as served:
        served.wait_until_healthy()
        workers = served.workers
        assert workers
    assert not any(worker.is_running() and worker.status() != "zombie" for worker in workers)
