import json
import socket
import threading

import pytest

from signport.errors import SignportError
from signport.training.cluster import Cluster, Meeting, slurm_hosts

SLURM = {
    "SLURM_STEP_NODELIST": "gpu[09-10],login1",
    "SLURM_STEP_TASKS_PER_NODE": "1(x3)",
    "SLURM_PROCID": "2",
    "SLURM_JOB_ID": "1503",
}


def _tf_config(workers, index=0, **more):
    return {
        "TF_CONFIG": json.dumps({"cluster": {"worker": workers, **more}, "task": {"type": "worker", "index": index}})
    }


def free_addresses(count=2):
    """Addresses on this machine that nobody listens at."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
    for server in servers:
        server.close()
    return addresses


def test_tf_config_says_who_the_workers_are():
    cluster = Cluster.from_environment({**SLURM, **_tf_config(["a:1", "b:2"], index=1)})
    assert cluster == Cluster(("a:1", "b:2"), 1)
    assert not cluster.is_chief
    assert cluster.name() == "worker 1 (b:2)"
    assert Cluster.from_environment(_tf_config(["b:2"], chief=["a:1"])) == Cluster(("a:1", "b:2"), 1)


def test_slurm_says_who_the_workers_are():
    hosts = ("gpu09", "gpu10", "login1")
    cluster = Cluster.from_environment(SLURM)
    assert cluster == Cluster(tuple(f"{host}:{20048 + task}" for task, host in enumerate(hosts)), 2)
    several = {**SLURM, "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)"}
    assert [one.partition(":")[0] for one in Cluster.from_environment(several).addresses] == ["gpu09", *hosts]
    assert Cluster.from_environment({**SLURM, "SLURM_JOB_ID": "1504"}).addresses[0] != cluster.addresses[0]


@pytest.mark.parametrize(
    ("nodes", "hosts"),
    [
        ("localhost", ["localhost"]),
        ("n[1-2],m5,o[3-4,6]", ["n1", "n2", "m5", "o3", "o4", "o6"]),
        ("rack-a-[099-101]", ["rack-a-099", "rack-a-100", "rack-a-101"]),
    ],
)
def test_slurm_node_lists(nodes, hosts):
    assert slurm_hosts(nodes) == hosts


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "neither TF_CONFIG nor a SLURM step says who the workers are; start signport with srun"),
        ({"TF_CONFIG": "{"}, r"TF_CONFIG: '\{' \(JSONDecodeError"),
        ({"TF_CONFIG": "[]"}, r"TF_CONFIG: '\[\]'"),
        ({"TF_CONFIG": '{"cluster": {}, "task": {"type": "ps", "index": 0}}'}, "TF_CONFIG: .*KeyError: 'ps'"),
        (_tf_config(["a:1"], index=1), "worker 1: the cluster has 1 workers"),
        (_tf_config(["a"]), "worker address 'a'; expected host:port"),
        ({**SLURM, "SLURM_STEP_NODELIST": "a[1-"}, r"SLURM_STEP_NODELIST: 'a\[1-'; expected hosts such as"),
        ({**SLURM, "SLURM_STEP_TASKS_PER_NODE": "many"}, "SLURM_STEP_TASKS_PER_NODE: 'many'"),
        ({key: value for key, value in SLURM.items() if key != "SLURM_PROCID"}, "SLURM_PROCID is not set"),
        ({**SLURM, "SLURM_PROCID": "x"}, "SLURM_PROCID or SLURM_JOB_ID is no number"),
    ],
)
def test_an_environment_that_names_no_workers_is_refused(environment, message):
    with pytest.raises(SignportError, match=message) as raised:
        Cluster.from_environment(environment)
    assert "\n" not in str(raised.value)


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
