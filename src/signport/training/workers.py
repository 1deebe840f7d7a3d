"""Where a recipe's strategy trains: in this process alone, on its devices, or with the workers of other machines."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from signport.errors import SignportError
from signport.landmarks.mediapipe_runtime import quiet_native_log
from signport.training.cluster import Cluster
from signport.training.devices import on_device, require_gpu
from signport.training.meeting import Meeting

# How TensorFlow's messages name a worker that is gone.
_TASK = re.compile(r"/task:(\d+)")


@dataclass(frozen=True)
class Workers:
    """The processes and devices of one training.

    Attributes:
        strategy: Of `tf.distribute`; None trains on one device.
        meeting: With the other processes; None if there are none.
    """

    strategy: tf.distribute.Strategy | None = None
    meeting: Meeting | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run."""
        return self.meeting is None or self.meeting.cluster.is_chief

    def scope(self) -> AbstractContextManager[Any]:
        """Where a model has to be made that is trained here."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    def device(self, device: str) -> AbstractContextManager[Any]:
        """Where everything runs that is not shared out."""
        return on_device(device) if self.strategy is None else nullcontext()

    def agree(self, message: dict[str, Any]) -> dict[str, Any]:
        """The chief's message, for all processes."""
        return message if self.meeting is None else self.meeting.agree(message)

    def finish(self) -> None:
        """The chief has written its files; the others wait for that."""
        if self.meeting is not None:
            self.meeting.finish()


@contextmanager
def workers_of(strategy: str, device: str) -> Iterator[Workers]:
    """Connects the workers that a strategy trains on.

    Args:
        strategy: `single`; `mirrored`, all devices of this process; `multi_worker`, all devices of all processes that
            `TF_CONFIG` or SLURM names. For the last, nothing may have been computed with TensorFlow before.
        device: `cpu`, `gpu`, or `auto` for GPUs where there are any.

    Raises:
        SignportError: Nobody says who the workers are, one did not come up, or one was lost; with several workers, the
            message begins with this one's name.
    """
    if strategy == "single":
        yield Workers()
    elif strategy == "mirrored":
        yield Workers(tf.distribute.MirroredStrategy(_devices(device)))
    else:
        cluster = Cluster.from_environment(os.environ)
        again = "start every worker again"
        try:
            meeting = Meeting(cluster)
            try:
                yield Workers(_connected(cluster, device), meeting)
            finally:
                if meeting.run:
                    again = f"go on at the last checkpoint: `signport train --resume {meeting.run}` on every worker"
                meeting.close()
        except SignportError as error:
            raise type(error)(f"{cluster.name()}: {error}") from error
        except tf.errors.OpError as error:
            raise SignportError(f"{cluster.name()}: {_loss(cluster, error)}; {again}") from error


def _devices(device: str) -> list[str]:
    """All GPUs, or all CPU devices: one, unless TensorFlow was told to see several."""
    require_gpu(device)
    gpus = [] if device == "cpu" else tf.config.list_logical_devices("GPU")
    return [one.name for one in gpus or tf.config.list_logical_devices("CPU")]


def _connected(cluster: Cluster, device: str) -> tf.distribute.Strategy:
    require_gpu(device)
    gpus = [] if device == "cpu" else tf.config.list_physical_devices("GPU")
    try:
        if not gpus:
            tf.config.set_visible_devices([], "GPU")
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
            task_type="worker",
            task_id=cluster.index,
            num_accelerators={"GPU": len(gpus)},
            rpc_layer="grpc",
        )
        with quiet_native_log():  # TensorFlow tells of its server and its coordinator
            return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise SignportError(
            f"training.strategy: multi_worker; TensorFlow was used in this process before ({error}); start each "
            "training in a process of its own"
        ) from error


def _loss(cluster: Cluster, error: tf.errors.OpError) -> str:
    """What people need to know of TensorFlow's message."""
    named = {int(task) for task in _TASK.findall(error.message)} - {cluster.index}
    if not isinstance(error, (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)):
        reason = " ".join(error.message.split())[:300]
        return f"TensorFlow gave up ({reason})"
    lost = ", ".join(cluster.name(task) for task in sorted(named) if task < len(cluster.addresses))
    return f"{lost or 'another worker'} is gone"
