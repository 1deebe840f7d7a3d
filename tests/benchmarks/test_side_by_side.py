"""The frame of the side-by-side benchmark: its table, and that an interrupted run goes on."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "side_by_side"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """The program, with two parts that say how often they were measured, and results in a folder of the test."""
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("side_by_side_main", FOLDER / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, spec.name, module)
    spec.loader.exec_module(module)
    module.measured = []

    def measure(part, _places):
        if part in module.failing:
            raise KeyboardInterrupt
        module.measured.append(part)
        row = module.Found.of({"rows": [], "growth": [], "notes": [f"{part} is done."], "raw": {}})
        return {**row.to_json(), "seconds": 1}

    monkeypatch.setattr(module, "measure", measure)
    monkeypatch.setattr(module, "PARTS", ("one", "two"))
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results.json")
    module.failing = set()
    module.places = module.Places(tmp_path / "work", tmp_path, tmp_path, 1)
    return module


def test_an_interrupted_run_goes_on_behind_its_finished_parts(bench):
    bench.failing = {"two"}
    with pytest.raises(KeyboardInterrupt):
        bench.whole_run(bench.places)
    assert not bench.RESULTS.exists()
    bench.failing = set()
    assert list(bench.whole_run(bench.places)["parts"]) == ["one", "two"]
    assert bench.measured == ["one", "two"]
    bench.whole_run(bench.places)  # a run after a finished one begins anew
    assert bench.measured == ["one", "two", "one", "two"]


def test_the_table_shows_ratios_growth_commands_and_what_was_skipped(bench):
    content = {
        "rows": [{"what": "start", "theirs": "2 s", "ours": "1 s", "ratio": 2.0, "how": "median"}],
        "growth": [{"what": "train", "sizes": [10, 40], "seconds": [2.0, 6.0], "mib": [100.0, 1500.0]}],
        "commands": [
            {"what": "signport doctor", "seconds": 0.74, "processor_seconds": 0.51, "imported": []},
            {"what": "signport train", "seconds": 8.31, "processor_seconds": 8.2, "imported": ["tensorflow", "keras"]},
        ],
        "notes": ["Clips: skipped."],
        "raw": {},
    }
    lines = bench.markdown([bench.Found.of({**content, "load_before": 1.0})]).splitlines()
    assert "| start | 2 s | 1 s | 2.00 | median |" in lines
    assert "| train | 10 / 40 | 2.0 / 6.0 | 1.0 / 3.0 | 100 / 1,500 |" in lines
    assert "| `signport doctor` | 0.7 | 0.5 | – |" in lines
    assert "| `signport train` | 8.3 | 8.2 | tensorflow, keras |" in lines
    assert lines[-1] == "Clips: skipped."
