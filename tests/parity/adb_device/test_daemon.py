"""The device daemon of the tests, asked by the genuine adb: what it does is what a phone's adbd does."""

import hashlib
import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.parity.adb_device.daemon import FEATURES
from tests.parity.adb_device.phone import LOOPBACK, STORAGE, Phone
from tests.parity.adb_device.private_adb import own_adb


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with own_adb(tmp_path_factory.mktemp("adb")) as adb:
        yield adb


@pytest.fixture(params=[FEATURES, ("shell_v2", "cmd")], ids=["stat_v2", "stat_v1"])
def daemon(request, adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone"), request.param) as daemon:
        yield daemon


@pytest.fixture
def old_daemon(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone"), ()) as daemon:
        yield daemon


def test_a_command_gives_its_streams_and_its_exit_status(adb, daemon):
    ended = adb.run("-s", daemon.serial, "shell", "echo out; echo err >&2; exit 7")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, b"out\n", b"err\n")
    assert adb.run("-s", daemon.serial, "shell", "kill -9 $$").returncode == 137


def test_an_old_phone_gives_one_stream_and_no_status(adb, old_daemon):
    ended = adb.run("-s", old_daemon.serial, "shell", "echo out; echo err >&2; exit 7")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"out\nerr\n", b"")


def test_input_reaches_a_command_whole_and_ends(adb, daemon):
    content = os.urandom(300_000)
    assert adb.run("-s", daemon.serial, "shell", "-T", "cat", content=content).stdout == content
    assert adb.run("-s", daemon.serial, "exec-out", "printf 'a\\r\\nb'").stdout == b"a\r\nb"


def test_commands_run_beside_each_other(adb, daemon):
    def ask(number):
        return adb.run("-s", daemon.serial, "shell", f"sleep 0.1; echo {number}").stdout

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [f"{number}\n".encode() for number in range(6)]


def test_a_command_ends_when_its_client_is_gone(adb, daemon):
    client = subprocess.Popen(
        [adb.program, "-s", daemon.serial, "shell", "echo $$; exec sleep 60"],
        stdout=subprocess.PIPE,
        env={**os.environ, **adb.environment},
    )
    process = int(client.stdout.readline())
    client.kill()
    client.communicate()
    assert daemon.wait_for_services()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_files_and_folders_go_there_and_back(adb, daemon, tmp_path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "program").write_text("#!/bin/sh\necho ran\n")
    (source / "program").chmod(0o755)
    (source / "inner/data").write_bytes(os.urandom(200_000))
    (source / "inner/empty").write_bytes(b"")
    assert adb.run("-s", daemon.serial, "push", str(source), f"{STORAGE}/there").returncode == 0
    assert adb.run("-s", daemon.serial, "shell", f"{STORAGE}/there/program").stdout == b"ran\n"
    assert adb.run("-s", daemon.serial, "pull", f"{STORAGE}/there", str(tmp_path / "back")).returncode == 0
    for name in ("program", "inner/data", "inner/empty"):
        assert (tmp_path / "back" / name).read_bytes() == (source / name).read_bytes()


def test_what_is_not_there_cannot_be_pulled_nor_pushed_into(adb, daemon, tmp_path):
    pulled = adb.run("-s", daemon.serial, "pull", f"{STORAGE}/nothing", str(tmp_path / "x"))
    assert pulled.returncode == 1
    assert b"nothing" in pulled.stdout + pulled.stderr
    (tmp_path / "file").write_bytes(b"content")
    assert adb.run("-s", daemon.serial, "push", str(tmp_path / "file"), "/properties/file").returncode == 1
    assert adb.run("-s", daemon.serial, "shell", "echo well").stdout == b"well\n"


def test_fifty_megabytes_arrive_as_they_were(adb, old_daemon, tmp_path):
    block = os.urandom(1_000_003)
    (tmp_path / "big").write_bytes(block * 50)
    digest = hashlib.sha256(block * 50).hexdigest()
    assert adb.run("-s", old_daemon.serial, "push", str(tmp_path / "big"), f"{STORAGE}/big").returncode == 0
    assert adb.run("-s", old_daemon.serial, "shell", f"sha256sum {STORAGE}/big").stdout.decode().split()[0] == digest
    assert adb.run("-s", old_daemon.serial, "pull", f"{STORAGE}/big", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == block * 50


def test_a_reversed_port_leads_from_the_phone_to_this_machine(adb, daemon):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_echo_once, args=(server, 400_000), daemon=True).start()
        assert adb.run("-s", daemon.serial, "reverse", f"tcp:{port}", f"tcp:{port}").returncode == 0
        again = adb.run("-s", daemon.serial, "reverse", "--no-rebind", f"tcp:{port}", f"tcp:{port}")
        assert b"cannot rebind" in again.stderr
        listed = adb.run("-s", daemon.serial, "reverse", "--list").stdout.decode().split()
        assert listed == ["(reverse)", f"tcp:{port}", f"tcp:{port}"]
        content = os.urandom(400_000)
        with socket.create_connection((LOOPBACK, port)) as connection:
            connection.sendall(content)
            assert _received(connection, len(content)) == content[::-1]
    assert adb.run("-s", daemon.serial, "reverse", "--remove", f"tcp:{port}").returncode == 0
    assert daemon.reversed_ports() == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, port))


def test_the_phone_chooses_a_port_where_asked_to(adb, daemon):
    told = adb.run("-s", daemon.serial, "reverse", "tcp:0", "tcp:9").stdout.decode().strip()
    assert daemon.reversed_ports() == [f"tcp:{told}"]
    adb.run("-s", daemon.serial, "reverse", "--remove-all")
    assert daemon.reversed_ports() == []


def test_a_pulled_plug_ends_commands_and_ports(adb, daemon):
    adb.run("-s", daemon.serial, "reverse", "tcp:0", "tcp:9")
    daemon.phone.on_command = lambda _command: threading.Timer(0.1, daemon.vanish).start()
    adb.run("-s", daemon.serial, "shell", "sleep 30")
    assert daemon.wait_for_services()
    assert daemon.reversed_ports() == []
    assert adb.run("-s", daemon.serial, "shell", "true").returncode != 0


def test_a_phone_that_does_not_know_this_machine_waits_for_its_owner(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone"), trusts=False) as daemon:
        listed = adb.run("devices").stdout.decode().splitlines()
        assert f"{daemon.serial}\tunauthorized" in listed
        assert adb.run("-s", daemon.serial, "shell", "true").returncode != 0
        assert daemon.phone.ran == []


def _echo_once(server, count):
    connection, _ = server.accept()
    with connection:
        connection.sendall(_received(connection, count)[::-1])


def _received(connection, count):
    content = bytearray()
    while len(content) < count and (piece := connection.recv(count - len(content))):
        content += piece
    return bytes(content)
