"""adbd for a `Phone`: what listens where `adb connect` goes to, shakes hands, and hands out services."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests.parity.adb_device.phone import LOOPBACK, Phone
from tests.parity.adb_device.reverse import ReversePorts
from tests.parity.adb_device.shell import run_shell
from tests.parity.adb_device.sync import SyncService
from tests.parity.adb_device.wire import (
    MOST_PAYLOAD,
    VERSION,
    ConnectionGoneError,
    Packet,
    Stream,
    Transport,
    received_packet,
)

FEATURES = ("shell_v2", "cmd", "stat_v2")
_TOKEN, _PUBLIC_KEY = 1, 3
_TOLD = ("ro.product.name", "ro.product.model", "ro.product.device")


class AdbDaemon:
    """A phone on the network, on this machine's loopback; use it as a context manager.

    Args:
        phone: The phone.
        features: What it says that it can do; without `shell_v2` it is like a phone of 2015.
        trusts: Whether it lets every machine in. If not, it waits for its owner to allow this one, who never does.
    """

    def __init__(self, phone: Phone, features: tuple[str, ...] = FEATURES, *, trusts: bool = True) -> None:
        self.phone, self._features, self._trusts = phone, features, trusts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: set[Transport] = set()
        self._reverses: set[ReversePorts] = set()
        self._services = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def serial(self) -> str:
        """What adb calls it."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}" if self._listener.fileno() >= 0 else self._serial

    def __enter__(self) -> Self:
        self._serial = self.serial
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.vanish()
        self.phone.close_browsers()

    def vanish(self) -> None:
        """The plug is pulled, for good."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.blink()

    def blink(self) -> None:
        """The plug is pulled and put in again."""
        for transport in list(self._transports):
            transport.cut()

    def reversed_ports(self) -> list[str]:
        """Ports of the phone that lead to the machine, such as `tcp:5000`."""
        return [name for ports in self._reverses for name in ports.names()]

    def wait_for_services(self, seconds: float = 10.0) -> bool:
        """Waits until no service runs any more; whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._services, seconds)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            transport = Transport(connection, lambda stream, service: self._open(stream, service, ports))
            ports = ReversePorts(transport, LOOPBACK)
            self._transports.add(transport)
            self._reverses.add(ports)
            try:
                if self._shake_hands(connection, transport):
                    transport.run()
            except ConnectionGoneError:
                pass
            finally:
                ports.close()
                self._transports.discard(transport)
                self._reverses.discard(ports)

    def _shake_hands(self, connection: socket.socket, transport: Transport) -> bool:
        greeting = received_packet(connection)
        if greeting.command != b"CNXN":
            return False
        if not self._trusts:
            transport.send(Packet(b"AUTH", _TOKEN, 0, bytes(20)))
            while received_packet(connection).first != _PUBLIC_KEY:
                transport.send(Packet(b"AUTH", _TOKEN, 0, bytes(20)))
            received_packet(connection)  # its owner looks at the question, and away again
            return False
        about = "".join(f"{name}={self.phone.properties.get(name, '')};" for name in _TOLD)
        banner = f"device::{about}features={','.join(self._features)}"
        transport.send(Packet(b"CNXN", VERSION, MOST_PAYLOAD, banner.encode()))
        transport.most_payload = min(greeting.second, MOST_PAYLOAD)
        return True

    def _open(self, stream: Stream, service: str, ports: ReversePorts) -> None:
        with self._changed:
            self._services += 1
        try:
            self._run_service(stream, service, ports)
        except ConnectionGoneError:
            pass
        finally:
            stream.close()
            with self._changed:
                self._services -= 1
                self._changed.notify_all()

    def _run_service(self, stream: Stream, service: str, ports: ReversePorts) -> None:
        phone = self.phone
        if not service.startswith(("shell:", "shell,", "exec:", "sync:", "reverse:")):
            return
        stream.accept()
        if service.startswith("sync:"):
            SyncService(stream, phone.located, phone.on_piece, phone.garbled).run()
        elif service.startswith("reverse:"):
            stream.write(ports.answer(service.removeprefix("reverse:")))
        else:
            run_shell(stream, service, phone.start)
