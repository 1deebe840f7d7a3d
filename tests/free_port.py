"""Ports for servers that a test starts."""

import socket


def free_port() -> int:
    """A port of 127.0.0.1 at which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def free_addresses(count: int = 2) -> tuple[str, ...]:
    """Addresses on this machine, `127.0.0.1:port` each, at which nobody listens now."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = tuple(f"127.0.0.1:{server.getsockname()[1]}" for server in servers)
    for server in servers:
        server.close()
    return addresses
