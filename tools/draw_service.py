"""Takes the README's picture of the recognition service: `python tools/draw_service.py RUN docs/service.png`.

Starts `signport serve RUN`, opens its page in a headless browser whose camera shows a rendered hand that goes through
letters, and takes the picture once a label holds.
"""

import argparse
import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx
import numpy as np
from PIL import Image

from signport.datasets.rendered.scene import Scene, make_scene
from signport.datasets.rendered.skeleton import pose_hand
from signport.errors import SignportError
from signport.files import write_bytes
from signport.parity.browser.process import MISSING, find_browser

LETTERS = ("V", "L", "Y", "B", "A")
# A scene whose hand and wall are easy to see, and whose hand MediaPipe finds in every frame.
SCENE, SEED = 2, 0
FRAME_RATE = 15
HOLD, MOVE = 20, 7
COLOURS_IN_FILE = 160
WIDTH, HEIGHT = 1200, 800
START_S, END_S, SHOW_MS = 60.0, 20.0, 60_000
_SIGNPORT = "from signport.cli.main import main; main()"
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def hand_frames(
    letters: Sequence[str], width: int = 640, height: int = 480, *, hold: int = HOLD, move: int = MOVE
) -> Iterator[np.ndarray]:
    """A rendered hand that goes from letter to letter and back to the first: RGB uint8 (height, width, 3) a frame.

    Args:
        letters: Handshapes of the vocabulary `asl22`.
        width: Of the picture in pixels, at least its height.
        height: Of the picture in pixels.
        hold: Frames in which a letter is held.
        move: Frames from one letter to the next.
    """
    first = _centred(make_scene("asl22", letters[0], SCENE, SEED, width), height)
    top = (width - height) // 2
    scenes = [make_scene("asl22", letter, SCENE, SEED, width) for letter in letters]
    for scene, following in zip(scenes, [*scenes[1:], scenes[0]], strict=True):
        for frame in range(hold + (move if len(letters) > 1 else 0)):
            share = max(0.0, (frame - hold + 1) / (move + 1))
            pose = scene.pose.towards(following.pose, share)
            skeleton = pose_hand(pose, first.signer.proportions)
            # The camera's noise differs from frame to frame, the wall behind does not.
            yield replace(first, pose=pose, skeleton=skeleton).draw()[top : top + height]


def _centred(scene: Scene, height: int) -> Scene:
    """The scene with its hand in the middle, so large that it fills most of `height`."""
    joints = scene.joints()[:, :2]
    low, high = joints.min(axis=0), joints.max(axis=0)
    scale = 0.74 * height / float((high - low).max())
    middle = np.full(2, scene.size / 2) - scale * ((low + high) / 2 - np.array(scene.view.center))
    center = (float(middle[0]), float(middle[1]))
    return replace(scene, view=replace(scene.view, center=center, pixels_per_cm=scale * scene.view.pixels_per_cm))


def write_camera_clip(path: Path, frames: Iterator[np.ndarray]) -> Path:
    """Writes what Chromium's fake camera plays, over and over: Y4M."""
    import cv2

    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            if not number:
                file.write(f"YUV4MPEG2 W{frame.shape[1]} H{frame.shape[0]} F{FRAME_RATE}:1 Ip A1:1 C420jpeg\n".encode())
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


@contextmanager
def served(run: str | Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """`signport serve RUN` on a free port of this machine: its address, and its process.

    Raises:
        SignportError: It does not answer.
    """
    command = [sys.executable, "-c", _SIGNPORT, "serve", str(run), "--port", "0", *options]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        try:
            url = _address(server)
            if url is None or not _is_healthy(url, server):
                log.seek(0)
                words = log.read().decode(errors="replace").strip()[-500:]
                raise SignportError(f"signport serve {run}: it does not answer: {words or 'no word from it'}")
            yield url, server
        finally:
            server.terminate()
            try:
                server.wait(END_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _address(server: "subprocess.Popen[bytes]") -> str | None:
    """The address that the server says; None where it ends without a word of one."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.match(r"http://\S+", line.decode()):
            return found[0]
    return None


def _is_healthy(url: str, server: "subprocess.Popen[bytes]") -> bool:
    """Waits for the workers; whether they answer at last."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}health").is_success:
                return True
        time.sleep(0.1)
    return False


def picture_of(url: str, clip: Path, letter: str, scheme: Literal["light", "dark"]) -> bytes:
    """PNG of the page with the camera on, once this letter holds."""
    from playwright.sync_api import sync_playwright

    browser_path = find_browser()
    if browser_path is None:
        raise SignportError(MISSING)
    with sync_playwright() as driver:
        flags = ["--no-sandbox", *FAKE_CAMERA, f"--use-file-for-fake-video-capture={clip}"]
        browser = driver.chromium.launch(executable_path=str(browser_path), args=flags)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        page.goto(url)
        page.get_by_role("button", name="Start the camera").click()
        exact = re.compile(f"^{re.escape(letter)}$")
        label, words = page.locator("#label"), page.locator("#words span")
        label.filter(has_text=exact).wait_for(timeout=SHOW_MS)
        # Once round: the words recognized so far are part of the picture.
        words.nth(len(LETTERS)).wait_for(timeout=SHOW_MS)
        label.filter(has_text=exact).wait_for(timeout=SHOW_MS)
        taken = page.screenshot(full_page=True)
        browser.close()
    small = io.BytesIO()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS_IN_FILE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", help="an exported run that knows the letters " + ", ".join(LETTERS))
    parser.add_argument("output", type=Path, help="the PNG")
    parser.add_argument("--letter", default=LETTERS[0], choices=LETTERS, help="the letter in the picture")
    parser.add_argument("--dark", action="store_true", help="in dark colours")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder, served(arguments.run) as (url, _):
            clip = write_camera_clip(Path(folder) / "hand.y4m", hand_frames(LETTERS))
            write_bytes(
                arguments.output, picture_of(url, clip, arguments.letter, "dark" if arguments.dark else "light")
            )
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
