"""The browser of this machine: finding it, starting it headless at an address, and ending it with all its processes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from signport.errors import SignportError

VARIABLE = "SIGNPORT_BROWSER"
MISSING = f"no Chrome, Chromium or Edge found; install one, `make setup-targets`, or set {VARIABLE}"
_NAMES = (
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
)
_MAC_APPS = ("Google Chrome", "Chromium", "Microsoft Edge")
_WINDOWS_PARTS = (
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
)
_WINDOWS_FOLDERS = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
# A profile of a minute needs no account, no update, no first-run page and no word to anyone.
_FLAGS = (
    "--headless=new",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-quic",
    "--disable-sync",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    # Timers and workers of a window that nobody sees are slowed down otherwise.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # /dev/shm of a container is often 64 MB, and a browser that fills it crashes.
    "--disable-dev-shm-usage",
    # Linux has WebGPU off by default; without a GPU there is still no adapter.
    "--enable-unsafe-webgpu",
)
_SOFTWARE_GPU = ("--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader")
_END_S = 5.0
_LAST_LINES = 1
_LOG_NOISE = ("DevTools listening", "dbus", "vaInitialize", "gcm", "object_proxy", "registration_request")


def find_browser() -> Path | None:
    """The browser to use: `SIGNPORT_BROWSER`, else Chrome, Chromium or Edge from PATH or where installers put them.

    Raises:
        SignportError: `SIGNPORT_BROWSER` is set and names no program.
    """
    if chosen := os.environ.get(VARIABLE):
        found = shutil.which(chosen)
        if found is None:
            raise SignportError(f"{VARIABLE} is {chosen!r}: no such program; give a browser's path, or unset it")
        return Path(found)
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    return next((path for path in _usual_places() if path.is_file()), None)


def _usual_places() -> list[Path]:
    if sys.platform == "darwin":
        folders = (Path("/Applications"), Path.home() / "Applications")
        return [folder / f"{app}.app/Contents/MacOS/{app}" for app in _MAC_APPS for folder in folders]
    if sys.platform == "win32":
        folders = tuple(Path(os.environ[name]) for name in _WINDOWS_FOLDERS if os.environ.get(name))
        return [folder / part for part in _WINDOWS_PARTS for folder in folders]
    return [Path(name) for name in ("/opt/google/chrome/chrome", "/snap/bin/chromium", "/opt/microsoft/msedge/msedge")]


def browser_flags(profile: Path, software_gpu: bool) -> list[str]:
    """The command line of a headless browser.

    Args:
        profile: Its profile's folder.
        software_gpu: Give WebGPU the adapter that is software (SwiftShader).
    """
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*_FLAGS, f"--user-data-dir={profile}"]
    # Chrome's sandbox does not start for root, as in containers; what is opened is our own page, and nothing else.
    flags += ["--no-sandbox"] if root else []
    return flags + list(_SOFTWARE_GPU if software_gpu else ())


@contextmanager
def started_browser(browser: Path, url: str, *, software_gpu: bool = False) -> Iterator[Callable[[], str | None]]:
    """Starts a browser at an address; ends it, and every process that it started, on the way out.

    Args:
        browser: The program.
        url: What it opens.
        software_gpu: Give WebGPU the adapter that is software (SwiftShader).

    Yields:
        A function: why the browser ended, or None while it runs.

    Raises:
        SignportError: It cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="signport-browser-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        command = [str(browser), *browser_flags(folder / "profile", software_gpu), url]
        with (folder / "log").open("wb") as log:
            try:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    # A group of its own, so that its helpers can be ended with it and Ctrl-C reaches us alone.
                    start_new_session=True,
                )
            except OSError as error:
                raise SignportError(
                    f"{browser}: cannot be started ({error.strerror}); set {VARIABLE} to another browser"
                ) from error
        try:
            yield lambda: _why_it_ended(child, folder / "log")
        finally:
            _end(child)


def _why_it_ended(child: subprocess.Popen[bytes], log: Path) -> str | None:
    status = child.poll()
    if status is None:
        return None
    cause = f"the browser ended with status {status}"
    if status < 0:
        cause = f"the browser was ended by {signal.Signals(-status).name}"
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    telling = [line for line in lines if line and not any(noise in line for noise in _LOG_NOISE)]
    return f"{cause}: {' '.join(telling[-_LAST_LINES:])[:300]}" if telling else cause


def _end(child: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        with suppress(OSError):
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(child.pid)], capture_output=True, check=False)
        child.wait()
        return
    # The group outlives its leader: a browser that crashed leaves helpers behind.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_END_S)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
