import json

import pytest

from signport.errors import SignportError
from signport.training.cluster import Cluster, slurm_hosts

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
