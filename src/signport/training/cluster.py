"""The worker processes of one training: who they are, and their meeting before TensorFlow connects them.

TensorFlow waits for an hour for a worker that never comes up, and says nothing of it. So the workers meet first, over
plain TCP on the chief's own address: whoever is missing after a bounded time is named. The connections stay open until
the chief has finished: by them the others learn which run it has begun, and when its files are written.
"""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from signport.errors import SignportError

# Seconds that the workers wait for one another; nodes of a queue start minutes apart.
_WAIT = 300.0
_WAIT_VARIABLE = "SIGNPORT_WORKER_WAIT"
# Seconds that the chief waits for the others' processes to end after it has finished.
_FAREWELL = 20.0
# SLURM jobs that share a node must not share ports: they start here, by the job's number, below Linux's ephemeral ones.
_FIRST_PORT, _PORT_STEP, _PORT_SLOTS = 20_000, 16, 750
# A part of a SLURM node list: a prefix and, in brackets, numbers and ranges of them.
_NODES = re.compile(r"([^\[\],]+)(?:\[([\d,-]+)\])?(?:,|$)")


@dataclass(frozen=True)
class Cluster:
    """The workers of a training and which of them this process is.

    Attributes:
        addresses: `host:port` of each, the chief's first.
        index: This one's.
    """

    addresses: tuple[str, ...]
    index: int

    def __post_init__(self) -> None:
        for address in self.addresses:
            host, colon, port = address.rpartition(":")
            if not host or not colon or not port.isdigit():
                raise SignportError(f"worker address {address!r}; expected host:port")
        if not 0 <= self.index < len(self.addresses):
            raise SignportError(f"worker {self.index}: the cluster has {len(self.addresses)} workers, from 0")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Reads `TF_CONFIG`, or what `srun` sets for each task of a step.

        Raises:
            SignportError: Neither is there, or it can't be read; the message names the variable.
        """
        if text := environment.get("TF_CONFIG"):
            return cls._from_tf_config(text)
        if "SLURM_STEP_NODELIST" in environment:
            return cls._from_slurm(environment)
        raise SignportError(
            "training.strategy: multi_worker; neither TF_CONFIG nor a SLURM step says who the workers are; start "
            "signport with srun, one task a node, or set TF_CONFIG for each worker"
        )

    @classmethod
    def _from_tf_config(cls, text: str) -> Self:
        try:
            config = json.loads(text)
            jobs, task = config["cluster"], config["task"]
            kind, index = task["type"], int(task["index"])
            chiefs, workers = list(jobs.get("chief", [])), list(jobs.get("worker", []))
            place = {"chief": 0, "worker": len(chiefs)}[kind] + index
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SignportError(
                f"TF_CONFIG: {text[:200]!r} ({type(error).__name__}: {error}); expected "
                '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}'
            ) from error
        return cls((*chiefs, *workers), place)

    @classmethod
    def _from_slurm(cls, environment: Mapping[str, str]) -> Self:
        """SLURM numbers the tasks of a step node by node, unless `--distribution` says otherwise."""

        def value(name: str) -> str:
            if name not in environment:
                raise SignportError(f"{name} is not set; start signport with srun, one task a node")
            return environment[name]

        hosts = slurm_hosts(value("SLURM_STEP_NODELIST"))
        counts = _slurm_counts(value("SLURM_STEP_TASKS_PER_NODE"))
        tasks = [host for host, count in zip(hosts, counts, strict=False) for _ in range(count)]
        try:
            index, job = int(value("SLURM_PROCID")), int(environment.get("SLURM_JOB_ID", "0"))
        except ValueError as error:
            raise SignportError(
                f"SLURM_PROCID or SLURM_JOB_ID is no number ({error}); start signport with srun"
            ) from None
        first = _FIRST_PORT + job % _PORT_SLOTS * _PORT_STEP
        return cls(tuple(f"{host}:{first + task}" for task, host in enumerate(tasks)), index)

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.index == 0

    def name(self, index: int | None = None) -> str:
        """What messages call a worker, this one by default."""
        index = self.index if index is None else index
        return f"worker {index} ({self.addresses[index]})"


def slurm_hosts(nodes: str) -> list[str]:
    """The hosts of a SLURM node list.

    Raises:
        SignportError: It is not one.

    Example:
        >>> slurm_hosts("gpu[08-10,12],login1")
        ['gpu08', 'gpu09', 'gpu10', 'gpu12', 'login1']
    """
    hosts, end = [], 0
    for match in _NODES.finditer(nodes):
        if match.start() != end:
            break
        end = match.end()
        prefix, numbers = match.groups()
        for part in (numbers or "").split(","):
            first, _, last = part.partition("-")
            if not first:
                hosts.append(prefix)
            else:
                hosts += [f"{prefix}{number:0{len(first)}d}" for number in range(int(first), int(last or first) + 1)]
    if end != len(nodes) or not hosts:
        raise SignportError(f"SLURM_STEP_NODELIST: {nodes!r}; expected hosts such as node[01-04,07]")
    return hosts


def _slurm_counts(text: str) -> list[int]:
    """Tasks of each node: `2(x3),1` is 2, 2, 2, 1."""
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if match is None:
            raise SignportError(f"SLURM_STEP_TASKS_PER_NODE: {text!r}; expected counts such as 1(x2)")
        counts += [int(match[1])] * int(match[2] or 1)
    return counts


class Meeting:
    """Open connections between the chief and each other worker.

    Args:
        cluster: Who is to come.
        seconds: How long they are waited for; without it, `SIGNPORT_WORKER_WAIT` or 300.

    Raises:
        SignportError: Somebody did not come; the message names the address.
    """

    def __init__(self, cluster: Cluster, seconds: float | None = None):
        self.cluster = cluster
        self._told: dict[str, Any] | None = None
        wait = _seconds() if seconds is None else seconds
        self._links = self._gather(wait) if cluster.is_chief else {0: self._call(wait)}

    def agree(self, message: dict[str, Any] | None = None) -> dict[str, Any]:
        """The chief's message, for all: it gives it, the others wait for it; then it stands.

        Raises:
            SignportError: The chief has ended before it told.
        """
        if self._told is None:
            if self.cluster.is_chief:
                self._told = message or {}
                for link in self._links.values():
                    link.send(self._told)
            else:
                self._told = self._heard()
        return self._told

    @property
    def run(self) -> str:
        """The folder of the run that the chief has told of; empty before that."""
        return str((self._told or {}).get("run", ""))

    def finish(self) -> None:
        """The chief's files are written; the others wait until they are, and the chief until the others have ended.

        TensorFlow's coordinator lives in the chief's process: whoever ends after that one waits for it in vain.
        """
        if self.cluster.is_chief:
            for link in self._links.values():
                link.send({"finished": True})
            for link in self._links.values():
                link.wait(_FAREWELL)
                link.receive()
        else:
            self._heard()
            self._links[0].stay_open()

    def close(self) -> None:
        """Hangs up."""
        for link in self._links.values():
            link.close()

    def _heard(self) -> dict[str, Any]:
        heard = self._links[0].receive()
        if heard is None:
            raise SignportError(f"{self.cluster.name(0)} has ended; what it printed last says why")
        return heard

    def _gather(self, seconds: float) -> dict[int, "_Link"]:
        """The chief waits for a call of each of the others."""
        port = int(self.cluster.addresses[0].rpartition(":")[2])
        links: dict[int, _Link] = {}
        end = time.monotonic() + seconds
        try:
            server = socket.create_server(("", port))
        except OSError as error:
            raise SignportError(
                f"{self.cluster.addresses[0]}: cannot listen there ({os.strerror(error.errno or 0)}); give the workers "
                "free ports"
            ) from error
        with server:
            while missing := [task for task in range(1, len(self.cluster.addresses)) if task not in links]:
                server.settimeout(max(0.01, end - time.monotonic()))
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    names = ", ".join(map(self.cluster.name, missing))
                    for link in links.values():
                        link.send({"error": f"{names} did not come up"})
                        link.close()
                    raise SignportError(f"{names} did not come up within {seconds:.0f} s; start every worker") from None
                link = _Link(connection, min(5.0, seconds))
                caller = link.receive() or {}
                if caller.get("addresses") == list(self.cluster.addresses) and caller.get("index") in missing:
                    links[int(caller["index"])] = link
                else:
                    link.send({"error": "it means another cluster, or one of its workers was started twice"})
                    link.close()
        for link in links.values():
            link.send({"all": "there"})
            link.wait(None)
        return links

    def _call(self, seconds: float) -> "_Link":
        """The others call the chief until it answers."""
        host, _, port = self.cluster.addresses[0].rpartition(":")
        end = time.monotonic() + seconds
        problem = ""
        while (left := end - time.monotonic()) > 0:
            try:
                link = _Link(socket.create_connection((host, int(port)), timeout=min(left, 10.0)), left + 10.0)
            except OSError as error:
                problem = error.strerror or str(error)
                time.sleep(0.2)
                continue
            link.send({"addresses": list(self.cluster.addresses), "index": self.cluster.index})
            answer = link.receive()
            if answer and "error" in answer:
                raise SignportError(f"{self.cluster.name(0)} began no training: {answer['error']}")
            if answer:
                link.wait(None)
                return link
            link.close()
            problem = "it hung up"
            time.sleep(0.2)
        raise SignportError(
            f"{self.cluster.name(0)} did not come up within {seconds:.0f} s ({problem}); start every worker"
        )


class _Link:
    """A connection that carries JSON, a line a message."""

    def __init__(self, connection: socket.socket, seconds: float):
        self._connection = connection
        connection.settimeout(seconds)
        # A machine that loses its power says no goodbye: it is asked every 15 s from the first silent minute on.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        self._lines = connection.makefile("r", encoding="utf-8")

    def wait(self, seconds: float | None) -> None:
        """How long `receive` waits from now on; None for as long as it takes."""
        self._connection.settimeout(seconds)

    def stay_open(self) -> None:
        """Leaves it to the end of the process to hang up."""
        os.dup(self._connection.fileno())

    def send(self, message: dict[str, Any]) -> None:
        # Who has hung up needs no message; that it is gone shows in the training.
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next message; None if there is none to come."""
        try:
            message = json.loads(self._lines.readline(65_536))
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def close(self) -> None:
        self._lines.close()
        self._connection.close()


def _seconds() -> float:
    text = os.environ.get(_WAIT_VARIABLE, "")
    try:
        return float(text) if text else _WAIT
    except ValueError:
        raise SignportError(f"{_WAIT_VARIABLE}: {text!r}; expected seconds") from None
