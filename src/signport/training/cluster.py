"""The worker processes of one training: who they are, as `TF_CONFIG` or SLURM tells."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from signport.errors import SignportError

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
