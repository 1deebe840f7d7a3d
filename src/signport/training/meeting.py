"""The meeting of a training's workers before TensorFlow connects them.

TensorFlow waits for an hour for a worker that never comes up, and says nothing of it. So the workers meet first, over
plain TCP on the chief's own address: whoever is missing after a bounded time is named. The connections stay open until
the chief has finished: by them the others learn which run it has begun, and when its files are written.
"""

import contextlib
import json
import os
import socket
import time
from typing import Any

from signport.errors import SignportError
from signport.training.cluster import Cluster

# Seconds that the workers wait for one another; nodes of a queue start minutes apart.
_WAIT = 300.0
_WAIT_VARIABLE = "SIGNPORT_WORKER_WAIT"
# Seconds that the chief waits for the others' processes to end after it has finished.
_FAREWELL = 20.0


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
