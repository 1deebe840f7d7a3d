import pytest
from tests.export.made_up_comparison import made_up_comparison
from tests.run_cli import run_cli

from signport.export import baselines


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What `compare` asks for; it gets a comparison at once."""
    calls = []

    def compare(run, **options):
        calls.append((run, options))
        return made_up_comparison(tmp_path / "run")

    monkeypatch.setattr(baselines, "compare_ways", compare)
    return calls


def test_compare_prints_a_table_and_says_what_it_wrote(asked, tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "quantize", "compare", tmp_path / "run", "--rounds", "4") == 0
    assert asked == [(tmp_path / "run", {"rounds": 4})]
    printed = capsys.readouterr().out
    assert "mlp-001: 40 held-back samples" in printed
    assert "signport QAT" in printed
    folder = tmp_path / "run/quantization"
    assert printed.splitlines()[-2:] == [str(folder / "compare.json"), str(folder / "compare.png")]
    assert sorted(path.name for path in folder.iterdir()) == ["compare.json", "compare.png"]
    assert (folder / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_compare_of_a_folder_that_is_no_run_is_status_2(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "quantize", "compare", tmp_path) == 2
    shown = capsys.readouterr().err
    assert "not a run" in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "quantization").exists()


def test_compare_needs_a_round(asked, tmp_path, monkeypatch):
    assert run_cli(monkeypatch, "quantize", "compare", tmp_path / "run", "--rounds", "0") == 2
    assert asked == []
