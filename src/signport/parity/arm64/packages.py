"""Where the Arm64 root's parts come from: Debian packages through an apt of its own, and wheels through uv or pip.

The apt has its own sources, lists and package status, so that no foreign architecture is added to the machine's. What
the machine says about proxies and mirrors still counts. Wheels are pinned to the byte; of Debian's packages the release
is, whose point releases change little and drop what came before. The root's `signport.json` lists what it was built of.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

from signport.errors import SignportError
from signport.parity.parts import uv_program

RELEASE = "bookworm"
_PACKAGES = ("libc6", "libgcc-s1", "libpython3.11-stdlib", "libstdc++6", "python3.11-minimal", "zlib1g")
# MediaPipe is linked with them; what they depend on in turn is for drawing on a GPU, which it does not do here.
_ALONE = ("libegl1", "libgles2", "libglvnd0")
_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_REQUIREMENTS = Path(__file__).parents[1] / "requirements" / "arm64.txt"
# MediaPipe imports them to draw landmarks: 250 MB that nothing here calls.
_EMPTY_MODULES = ("cv2.py", "matplotlib/__init__.py", "matplotlib/pyplot.py")
# pip wants every tag that may be in a wheel's name; uv knows which include which.
_TAGS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")


def packages_recipe() -> str:
    """What the packages are chosen by, as text: another text gives another root."""
    return "\n".join([RELEASE, *_PACKAGES, *_ALONE, *_EMPTY_MODULES, _REQUIREMENTS.read_text(encoding="utf-8")])


def why_not() -> str:
    """Why packages cannot be had here, and what helps; "" where they can."""
    for tool, package in {"apt-get": "apt", "dpkg-deb": "dpkg"}.items():
        if shutil.which(tool) is None:
            return f"{tool} is missing (package {package}): the root is unpacked from Debian packages"
    if not KEYRING.is_file():
        return f"{KEYRING} is missing; get it with `apt-get install debian-archive-keyring`"
    if uv_program() is None and find_spec("pip") is None:
        return "neither uv nor pip is here; get uv with `make setup` or `pip install uv`"
    return ""


@contextlib.contextmanager
def download_packages() -> Iterator[tuple[str, list[Path]]]:
    """Downloads the packages and all that they depend on, for as long as the context lasts.

    Yields:
        The release's name, and the packages' files.

    Raises:
        SignportError: apt says no; the message holds its reason.
    """
    with tempfile.TemporaryDirectory(prefix="signport-apt-") as temporary:
        folder = Path(temporary)
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        source = f"deb [arch=arm64 target=Packages signed-by={KEYRING}] {_mirror()} {RELEASE} main\n"
        (folder / "sources.list").write_text(source, encoding="utf-8")
        (folder / "apt.conf").write_text(_configuration(folder), encoding="utf-8")
        apt = ["apt-get", "-c", str(folder / "apt.conf"), "-q", "-y"]
        _run([*apt, "update"])
        _run([*apt, "--download-only", "install", *_PACKAGES])
        _run([*apt, "download", *_ALONE], folder=folder / "archives")
        yield RELEASE, sorted((folder / "archives").glob("*.deb"))


def unpack(archives: Sequence[Path], root: Path) -> dict[str, str]:
    """Unpacks packages, runs none of their scripts, and returns package → version.

    Raises:
        SignportError: One cannot be unpacked.
    """
    for archive in archives:
        _run(["dpkg-deb", "-x", str(archive), str(root)])
    # apt names its files `package_version_architecture.deb`, colons escaped.
    return dict(unquote(archive.name).split("_")[:2] for archive in archives)


def install_wheels(folder: Path) -> None:
    """Installs the aarch64 wheels into a folder, checked against their digests; MediaPipe without what it draws with.

    Raises:
        SignportError: They cannot be had.
    """
    wanted = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--target", str(folder), "-r", str(_REQUIREMENTS)]
    for name in _EMPTY_MODULES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if uv := uv_program():
        foreign = ["--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.11"]
        quiet = ["-q", "--no-config", "--link-mode=copy", "--python", sys.executable]
        _run([uv, "pip", "install", *quiet, *foreign, *wanted])
        return
    foreign = ["--python-version", "3.11", "--implementation", "cp", *(f"--platform={tag}" for tag in _TAGS)]
    _run([sys.executable, "-m", "pip", "install", "-q", "--no-compile", *foreign, *wanted])


def _configuration(folder: Path) -> str:
    """Read after the machine's own configuration, whose hooks are for the machine's own state.

    As root, apt would download as user `_apt`, who may not be let into this folder.
    """
    return f"""\
#clear APT::Architectures;
#clear APT::Default-Release;
#clear APT::Update;
#clear DPkg;
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
"""


def _mirror() -> str:
    """The machine's own Debian mirror, where it has one: others may be far away or out of reach."""
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"],
        capture_output=True,
        text=True,
        check=False,
    )
    mirrors = [line.strip().rstrip("/") for line in told.stdout.splitlines()]
    return next((mirror for mirror in mirrors if mirror.endswith("/debian")), _MIRROR)


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", env=environment, check=False
    )
    if done.returncode:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        cause = next(
            (line for line in lines if line.startswith(("E:", "error:", "ERROR:"))), lines[-1] if lines else ""
        )
        raise SignportError(f"Arm64 root: {Path(command[0]).name} ended with status {done.returncode}: {cause}")
