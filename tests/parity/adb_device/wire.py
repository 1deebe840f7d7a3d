"""adb's transport protocol, the device's side: packets over TCP, and the streams that they carry.

After AOSP's packages/modules/adb/protocol.txt: a packet is a header of six little-endian words and a payload; a side
sends no second WRITE on a stream before the first has been answered with OKAY.
"""

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

VERSION = 0x01000001  # from here on, payloads carry no checksum
MOST_PAYLOAD = 1 << 18
_HEADER = struct.Struct("<4s5I")
_FIRST_PAYLOAD = 4096  # until both sides have told what they take


class ConnectionGoneError(Exception):
    """The other side is not there any more."""


@dataclass(frozen=True)
class Packet:
    """One packet.

    Attributes:
        command: CNXN, AUTH, OPEN, OKAY, WRTE or CLSE.
        first: Its first argument: a version, a kind of AUTH, or the sender's stream number.
        second: Its second argument: the largest payload, or the receiver's stream number.
        payload: What it carries.
    """

    command: bytes
    first: int
    second: int
    payload: bytes = b""

    def encoded(self) -> bytes:
        magic = int.from_bytes(self.command, "little") ^ 0xFFFFFFFF
        checksum = sum(self.payload) & 0xFFFFFFFF if self.command in (b"CNXN", b"AUTH") else 0
        words = (self.command, self.first, self.second, len(self.payload), checksum, magic)
        return _HEADER.pack(*words) + self.payload


def received_packet(connection: socket.socket) -> Packet:
    command, first, second, length, _, magic = _HEADER.unpack(_exactly(connection, _HEADER.size))
    if int.from_bytes(command, "little") ^ 0xFFFFFFFF != magic:
        raise ConnectionGoneError
    return Packet(command, first, second, _exactly(connection, length))


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        try:
            piece = connection.recv(count - len(found))
        except OSError as error:
            raise ConnectionGoneError from error
        if not piece:
            raise ConnectionGoneError
        found += piece
    return bytes(found)


class Stream:
    """A stream of bytes in both directions, one of many on a connection."""

    def __init__(self, transport: "Transport", number: int, remote: int) -> None:
        self._transport, self.number, self.remote = transport, number, remote
        self._arrived: queue.Queue[bytes | None] = queue.Queue()
        self._may_write = threading.Semaphore(1 if remote else 0)
        self._writing = threading.Lock()
        self._rest = b""
        self.closed = False

    def write(self, content: bytes) -> None:
        with self._writing:
            for start in range(0, len(content), self._transport.most_payload):
                self._may_write.acquire()
                if self.closed:
                    raise ConnectionGoneError
                piece = content[start : start + self._transport.most_payload]
                self._transport.send(Packet(b"WRTE", self.number, self.remote, piece))

    def some(self) -> bytes:
        """What has arrived next."""
        if self._rest:
            found, self._rest = self._rest, b""
            return found
        content = self._arrived.get()
        if content is None:
            self._arrived.put(None)
            raise ConnectionGoneError
        self._transport.send(Packet(b"OKAY", self.number, self.remote))
        return content

    def exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            found += self.some()
        if found:
            self._rest = bytes(found[count:])
        return bytes(found[:count])

    def taken(self, remote: int) -> None:
        """The other side has taken a packet, the very first maybe, and then tells its number."""
        self.remote = self.remote or remote
        self._may_write.release()

    def accept(self) -> None:
        """Tells the other side that its stream is open."""
        self._transport.send(Packet(b"OKAY", self.number, self.remote))

    def put(self, content: bytes) -> None:
        self._arrived.put(content)

    def wait_until_opened(self) -> None:
        self._may_write.acquire()
        self._may_write.release()
        if self.closed:
            raise ConnectionGoneError

    def close(self, *, tell: bool = True) -> None:
        if self.closed:
            return
        self.closed = True
        self._transport.forget(self)
        self._may_write.release()
        self._arrived.put(None)
        if tell:
            with contextlib.suppress(ConnectionGoneError):
                self._transport.send(Packet(b"CLSE", self.number, self.remote))


class Transport:
    """A connection from an adb server, after the handshake.

    Args:
        connection: The socket.
        open_service: Called on a thread of its own with each stream that the other side opens, and its service's name.
    """

    def __init__(self, connection: socket.socket, open_service: Callable[[Stream, str], None]) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection, self._open_service = connection, open_service
        self._sending, self._numbering = threading.Lock(), threading.Lock()
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self.most_payload = _FIRST_PAYLOAD

    def send(self, packet: Packet) -> None:
        with self._sending:
            try:
                self._connection.sendall(packet.encoded())
            except OSError as error:
                raise ConnectionGoneError from error

    def open(self, service: str) -> Stream:
        """Opens a stream to a service of the other side.

        Raises:
            ConnectionGoneError: It has no such service.
        """
        stream = self._new_stream(0)
        self.send(Packet(b"OPEN", stream.number, 0, service.encode() + b"\0"))
        stream.wait_until_opened()
        return stream

    def run(self) -> None:
        """Takes packets until the other side is gone."""
        try:
            while True:
                self._take(received_packet(self._connection))
        except ConnectionGoneError:
            pass
        finally:
            for stream in list(self._streams.values()):
                stream.close(tell=False)

    def cut(self) -> None:
        """Ends the connection as a pulled plug does."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def forget(self, stream: Stream) -> None:
        self._streams.pop(stream.number, None)

    def _new_stream(self, remote: int) -> Stream:
        with self._numbering:
            self._last += 1
            stream = Stream(self, self._last, remote)
            self._streams[stream.number] = stream
            return stream

    def _take(self, packet: Packet) -> None:
        if packet.command == b"OPEN":
            stream = self._new_stream(packet.first)
            service = packet.payload.rstrip(b"\0").decode()
            threading.Thread(target=self._open_service, args=(stream, service), daemon=True).start()
            return
        known = self._streams.get(packet.second)
        if known is None:
            if packet.command == b"WRTE":
                self.send(Packet(b"CLSE", 0, packet.first))
        elif packet.command == b"OKAY":
            known.taken(packet.first)
        elif packet.command == b"WRTE":
            known.put(packet.payload)
        elif packet.command == b"CLSE":
            known.close(tell=False)
