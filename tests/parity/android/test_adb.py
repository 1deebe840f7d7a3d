"""The genuine adb as a client: which device is chosen, what is said where there is none, and what a command gives."""

import shutil
import socket
import subprocess
import sys
import threading

import pytest
from tests.parity.adb_device.daemon import FEATURES
from tests.parity.adb_device.phone import LOOPBACK, STORAGE, Phone
from tests.parity.adb_device.private_adb import own_adb

from signport.errors import SignportError
from signport.files import sha256_bytes
from signport.parity.android import adb as adb_client
from signport.parity.android.adb import NoDeviceError, choose_device, find_adb
from signport.parity.android.device import DeviceGoneError


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with own_adb(tmp_path_factory.mktemp("adb")) as adb:
        yield adb


@pytest.fixture(params=[FEATURES, ()], ids=["new phone", "old phone"])
def daemon(request, adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone"), request.param) as daemon:
        yield daemon


@pytest.fixture
def device(daemon):
    return choose_device(daemon.serial)


def _program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_adb_is_found_where_it_was_said_to_be_on_the_path_or_in_an_sdk(tmp_path, monkeypatch):
    for name in ("SIGNPORT_ADB", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_adb() is None
    in_sdk = _program(tmp_path / "sdk/platform-tools/adb")
    monkeypatch.setenv("ANDROID_SDK_ROOT", str(tmp_path / "sdk"))
    assert find_adb() == in_sdk
    on_path = _program(tmp_path / "bin/adb")
    assert find_adb() == on_path
    chosen = _program(tmp_path / "mine")
    monkeypatch.setenv("SIGNPORT_ADB", str(chosen))
    assert find_adb() == chosen
    monkeypatch.setenv("SIGNPORT_ADB", str(tmp_path / "nothing"))
    with pytest.raises(SignportError, match=r"SIGNPORT_ADB is .*nothing': no such program"):
        find_adb()


def test_without_adb_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(adb_client, "find_adb", lambda: None)
    with pytest.raises(NoDeviceError, match=r"adb is not installed; `make setup-targets`"):
        choose_device(None)


def test_an_adb_that_cannot_be_started_is_named(tmp_path, monkeypatch):
    program = tmp_path / "adb"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    monkeypatch.setenv("SIGNPORT_ADB", str(program))
    with pytest.raises(SignportError, match=r"adb: cannot be started \(Exec format error\); set SIGNPORT_ADB"):
        choose_device(None)


def test_without_a_device_it_is_said_how_to_connect_one(adb):
    with pytest.raises(NoDeviceError, match=r"no Android device is connected; .* developer options .* `adb devices`"):
        choose_device(None)


def test_the_only_device_is_taken_and_of_several_one_must_be_chosen(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "one")) as one:
        assert choose_device(None).serial == one.serial
        with adb.plugged(Phone(tmp_path / "two")) as two:
            with pytest.raises(SignportError, match="choose with --serial") as error:
                choose_device(None)
            assert not isinstance(error.value, NoDeviceError)
            assert one.serial in str(error.value)
            assert two.serial in str(error.value)
            assert choose_device(two.serial).serial == two.serial


def test_a_device_that_is_not_connected_cannot_be_chosen(adb, tmp_path):
    with pytest.raises(SignportError, match="--serial R5CT: no such device; connected: none"):
        choose_device("R5CT")
    with adb.plugged(Phone(tmp_path / "phone")) as daemon, pytest.raises(SignportError, match=daemon.serial):
        choose_device("R5CT")


def test_a_phone_that_does_not_know_this_computer_must_be_told_to(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone"), trusts=False) as daemon:
        for serial in (None, daemon.serial):
            with pytest.raises(NoDeviceError, match="is unauthorized: unlock it and allow USB debugging"):
                choose_device(serial)


def test_a_phone_that_is_offline_is_skipped_with_a_remedy_and_another_taken(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone")) as gone:
        gone.vanish()
        with pytest.raises(NoDeviceError, match="is offline: unplug it"):
            choose_device(None)
        with adb.plugged(Phone(tmp_path / "other")) as other:
            assert choose_device(None).serial == other.serial


def test_a_command_gives_status_and_output_on_old_phones_too(device):
    ended = device.shell("echo out; exit 3")
    assert (ended.status, ended.out) == (3, "out\n")
    assert device.shell("printf 'no newline'").out == "no newline"
    assert device.shell("ls /nowhere").last_line.endswith("No such file or directory")
    assert device.properties()["ro.product.device"] == "adb_device"


def test_a_command_that_takes_too_long_is_left(device):
    with pytest.raises(SignportError, match=r"shell …: no end after 0\.3 s"):
        device.shell("sleep 20", timeout_s=0.3)
    assert device.gone() is None


def test_a_device_that_goes_away_in_a_command_is_no_success(daemon, device):
    daemon.phone.on_command = lambda command: (
        threading.Timer(0.1, daemon.vanish).start() if "sleep" in command else None
    )
    with pytest.raises(DeviceGoneError, match=f"the device {device.serial} went away"):
        device.shell("sleep 20")
    assert device.gone() is not None
    assert not device.back(timeout_s=0)
    assert daemon.wait_for_services()


def test_a_device_whose_cable_was_moved_is_back_in_a_moment(adb, tmp_path):
    with adb.plugged(Phone(tmp_path / "phone")) as daemon:
        device = choose_device(daemon.serial)
        daemon.blink()
        assert device.back(timeout_s=10)
        assert device.shell("echo well").out == "well\n"


def test_files_go_there_and_back_and_their_digests_are_the_phones(device, tmp_path):
    for name in ("one", "two words"):
        (tmp_path / name).write_bytes(name.encode() * 1000)
    device.shell(f"mkdir {STORAGE}/x")
    device.push([tmp_path / "one", tmp_path / "two words"], f"{STORAGE}/x")
    assert device.digests(f"{STORAGE}/x", ["one", "two words"]) == {
        name: sha256_bytes(name.encode() * 1000) for name in ("one", "two words")
    }
    device.pull(f"{STORAGE}/x/one", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"one" * 1000


def test_what_is_not_there_is_named(device, tmp_path):
    with pytest.raises(SignportError, match=r"sha256sum: .*nothing"):
        device.digests(STORAGE, ["nothing"])
    with pytest.raises(SignportError, match=f"cannot pull {STORAGE}/nothing"):
        device.pull(f"{STORAGE}/nothing", tmp_path / "x")
    (tmp_path / "file").write_bytes(b"content")
    with pytest.raises(SignportError, match="cannot push to /properties"):
        device.push([tmp_path / "file"], "/properties")


def test_a_reversed_port_is_given_back_in_every_case(daemon, device):
    with device.reversed_port(40123):
        assert daemon.reversed_ports() == ["tcp:40123"]
        with pytest.raises(SignportError, match=r"adb reverse tcp:40123: .*cannot rebind"), device.reversed_port(40123):
            pass
        assert daemon.reversed_ports() == ["tcp:40123"]
    with pytest.raises(KeyboardInterrupt), device.reversed_port(40123):
        raise KeyboardInterrupt
    assert daemon.reversed_ports() == []


def test_a_port_that_is_taken_on_the_phone_is_named(device):
    with (
        socket.create_server((LOOPBACK, 0)) as taken,
        pytest.raises(SignportError, match=r"adb reverse tcp:.*cannot bind"),
        device.reversed_port(taken.getsockname()[1]),
    ):
        pass


def test_an_adb_server_is_started_where_none_runs(tmp_path, monkeypatch):
    if shutil.which("adb") is None:
        pytest.skip("adb is not installed; `make setup-targets`")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(port))
    monkeypatch.setenv("HOME", str(tmp_path))
    code = "from signport.parity.android.adb import *; print(len(listed_devices(find_adb())))"
    try:
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    finally:
        subprocess.run(["adb", "kill-server"], capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (0, "0\n"), ended.stderr
