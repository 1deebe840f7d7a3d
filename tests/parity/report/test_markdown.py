"""`parity.md`: short, true and safe to post."""

import copy
import re

import pytest
from tests.parity.faked_run import fresh_run
from tests.parity.made_up_report import add_task, made_up_report

from signport.parity.answers import Answer
from signport.parity.report.markdown import escaped, markdown, prose, write_markdown


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def _tables(text):
    """Rows of every table, as numbers of cells."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[len(re.split(r"(?<!\\)\|", line)) - 2 for line in block.splitlines()] for block in blocks]


def test_it_has_the_status_the_matrix_and_what_was_skipped(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    path = write_markdown(report)
    text = path.read_text(encoding="utf-8")
    assert path == run / "parity/parity.md"
    assert text.startswith("## ✅ Parity passed: faked-001 (mlp)\n")
    assert "| desktop ai-edge-litert | ✅ 100 % agree |" in text
    assert "| arm64 native (emulated) |" in text
    assert "then `adb devices` must list it" in text
    assert "broken" not in text
    assert all(len(set(rows)) == 1 for rows in _tables(text))


def test_a_broken_gate_is_named_with_what_to_do(run, monkeypatch):
    report = made_up_report(
        monkeypatch, run, lambda name, form, answer: Answer("failed", "it `crashed`") if name == "wasm" else answer
    )
    text = markdown(report.content)
    assert text.startswith("## ❌ Parity failed")
    assert "- **browser wasm**: int8 runs: 0, must be ≥ 1 (it `crashed`)" in text
    assert "**What to do**\n- The file is fine" in text
    assert "❌ 1 broken gate" in text


def test_a_task_has_its_column(run, monkeypatch):
    content = made_up_report(monkeypatch, run).content
    add_task(content)
    text = markdown(content)
    assert "| .task |" in text
    assert "| ❌ 1 broken gate |" in text
    assert all(len(set(rows)) == 1 for rows in _tables(text))


def test_it_always_fits_into_a_comment(run, monkeypatch):
    report = made_up_report(monkeypatch, run)
    content = copy.deepcopy(report.content)
    (one,) = content["targets"]["browser"]["runtimes"].values()
    gate = {"name": "int8 agreement", "value": None, "bound": 1, "kind": "least", "passed": False}
    broken = copy.deepcopy(one)
    broken["formats"]["int8"]["gates"] = [gate] * 20
    broken["formats"]["int8"]["reason"] = "ö" * 5000
    for count in (30, 1500):
        content["targets"]["browser"]["runtimes"] = {f"runtime {number}": broken for number in range(count)}
        content["skipped"] = ["x " * 3000] * 100
        text = markdown(content)
        assert len(text.encode()) < 65_536
        assert "more: see parity.html" in text or "parity.html has all" in text
    assert "parity.html has all" in text


def test_what_comes_from_the_run_is_neither_markup_nor_a_mention():
    assert escaped("<b>&| `x` [a](b) *c* _d_ #1 @octocat\nnew") == (
        r"&lt;b&gt;&amp;\| \`x\` \[a\]\(b\) \*c\* \_d\_ \#1 @" + "\u200boctocat new"
    )
    assert prose("say `make <x>` | now") == r"say `make <x>` \| now"
    assert prose("an odd ` backtick") == r"an odd \` backtick"
    assert escaped("\x1b[1m") == r"�\[1m"
