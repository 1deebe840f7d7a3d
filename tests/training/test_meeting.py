import socket
import threading

import pytest
from tests.free_port import free_addresses

from signport.errors import SignportError
from signport.training.cluster import Cluster
from signport.training.meeting import Meeting


def _together(*works):
    """Runs each in a thread of its own; returns what they return or raise."""
    results = [None] * len(works)

    def run(number, work):
        try:
            results[number] = work()
        except SignportError as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_workers_meet_and_the_others_learn_what_the_chief_does():
    addresses = free_addresses(3)

    def worker(index):
        meeting = Meeting(Cluster(addresses, index), 30)
        told = [meeting.agree({"run": "r"} if index == 0 else {}) for _ in range(2)]
        if index:
            meeting.finish()
        else:
            for link in meeting._links.values():
                link.send({"finished": True})
        meeting.close()
        return told

    assert _together(*(lambda index=index: worker(index) for index in (2, 0, 1))) == [[{"run": "r"}] * 2] * 3


def test_a_worker_that_does_not_come_up_is_named_by_those_that_did():
    addresses = free_addresses(3)
    chief, other = _together(*(lambda index=index: Meeting(Cluster(addresses, index), 2) for index in (0, 1)))
    assert str(chief) == f"worker 2 ({addresses[2]}) did not come up within 2 s; start every worker"
    assert str(other) == f"worker 0 ({addresses[0]}) began no training: worker 2 ({addresses[2]}) did not come up"
    with pytest.raises(SignportError, match=rf"worker 0 \({addresses[0]}\) did not come up within 1 s"):
        Meeting(Cluster(addresses, 1), 1)


def test_a_worker_of_another_cluster_is_sent_away():
    addresses, (stranger, _) = free_addresses(), free_addresses()
    chief, other = _together(
        lambda: Meeting(Cluster(addresses, 0), 3), lambda: Meeting(Cluster((addresses[0], stranger), 1), 3)
    )
    assert "worker 1" in str(chief)
    assert "it means another cluster, or one of its workers was started twice" in str(other)


def test_a_chief_that_ends_early_is_named():
    addresses = free_addresses()

    def other():
        return Meeting(Cluster(addresses, 1), 30).agree({})

    _, error = _together(lambda: Meeting(Cluster(addresses, 0), 30).close(), other)
    assert str(error) == f"worker 0 ({addresses[0]}) has ended; what it printed last says why"


def test_a_taken_port_and_a_wrong_waiting_time_are_refused(monkeypatch):
    with socket.create_server(("", 0)) as server:
        taken = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SignportError, match=rf"{taken}: cannot listen there \(Address already in use\)"):
            Meeting(Cluster((taken, "b:2"), 0), 1)
    monkeypatch.setenv("SIGNPORT_WORKER_WAIT", "long")
    with pytest.raises(SignportError, match="SIGNPORT_WORKER_WAIT: 'long'; expected seconds"):
        Meeting(Cluster(("a:1", "b:2"), 0))
