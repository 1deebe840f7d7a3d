"""Where the Arm64 root's packages come from."""

import subprocess
import sys
from pathlib import Path

import pytest

from signport.errors import SignportError
from signport.parity.arm64 import packages as arm64_packages


def test_the_mirror_is_the_machines_own_where_it_has_one(tmp_path, monkeypatch, tools):
    told = "echo http://ftp.example.org/debian-security/; echo http://ftp.example.org/debian/"
    monkeypatch.setenv("PATH", tools(tmp_path / "debian", **{"apt-get": told}))
    assert arm64_packages._mirror() == "http://ftp.example.org/debian"
    monkeypatch.setenv("PATH", tools(tmp_path / "ubuntu", **{"apt-get": "echo http://archive.ubuntu.com/ubuntu/"}))
    assert arm64_packages._mirror() == "http://deb.debian.org/debian"


def test_apt_keeps_to_its_own_folder_and_runs_no_hook_of_the_machine(tmp_path):
    machine, ours = tmp_path / "machine.conf", tmp_path / "ours.conf"
    machine.write_text(
        'APT::Default-Release "trixie"; APT::Update::Post-Invoke { "touch /hook"; }; DPkg::Post-Invoke { "rm -f x"; };'
        'APT::Architectures { "amd64"; "i386"; }; Acquire::http::Proxy "http://proxy.example.org";'
    )
    ours.write_text(arm64_packages._configuration(tmp_path))
    try:
        told = subprocess.run(
            ["apt-config", "-c", ours, "dump"],
            env={"PATH": "/usr/bin:/bin", "APT_CONFIG": str(machine)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        pytest.skip("apt is not here; it comes with Debian and Ubuntu")
    assert "Post-Invoke" not in told
    assert "trixie" not in told
    assert "i386" not in told
    assert 'APT::Architectures:: "arm64";' in told
    assert 'Acquire::http::Proxy "http://proxy.example.org";' in told
    assert f'Dir::State::status "{tmp_path}/status";' in told.replace("Dir::State::Status", "Dir::State::status")


@pytest.mark.parametrize("uv", [True, False])
def test_wheels_are_aarch64s_with_known_digests_by_uv_or_pip(tmp_path, monkeypatch, uv):
    commands = []
    monkeypatch.setattr(arm64_packages, "uv_program", lambda: "/bin/uv" if uv else None)
    monkeypatch.setattr(arm64_packages, "_run", commands.append)
    arm64_packages.install_wheels(tmp_path / "site")
    (command,) = commands
    assert command[0] == ("/bin/uv" if uv else sys.executable)
    assert "aarch64-manylinux_2_28" in command or "--platform=manylinux_2_28_aarch64" in command
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)
    assert (tmp_path / "site/cv2.py").read_bytes() == b""


def test_a_machine_without_debians_keys_says_which_package_has_them(monkeypatch):
    monkeypatch.setattr(arm64_packages.shutil, "which", lambda *_, **__: "/bin/tool")
    monkeypatch.setattr(arm64_packages, "KEYRING", Path("/no/such/keyring.gpg"))
    assert "`apt-get install debian-archive-keyring`" in arm64_packages.why_not()


def test_a_package_that_cannot_be_unpacked_is_named(tmp_path):
    (tmp_path / "libc6_2.36-9_arm64.deb").write_bytes(b"no package")
    if arm64_packages.shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not here; it comes with Debian and Ubuntu")
    with pytest.raises(SignportError, match=r"libc6_2\.36-9_arm64\.deb"):
        arm64_packages.unpack([tmp_path / "libc6_2.36-9_arm64.deb"], tmp_path / "root")
