"""`parity.html`: one file that shows what was found, with everything from the run escaped."""

import re
import shutil
import subprocess
import tempfile
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.parity.faked_run import fresh_clip_run, fresh_run
from tests.parity.made_up_report import add_task, made_up_report

from signport.files import read_json, sha256_bytes, sha256_file, write_json
from signport.parity.answers import Answer
from signport.parity.report.html import html_page, write_html
from signport.parity.report.markup import Markup, prose, tag
from signport.parity.report.tables import shown_operators

_VOID = {"meta", "br", "hr", "img"}


class _Page(HTMLParser):
    """Checks that elements nest, and gathers them and their text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def named(self, tag, **attributes):
        return [found for name, found in self.elements if name == tag and attributes.items() <= found.items()]


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def _swapped(runtime, form, answer):
    """The browser gives int8's classes in another order, the emulated machine no number for the first sample."""
    output = np.array(answer.output)
    if (runtime, form) == ("wasm", "int8"):
        output = np.roll(output, 1, axis=1)
    if (runtime, form) == ("native", "float16"):
        output[0] = np.nan
    return Answer(**vars(answer) | {"output": output})


def test_a_passing_report_says_so_and_shows_every_part(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    page = _Page(html_page(report))
    assert report.status == "passed"
    assert "Passed faked-001" in page.text
    assert "All 4 files answer as the trained Keras model does" in page.text
    assert {found["id"] for found in page.named("section")} >= {
        "skipped", "matrix", "samples", "latency", "errors", "reliability", "figures", "provenance",
    }  # fmt: skip
    assert not page.named("section", id="broken")
    assert len(page.named("td", **{"class": "cell passed"})) == 4 * 4
    assert report.content["command"] in page.text
    assert report.content["files"]["int8"]["sha256"] in page.text


def test_broken_gates_come_first_with_what_to_do(run, monkeypatch):
    page = _Page(html_page(made_up_report(monkeypatch, run, _swapped)))
    sections = [found["id"] for found in page.named("section")]
    assert sections[0] == "broken"
    assert "browser wasm : int8 agreement" in page.text
    assert "What to do: The file is fine: ai-edge-litert passes with it." in page.text
    assert "arm64 native : float16 finite: not a number" in page.text
    assert len(page.named("td", **{"class": "cell failed"})) == 2


def test_what_was_skipped_carries_the_command_that_brings_it(run, monkeypatch):
    page = _Page(html_page(made_up_report(monkeypatch, run)))
    assert "android chrome: no device: plug one in" in page.text
    assert page.words.count("adb devices") == 2  # in the list and in the matrix, as a command each time


def test_the_worst_samples_are_drawn_with_both_answers(run, monkeypatch):
    report = made_up_report(monkeypatch, run, _swapped)
    page = _Page(html_page(report))
    figures = page.named("svg", **{"class": "figure"})
    assert len(figures) == 12  # six of each of the two broken files
    assert "Where int8 in browser wasm is furthest from the float model" in page.text
    assert page.text.count("answers differ") == 6 + 1  # every swapped one, and the sample that is no number
    assert "float16: NaN or infinity" in page.text


def test_a_clip_is_drawn_as_a_film_strip(tmp_path_factory, tmp_path, monkeypatch):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    page = _Page(html_page(made_up_report(monkeypatch, run)))
    assert len(re.findall(r"frame \d+", page.text)) >= 6 * 3
    assert page.named("path", **{"class": "bone left_hand"})
    assert page.named("path", **{"class": "trail right_hand"})


def test_latencies_of_emulated_machines_are_left_out_and_it_says_so(run, monkeypatch):
    text = html_page(made_up_report(monkeypatch, run))
    latency = _Page(re.search(r'<section id="latency">.*?</section>', text, re.DOTALL)[0])
    assert "Left out, for an emulator's times mean nothing: arm64 native (qemu-aarch64, cortex-a76)" in latency.text
    assert len(latency.named("circle")) == 3 * 4
    assert "median 120 µs, 5 to 95 % of calls: 108 µs to 168 µs" in latency.text


def test_everything_from_the_run_is_escaped(run, monkeypatch):
    evil = "<script>alert('x')</script>\x1b&\""
    card = read_json(run / "export/card.json")
    write_json(run / "export/card.json", card | {"name": evil})
    report = made_up_report(
        monkeypatch, run, lambda _runtime, form, answer: Answer("failed", evil) if form == "int8" else answer
    )
    text = html_page(report)
    assert re.findall("<script|\x1b", text) == []
    page = _Page(text)
    assert "<script>alert('x')</script>" in page.text
    assert "GPU <none>" in page.text


def test_the_page_needs_no_network_and_no_script(run, monkeypatch):
    text = html_page(made_up_report(monkeypatch, run))
    page = _Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not [found for _, found in page.elements if {"src", "href", "srcset"} & found.keys()]
    assert not [key for _, found in page.elements for key in found if key.startswith("on")]
    assert {"url(", "@import", "http:"} & set(re.findall(r"url\(|@import|http:", text)) == set()


def test_people_who_do_not_see_it_can_read_it(run, monkeypatch):
    page = _Page(html_page(made_up_report(monkeypatch, run)))
    assert page.named("html", lang="en")
    assert all("scope" in found for found in page.named("th"))
    assert all({"aria-label", "aria-hidden"} & found.keys() for found in page.named("svg"))
    tables = [name for name, _ in page.elements if name == "table"]
    charts = page.named("table", **{"class": "chart"})
    assert len([name for name, _ in page.elements if name == "caption"]) == len(tables) - len(charts)


def test_an_embedding_has_no_diagram_but_everything_else(run, monkeypatch):
    card = read_json(run / "export/card.json")
    write_json(run / "export/card.json", card | {"output": "embedding"})
    page = _Page(html_page(made_up_report(monkeypatch, run)))
    assert "An embedding has no confidence" in page.text
    assert "cosine 1.00000" in page.text or "cosine 0.99" in page.text


def test_a_report_in_which_nothing_ran_shows_nothing(run, monkeypatch):
    def stopped(_runtime, _form, _answer):
        return Answer("skipped", "not today")

    report = made_up_report(monkeypatch, run, stopped)
    text = html_page(report)
    assert "There are no answers to compare" in text
    assert "Nothing was measured" in text


def test_the_operator_at_which_graphs_part_is_named(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    row = {"index": 0, "op": "RESHAPE", "shape": [1, 63], "max_abs": 0.0, "steps": None, "sqnr_db": None}
    rows = [row | {"tolerance": "1 step", "apart": False}]
    rows.append(rows[0] | {"index": 1, "op": "SOFT<MAX>", "max_abs": 0.5, "sqnr_db": 3.0, "apart": True})
    table = {"form": "int8", "against": "export", "verdict": "operator 1, SOFT<MAX>", "first": rows[1], "rows": rows}
    report.content["layers"] = [table, table | {"rows": [], "first": None, "verdict": "it is another graph"}]
    page = _Page(html_page(report))
    assert "int8 against the same file at its export: operator 1, SOFT<MAX>" in page.text
    assert page.text.count("parts here") == 1
    assert "it is another graph" in page.text


def test_a_task_has_its_column_its_latency_and_its_gates(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    add_task(report.content)
    page = _Page(html_page(report))
    assert "✗ fails error ≤ 3.0e-7 1 broken gate" in page.text
    assert ".task, one image: median 16.0 ms, 5 to 95 % of calls: 15.0 ms to 21.0 ms" in page.text
    assert "task answers in VIDEO mode unlike IMAGE mode: 2, must be ≤ 0" in page.text
    assert "The head in the bundle is not the exported one" in page.text
    assert "gesture_recognizer.task" in page.text


def test_of_a_graph_of_thousands_the_operators_around_the_first_that_parts_are_shown():
    rows = [{"index": number} for number in range(2000)]
    shown = shown_operators({"rows": rows, "first": {"index": 1000}})
    assert [shown[0]["index"], shown[-1]["index"]] == [990, 1049]
    assert shown_operators({"rows": rows, "first": {"index": 1990}}) == rows[-60:]
    assert shown_operators({"rows": rows, "first": None}) == rows[-60:]
    assert shown_operators({"rows": rows[:60], "first": None}) == rows[:60]


def test_the_file_lies_beside_the_json_and_is_the_same_every_time(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    path = write_html(report)
    assert path == run / "parity/parity.html"
    assert sha256_file(path) == sha256_bytes(html_page(report).encode())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here: apt-get install chromium")
def test_a_phone_needs_no_sideways_scrolling(run, monkeypatch):
    """Chromium lays the page out in a frame of 390 pixels, for its own windows are no narrower than 500."""
    path = write_html(made_up_report(monkeypatch, run, _swapped))
    frame = f'<iframe id="frame" width="390" height="844" srcdoc="{escape(path.read_text(encoding="utf-8"))}"></iframe>'
    script = "onload = () => { document.title = frame.contentDocument.documentElement.scrollWidth }"
    probe = path.with_name("probe.html")
    probe.write_text(f"<meta charset=utf-8><title>?</title>{frame}<script>{script}</script>", encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    flags += ["--disable-background-networking", "--disable-component-update", "--window-size=390,844"]
    with tempfile.TemporaryDirectory() as profile:
        shown = subprocess.run(
            ["chromium", *flags, f"--user-data-dir={profile}", "--dump-dom", probe.as_uri()],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert re.search(r"<title>(.*?)</title>", shown.stdout)[1] == "375"  # a scroll bar is 15 pixels wide


def test_elements_escape_text_but_not_other_elements():
    inner = tag("b", "1 < 2", title='"&"')
    assert inner == '<b title="&quot;&amp;&quot;">1 &lt; 2</b>'
    assert tag("p", inner, [None, "\x00<"], hidden=True, aria_label="x", width=1.0, skipped=None) == (
        f'<p hidden aria-label="x" width="1">{inner}�&lt;</p>'
    )
    assert isinstance(inner, Markup)
    assert tag("p", prose("run `make <x>` now")) == "<p>run <code>make &lt;x&gt;</code> now</p>"
