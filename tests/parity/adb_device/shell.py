"""adb's shell service in both versions, and `exec`: a command, its streams, and its end."""

import contextlib
import os
import signal
import struct
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from tests.parity.adb_device.wire import ConnectionGoneError, Stream

_STDIN, _STDOUT, _STDERR, _EXIT, _CLOSE_STDIN = range(5)
_PIECE = 1 << 15
Start = Callable[[str, int], subprocess.Popen[bytes]]


def run_shell(stream: Stream, service: str, start: Start) -> None:
    """Serves `shell[,v2,…]:command` or `exec:command`.

    Args:
        stream: The stream.
        service: The service's name, as the other side asked for it.
        start: (command, where its stderr goes) → the process, a session of its own, with pipes.
    """
    options, _, command = service.partition(":")
    packets = "v2" in options.split(",")
    child = start(command, subprocess.PIPE if packets else subprocess.STDOUT)
    threading.Thread(target=_feed, args=(stream, child, packets), daemon=True).start()
    readers = [
        threading.Thread(target=_copy, args=(stream, pipe, number if packets else None), daemon=True)
        for number, pipe in ((_STDOUT, child.stdout), (_STDERR, child.stderr))
        if pipe is not None
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    status = child.wait()
    if packets:
        # A shell tells a signal as 128 and its number.
        stream.write(struct.pack("<BIB", _EXIT, 1, 128 - status if status < 0 else status))


def _feed(stream: Stream, child: subprocess.Popen[bytes], packets: bool) -> None:
    """Input, until the other side is gone: then the command goes too."""
    assert child.stdin is not None
    try:
        while True:
            if not packets:
                content = stream.some()
            else:
                kind, count = struct.unpack("<BI", stream.exactly(5))
                content = stream.exactly(count)
                if kind == _CLOSE_STDIN:
                    child.stdin.close()
                if kind != _STDIN:
                    continue
            with contextlib.suppress(OSError, ValueError):  # it may read no more
                child.stdin.write(content)
                child.stdin.flush()
    except ConnectionGoneError:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)


def _copy(stream: Stream, pipe: IO[bytes], number: int | None) -> None:
    with contextlib.suppress(ConnectionGoneError):
        while content := os.read(pipe.fileno(), _PIECE):
            stream.write(content if number is None else struct.pack("<BI", number, len(content)) + content)
