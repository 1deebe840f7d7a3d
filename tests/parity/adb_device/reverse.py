"""adb's reverse service: ports of the device whose connections go on to the machine that adb runs on."""

import contextlib
import socket
import threading

from tests.parity.adb_device.wire import ConnectionGoneError, Stream, Transport

_PIECE = 1 << 16


class ReversePorts:
    """The ports of one transport.

    Args:
        transport: Leads to the adb server.
        host: The device's loopback address. It is another than this machine's: both must have the same port at once.
    """

    def __init__(self, transport: Transport, host: str) -> None:
        self._transport, self._host = transport, host
        self._listeners: dict[str, tuple[socket.socket, str]] = {}

    def answer(self, request: str) -> bytes:
        """Answers what comes behind `reverse:`."""
        verb, _, rest = request.partition(":")
        if verb == "forward":
            return self._forward(rest)
        if verb == "killforward":
            return b"OKAY" if self._kill(rest) else _failure(f"listener '{rest}' not found")
        if verb == "killforward-all":
            self.close()
            return b"OKAY"
        if verb == "list-forward":
            lines = "".join(f"(reverse) {local} {remote}\n" for local, (_, remote) in self._listeners.items())
            return _told(lines)  # the one answer without a status
        return _failure(f"unknown request {request!r}")

    def names(self) -> list[str]:
        return list(self._listeners)

    def close(self) -> None:
        for name in list(self._listeners):
            self._kill(name)

    def _forward(self, request: str) -> bytes:
        rebind = not request.startswith("norebind:")
        local, _, remote = request.removeprefix("norebind:").partition(";")
        if local in self._listeners:
            if not rebind:
                return _failure("cannot rebind existing socket")
            self._kill(local)
        wanted = int(local.removeprefix("tcp:"))
        try:
            listener = socket.create_server((self._host, wanted))
        except OSError as error:
            return _failure(f"cannot bind listener: {error.strerror}")
        port = listener.getsockname()[1]
        self._listeners[f"tcp:{port}"] = (listener, remote)
        threading.Thread(target=self._accept, args=(listener, remote), daemon=True).start()
        return b"OKAY" + (b"" if wanted else _told(str(port)))

    def _kill(self, name: str) -> bool:
        listener, _ = self._listeners.pop(name, (None, ""))
        if listener is None:
            return False
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # a thread that waits in accept() holds the port else
        listener.close()
        return True

    def _accept(self, listener: socket.socket, remote: str) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, remote), daemon=True).start()

    def _serve(self, connection: socket.socket, remote: str) -> None:
        with connection:
            try:
                stream = self._transport.open(remote)
            except ConnectionGoneError:
                return
            threading.Thread(target=_from_stream, args=(stream, connection), daemon=True).start()
            with contextlib.suppress(ConnectionGoneError, OSError):
                while content := connection.recv(_PIECE):
                    stream.write(content)
            stream.close()


def _from_stream(stream: Stream, connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(stream.some())
    except (ConnectionGoneError, OSError):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _told(text: str) -> bytes:
    return f"{len(text.encode()):04x}".encode() + text.encode()


def _failure(reason: str) -> bytes:
    return b"FAIL" + _told(reason)
