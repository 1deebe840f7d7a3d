"""The page for people, driven with Playwright: a folder opened, its table and chart, a drawn hand for the camera."""

import re
from contextlib import contextmanager

import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import CLASSES, SAMPLES, add_task, fresh_clip_run, fresh_run, reseal

from signport.files import read_json, write_json
from signport.parity.browser.page_http import StaticServer, page_is_built
from signport.parity.browser.page_server import people_contents
from signport.parity.browser.process import find_browser

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed; `make setup`")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built; `make browser-page`"),
    pytest.mark.skipif(find_browser() is None, reason="no browser; `make setup-targets` installs Chromium"),
]
_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
_LONGEST_MS = 60_000


@contextmanager
def _page(run=None, *, camera=None, scheme="light"):
    """The page in a browser, and what went wrong on it."""
    flags = list(_FLAGS)
    if camera is not None:
        flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    with StaticServer(people_contents(run)) as server, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(find_browser()), args=flags)
        context = browser.new_context(color_scheme=scheme, permissions=["camera"])
        page = context.new_page()
        page.set_default_timeout(_LONGEST_MS)
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(server.url)
        yield page
        assert errors == []
        assert [url for url in asked if not url.startswith((server.url, "blob:", "data:"))] == []
        browser.close()


def _done(page):
    page.get_by_role("status").filter(has_text="Done.").first.wait_for()
    rows = page.locator("tbody tr")
    return {row.get_attribute("data-format"): row.locator("td").all_inner_texts() for row in rows.all()}


@pytest.fixture
def clip(tmp_path):
    """A camera's picture: the drawn hand, moving its fingers a little."""
    import cv2

    path = tmp_path / "hand.y4m"
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H320 F15:1 Ip A1:1 C420jpeg\n")
        for frame in range(15):
            picture = drawn_hand(320, spread=0.9 + 0.02 * abs(frame - 7))
            file.write(b"FRAME\n" + cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def test_an_opened_folder_is_checked_in_every_format_and_its_stale_file_is_told(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    card = read_json(run / "export/card.json")
    card["files"]["dynamic"]["sha256"] = "0" * 64
    write_json(run / "export/card.json", card)
    with _page() as page:
        page.locator("#chooser").set_input_files(run)
        found = _done(page)
        assert list(found) == ["float32", "float16", "dynamic", "int8"]
        for form, (error, sqnr, agreement, accuracy, median, spread, state) in found.items():
            assert float(error.replace("−", "-")) < (1e-6 if form == "float32" else 0.01)
            assert float(sqnr.removesuffix(" dB")) > 40
            assert (agreement, accuracy) == ("100 %", "100 %")
            assert median.endswith("s")
            assert "–" in spread
            assert state.startswith("done")
            assert ("not the file that card.json describes" in state) == (form == "dynamic")
        assert page.get_by_text(f"4 classes · {SAMPLES} golden samples").is_visible()
        assert re.match(
            r"Time of one call, median: float32 .*, int8 ", page.get_by_role("img").get_attribute("aria-label")
        )
        page.get_by_label("Where to run").select_option("wasm threads")
        page.get_by_role("status").filter(has_text="Running").wait_for()
        assert {row[-1].split()[0] for row in _done(page).values()} == {"done"}


def test_a_hand_before_the_camera_gets_a_label(tmp_path_factory, tmp_path, clip):
    run = fresh_run(tmp_path_factory, tmp_path)
    with _page(run, camera=clip) as page:
        _done(page)
        page.get_by_role("button", name="Start the camera").press("Enter")
        label = page.locator(".live-label").filter(has_text=re.compile(rf"^({'|'.join(CLASSES)})$"))
        label.wait_for()
        score = page.get_by_role("meter", name="score").evaluate("meter => meter.value")
        assert 1 / len(CLASSES) <= score <= 1
        drawn = page.locator("canvas").evaluate(
            "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
        )
        assert drawn
        page.get_by_role("button", name="Stop").click()
        assert page.locator(".stage").is_hidden()


def test_a_bundle_is_run_as_it_is_on_its_images_and_live(tmp_path_factory, tmp_path, clip):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [drawn_hand(), drawn_hand(spread=0.8)], [1, 2])
    with _page(run, camera=clip) as page:
        *_, state = _done(page)[".task"]
        assert "2 hands in 2 images" in state
        page.get_by_role("button", name="Start the camera").click()
        page.locator(".live-label").filter(has_text=re.compile(rf"^({'|'.join(CLASSES)})$")).wait_for()


def test_a_clip_model_is_checked_and_says_what_to_use_for_live(tmp_path_factory, tmp_path):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    with _page(run, scheme="dark") as page:
        found = _done(page)
        assert {row[-1] for row in found.values()} == {"done"}
        assert page.get_by_text("signport stream RUN CACHE").is_visible()
        assert page.get_by_role("button", name="Start the camera").count() == 0
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, re.findall(r"\d+", ground))) < 150


def test_what_is_no_run_and_what_is_no_model_is_told(tmp_path_factory, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("nothing")
    run = fresh_run(tmp_path_factory, tmp_path)
    reseal(run, "float16", b"no model")
    with _page() as page:
        page.locator("#chooser").set_input_files(tmp_path / "folder")
        page.get_by_role("alert").filter(has_text="No card.json in there").wait_for()
        page.locator("#chooser").set_input_files(run)
        found = _done(page)
        assert found["float16"][-1].startswith("failed")
        assert {row[-1] for form, row in found.items() if form != "float16"} == {"done"}
        assert page.get_by_role("alert").filter(has_text="No card.json").count() == 0
