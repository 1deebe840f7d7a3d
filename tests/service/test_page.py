"""The page at `/` in headless Chromium: a rendered hand before its camera, files, and everything that can go wrong."""

import io
import json
import os
import re
from contextlib import contextmanager

import draw_service
import numpy as np
import pytest
from PIL import Image
from tests.service.serving import NO_HAND, encoded, running

from signport.parity.browser.process import MISSING, find_browser

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed; `make setup`")
pytestmark = pytest.mark.slow
# The quick run is hardly sure of anything: at its first class of four the share of chance is enough.
ADDRESS = "/?threshold=0.2"
LABEL = re.compile("^[ABC]$")
TEAL = (94, 234, 212)
# The rendered hand stands left of the middle, so that a mirrored picture shows.
HAND_AT = 1 / 3
RECOGNITIONS = re.compile(r"/recognitions(/clips)?\?")
BRING_A_FILE = (
    "(bytes) => { const files = new DataTransfer(); files.items.add(new File([Uint8Array.from(bytes)], 'it')); "
)
DROP = BRING_A_FILE + "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: files, bubbles: true})); }"
PASTE = (
    BRING_A_FILE + "document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: files, bubbles: true})); }"
)
WATCH = """() => {
  window.violations = [];
  document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective));
}"""

# Playwright tells nothing of pictures that a page sends.
WATCH_SENDING = """() => {
  const send = WebSocket.prototype.send;
  let flying = 0;
  Object.assign(window, {mostFlying: 0, wrists: []});
  WebSocket.prototype.send = function (picture) {
    window.mostFlying = Math.max(window.mostFlying, ++flying);
    createImageBitmap(picture).then(({width, height}) => { window.sent = [picture.type, width, height]; });
    this.addEventListener('message', ({data}) => {
      flying--;
      const {landmarks} = JSON.parse(data);
      if (landmarks) window.wrists.push(landmarks[0][0]);
    }, {once: true});
    send.call(this, picture);
  };
}"""


@pytest.fixture(scope="module")
def frames():
    """A second of a hand that goes from B to L and back, RGB uint8 (480, 480, 3) each."""
    return [frame[:, 160:] for frame in draw_service.hand_frames(("B", "L"), hold=2, move=6)]


@pytest.fixture(scope="module")
def picture(frames):
    return encoded(frames[0], ".jpg")


@pytest.fixture(scope="module")
def service(hand_run):
    with running(hand_run, max_upload_bytes=200_000) as served:
        yield served


@pytest.fixture(scope="module")
def browser(frames, tmp_path_factory):
    found = find_browser()
    if found is None:
        # Where everything was installed, nothing may be skipped: a missing part is a failed installation.
        (pytest.fail if os.environ.get("SIGNPORT_ALL_TARGETS") else pytest.skip)(MISSING)
    clip = draw_service.write_camera_clip(tmp_path_factory.mktemp("camera") / "hand.y4m", iter(frames))
    flags = ["--no-sandbox", *draw_service.FAKE_CAMERA, f"--use-file-for-fake-video-capture={clip}"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(found), args=flags)
        yield browser
        browser.close()


@contextmanager
def opened(browser, service, prepare=lambda page: None, *, refusals=0, **context):
    """The page; at its end nothing has gone wrong in it but so many refused requests."""
    context = browser.new_context(**context)
    page = context.new_page()
    page.set_default_timeout(30_000)
    errors, complaints, asked = [], [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(f"({WATCH})()")
    prepare(page)
    page.goto(f"{service.url}{ADDRESS}")
    page.get_by_role("button", name="Start the camera").wait_for()
    yield page
    assert errors == []
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
    assert len(complaints) == refusals, complaints
    assert page.evaluate("() => window.violations") == []
    assert [url for url in asked if not url.startswith((service.url, "blob:"))] == []
    context.close()


def seen_at(page):
    """Where in the picture the landmarks' lines begin at the wrist, their lowest point, as a share of its width."""
    pixels = np.asarray(Image.open(io.BytesIO(page.locator("#frame").screenshot())).convert("RGB"), int)
    rows, columns = np.nonzero(np.abs(pixels - TEAL).max(axis=2) < 12)
    return columns[rows >= rows.max() - 2].mean() / pixels.shape[1]


def wait_for_landmarks(page, number=21):
    page.locator(f"#drawing[data-points='{number}']").wait_for()


def test_a_hand_before_the_camera_gets_a_label_and_landmarks_that_move_with_it(browser, service):
    with opened(browser, service, lambda page: page.add_init_script(f"({WATCH_SENDING})()")) as page:
        assert page.locator("#model-name").inner_text() == "model mlp · 4 classes"
        page.get_by_role("button", name="Start the camera").press("Enter")
        label = page.locator("#label").filter(has_text=LABEL)
        label.wait_for()
        wait_for_landmarks(page)
        assert page.locator("#words span").last.inner_text() == label.inner_text()
        assert seen_at(page) == pytest.approx(1 - HAND_AT, abs=0.08)
        before = page.evaluate("() => document.getElementById('drawing').toDataURL()")
        page.wait_for_function("(before) => document.getElementById('drawing').toDataURL() !== before", arg=before)
        bars = page.locator("#bars li").all_inner_texts()
        assert len(bars) == 4
        page.locator("#figures").filter(has_text=re.compile(r"\d+ frames/s · \d+ ms")).wait_for()
        flying, [kind, width, height], wrists = page.evaluate("() => [window.mostFlying, window.sent, window.wrists]")
        page.get_by_role("button", name="Stop the camera").click()
        assert page.locator("#frame").is_hidden()
        page.get_by_role("status").filter(has_text="The camera is off.").wait_for()
    assert (flying, kind, width, height) == (1, "image/jpeg", 480, 480)
    assert np.median(wrists) == pytest.approx(HAND_AT, abs=0.1)


def test_a_lost_connection_is_mended_and_a_full_server_is_asked_again(browser, service):
    connections = []

    def connect(socket):
        connections.append(socket)
        if len(connections) == 2:
            socket.close(code=1013, reason="too many live connections; try again later")
        else:
            socket.connect_to_server()

    with opened(browser, service, lambda page: page.route_web_socket(re.compile("/live"), connect)) as page:
        page.get_by_role("button", name="Start the camera").click()
        wait_for_landmarks(page)
        connections[0].close(code=1012)
        page.get_by_role("status").filter(has_text="The connection is lost.").wait_for()
        page.get_by_role("status").filter(has_text="The server is full. Trying again in 3 s").wait_for()
        assert page.locator("#drawing").get_attribute("data-points") == "0"
        wait_for_landmarks(page)
        page.locator("#label").filter(has_text=LABEL).wait_for()
        assert len(connections) == 3
        assert page.get_by_role("status").inner_text() == ""


def test_a_chosen_picture_shows_letter_handedness_and_landmarks(browser, service, picture):
    with opened(browser, service, color_scheme="dark") as page:
        page.locator("#file").set_input_files({"name": "hand.jpg", "mimeType": "image/jpeg", "buffer": picture})
        page.locator("#note").filter(has_text=re.compile(r"^score \d+ % · right hand$")).wait_for()
        assert page.locator("#label").inner_text() in ("A", "B", "C", "no sign")
        assert page.locator("#drawing").get_attribute("data-points") == "21"
        assert seen_at(page) == pytest.approx(HAND_AT, abs=0.08)
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", ground))) < 150


def test_what_the_server_refuses_is_told_in_a_line(browser, service, picture):
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    with opened(browser, service, refusals=3, viewport={"width": 390, "height": 844}) as page:
        told = page.get_by_role("alert")
        page.evaluate(DROP, list(NO_HAND))
        told.filter(has_text=re.compile("^No hand found")).wait_for()
        assert page.locator("#drawing").get_attribute("data-points") == "0"
        page.evaluate(PASTE, list(b"no picture"))
        told.filter(has_text="Not a JPEG, PNG or WebP picture.").wait_for()
        page.locator("#file").set_input_files({"name": "big.png", "mimeType": "image/png", "buffer": encoded(noise)})
        told.filter(has_text=re.compile("too large|at most")).wait_for()
        page.locator("#file").set_input_files({"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"video"})
        told.filter(has_text="This model reads pictures.").wait_for()
        page.evaluate(PASTE, list(picture))
        wait_for_landmarks(page)
        assert told.inner_text() == ""
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_a_server_that_asks_for_a_key_is_given_it(browser, service, picture):
    def keep(route):
        if route.request.headers.get("x-api-key") == "sesame":
            route.continue_()
        else:
            route.fulfill(status=401, json={"detail": "wrong or missing X-API-Key"})

    with opened(browser, service, lambda page: page.route(RECOGNITIONS, keep), refusals=2) as page:
        page.evaluate(PASTE, list(picture))
        key = page.get_by_label("This server asks for a key")
        key.fill("wrong")
        key.press("Enter")
        page.get_by_text("The server did not take that key.").wait_for()
        key.fill("sesame")
        page.get_by_role("button", name="Use this key").click()
        wait_for_landmarks(page)
        assert key.is_hidden()
        assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_a_full_server_is_asked_again_after_the_time_that_it_names(browser, service, picture):
    asked = []

    def refuse_once(route):
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "busy; try again"})
        else:
            route.continue_()

    with opened(browser, service, lambda page: page.route(RECOGNITIONS, refuse_once), refusals=1) as page:
        page.evaluate(PASTE, list(picture))
        page.get_by_role("status").filter(has_text="The server is full. Trying again in 1 s").wait_for()
        wait_for_landmarks(page)


@pytest.mark.parametrize(
    ("error", "words"), [("NotAllowedError", "The camera was refused."), ("NotFoundError", "There is no camera here.")]
)
def test_a_camera_that_cannot_be_had_is_told(browser, service, error, words):
    with opened(browser, service) as page:
        page.evaluate(
            "(name) => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name)); }",
            error,
        )
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_role("alert").filter(has_text=words).wait_for()
        assert page.get_by_role("button", name="Start the camera").is_enabled()


def test_a_model_of_clips_shows_its_window_and_its_words_one_after_another(browser, service, frames, tmp_path):
    import cv2

    clip = tmp_path / "clip.webm"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter_fourcc(*"VP80"), 15, (480, 480))
    for frame in frames:
        writer.write(frame[:, :, ::-1])
    writer.release()
    card = service.client.get("/model").json()
    card |= {"classes": ["hello", "thanks"], "inputs": [{"name": "landmarks", "shape": [1, 8, 75, 3]}]}
    card["frame_rate"] = 500  # no camera's: the server has to be told
    urls = []
    signs = ["hello" if number < 20 else "thanks" for number in range(1000)]

    def answer(socket):
        def on_frame(_):
            number = next(numbers)
            sign = {"label": signs[number], "score": 0.9, "new": number in (0, 20)}
            found = {
                "landmarks": [[0.5, 0.5, None]] * 75,
                "image_size": [480, 480],
                "scores": {"hello": 1, "thanks": 0},
            }
            socket.send(json.dumps({"frame": number, **sign, **found}))

        numbers = iter(range(1000))
        urls.append(socket.url)
        socket.on_message(on_frame)

    def prepare(page):
        page.route("**/model", lambda route: route.fulfill(json=card))
        page.route_web_socket(re.compile("/live"), answer)
        told = {"letter": "thanks", "confidence": 0.8, "frames": 16, "scores": {"hello": 0.2, "thanks": 0.8}}
        page.route(RECOGNITIONS, lambda route: route.fulfill(json=told))

    with opened(browser, service, prepare) as page:
        page.get_by_role("button", name="Start the camera").click()
        page.locator("#window").filter(has_text="Window: 8 of 8 frames").wait_for()
        wait_for_landmarks(page, 75)
        page.locator("#words span").nth(2).wait_for()
        assert page.locator("#words").inner_text().split()[:3] == ["hello", "thanks", "hello"]
        assert [re.sub(r"\d+\.\d", "RATE", url.partition("threshold=0.2")[2]) for url in urls] == [
            "",
            "&frame_rate=RATE",
        ]
        page.locator("#file").set_input_files(clip)
        page.locator("#note").filter(has_text="score 80 % · 16 frames").wait_for()
        assert page.locator("#label").inner_text() == "thanks"
        assert page.locator("#video").evaluate("video => !video.paused && video.videoWidth") == 480
