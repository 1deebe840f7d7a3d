import json

import pytest
from tests.export.made_up_comparison import REASON, made_up_comparison

from signport.export.baseline_plot import _panels
from signport.export.baseline_report import print_comparison, to_json, write_report


def test_the_json_says_all_of_a_way_that_has_a_file_and_why_there_is_none(tmp_path):
    told = to_json(made_up_comparison(tmp_path))
    assert {"run", "family", "test_samples", "calibration_samples", "float_accuracy", "rounds", "versions"} < set(told)
    assert list(told["ways"]) == ["float32", "ptq", "qat", "tfmot"]
    assert told["versions"]["tensorflow"].startswith("2.")
    way = told["ways"]["qat"]
    assert (way["bytes"], way["bytes_ratio"], way["accuracy"], way["passes"]) == (310, 0.31, 0.9, True)
    assert (way["latency_us"], way["latency_ratio"], way["latency_ratio_range"]) == (4.1, 0.41, [0.4, 0.5])
    assert way["simulation_agreement"] == way["agreement"] == 0.975
    assert way["sqnr_db"] == pytest.approx(40, abs=3)
    assert told["ways"]["ptq"]["passes"] is False
    assert [gate["passed"] for gate in told["ways"]["ptq"]["gates"]] == [False]
    assert told["ways"]["ptq"]["simulation_agreement"] is None
    assert {key: told["ways"]["tfmot"][key] for key in ("title", "reason")} == {"title": "tfmot QAT", "reason": REASON}


def test_json_and_picture_are_written_into_the_run_and_are_the_same_again(tmp_path):
    comparison = made_up_comparison(tmp_path)
    paths = write_report(comparison)
    assert paths == (tmp_path / "quantization/compare.json", tmp_path / "quantization/compare.png")
    # An infinite SQNR, as of an answer without error, is no JSON.
    told = json.loads(paths[0].read_text(), parse_constant=pytest.fail)
    assert told["ways"]["float32"]["sqnr_db"] is None
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_report(comparison)] == before


def test_an_embedder_has_no_classes_to_agree_on(tmp_path, capsys):
    comparison = made_up_comparison(tmp_path, "gesture_embedder")
    told = json.loads(write_report(comparison)[0].read_text())
    assert (told["float_accuracy"], told["ways"]["qat"]["agreement"], told["ways"]["qat"]["accuracy"]) == (None,) * 3
    assert [panel.title for panel in _panels(comparison)] == ["SQNR (dB)", "size, of float32", "latency, of float32"]
    assert len(_panels(made_up_comparison(tmp_path))) == 4
    print_comparison(comparison)
    assert "held-back samples\n" in capsys.readouterr().out.replace(" \n", "\n").replace("  ", "")


def test_the_table_shows_figures_and_says_what_is_wrong_below(tmp_path, capsys):
    print_comparison(made_up_comparison(tmp_path))
    printed = capsys.readouterr().out
    rows = {line.split("│")[1].strip(): line for line in printed.splitlines() if line.startswith("│")}
    assert [cell.strip() for cell in rows["signport QAT"].split("│")[5:10]] == ["0.3", "0.31", "4.1", "0.41", "pass"]
    assert rows["PTQ int8, head in float"].rstrip(" │").endswith("1 broken")
    assert rows["tfmot QAT"].rstrip(" │").endswith("no file")
    assert f"tfmot QAT: {REASON}" in printed
    assert "PTQ int8, head in float: int8 SQNR (dB)" in printed
    assert "signport QAT: epoch 2 ships, of 4 candidates" in printed
    assert "40 held-back samples, Keras float accuracy 0.9000" in printed
