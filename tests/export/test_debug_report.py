"""What `signport quantize debug` writes and says."""

import json
from dataclasses import replace

import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.errors import SignportError
from signport.export.debug_report import advice, print_report, to_json, write_report
from signport.export.debug_run import Debugged, debug_quantization
from signport.quantization.debugging import Answer, LayerCost
from signport.training.train import train

LONG = "layer0_attention_output"


@pytest.fixture(scope="module")
def debugged(tmp_path_factory) -> Debugged:
    folder = tmp_path_factory.mktemp("debug-report")
    cache = made_up_cache(groups=6).write(folder / "hands.parquet")
    run = train("mlp", cache, runs=folder, name="quick", overrides=[*QUICK, "quantization.epochs=1"])
    return debug_quantization(run, samples=12)


def with_layer(debugged: Debugged, samples: int, agreement: float, kept: float, db: float = 0.0) -> Debugged:
    """The same, but the costliest layer is one that wins this much agreement or this many dB when it is kept."""
    diagnosis = debugged.diagnosis
    int8 = Answer(0.9, agreement, 20.0)
    layer = LayerCost(
        LONG, "Dense", "int8", int8, noise=9 * diagnosis.layers[0].noise, kept=Answer(0.9, kept, 20.0 + db)
    )
    others = tuple(replace(other, kept=other.kept and int8) for other in diagnosis.layers)
    tensors = tuple(replace(tensor, layer=LONG) for tensor in diagnosis.tensors)
    return replace(
        debugged,
        diagnosis=replace(diagnosis, samples=samples, int8=int8, layers=(layer, *others), tensors=tensors),
    )


def test_json_has_all_tensors_and_layers_in_finite_numbers_or_null(debugged):
    broken = replace(debugged.diagnosis.tensors[0], sqnr_db=float("inf"), cosine=float("nan"))
    odd = replace(debugged, diagnosis=replace(debugged.diagnosis, tensors=(broken, *debugged.diagnosis.tensors[1:])))
    paths = write_report(odd)
    assert [path.name for path in paths] == ["debug.json", "debug.png"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")

    def refuse(number: str) -> None:
        raise AssertionError(f"{number} is no JSON")

    content = json.loads(paths[0].read_text(), parse_constant=refuse)
    assert (content["tensors"][0]["sqnr_db"], content["tensors"][0]["cosine"]) == (None, None)
    assert (content["run"], content["quantization"]["engine"], content["samples"], content["test_samples"]) == (
        "quick",
        "signport",
        12,
        debugged.test_samples,
    )
    assert {"deploy_float", "int8"} == set(content["answers"])
    names = {layer["layer"] for layer in content["layers"]}
    assert {tensor["layer"] for tensor in content["tensors"]} == names == {"features_quantized", "hidden0", "logits"}
    assert sum(layer["noise_share"] for layer in content["layers"]) == pytest.approx(1)
    assert to_json(debugged)["tensors"][0]["sqnr_db"] == pytest.approx(debugged.diagnosis.tensors[0].sqnr_db)


def test_a_second_look_finds_the_same(debugged):
    assert to_json(debug_quantization(debugged.run.path, samples=12)) == to_json(debugged)


@pytest.mark.parametrize("width", [100, 140])
def test_names_stand_whole_in_the_tables(debugged, capsys, width):
    print_report(with_layer(debugged, 256, 0.9, 1.0), top=2, width=width)
    printed = capsys.readouterr().out
    tables, last = printed.rsplit("\n\n", 1)
    assert max(len(line) for line in tables.splitlines()) <= width
    assert f"{LONG}.kernel" in tables or f"{LONG}.output" in tables
    assert f"\n{LONG} " in tables
    assert "more tensors in debug.json" in tables
    assert "in int8   accuracy 0.9000 · agreement 0.9000 · SQNR 20.0 dB" in tables
    assert last.count("\n") == 1


def test_the_advice_names_the_recipe_line_and_what_it_wins(debugged):
    found = with_layer(debugged, 256, 0.9, 0.95, db=1.25)
    assert found.worth_keeping.layer == LONG
    said = advice(found)
    noise = [layer.noise for layer in found.diagnosis.layers]
    assert said.startswith(f"{LONG} costs most, {noise[0] / sum(noise):.0%} of the noise")
    assert f"--keep {LONG}=float` (in a recipe, `quantization.keep: {{{LONG}: float}}`)" in said
    assert "would win 5.0 points of agreement (0.9000 to 0.9500), +1.2 dB" in said


def test_what_is_kept_already_stays_in_the_recipe_line(debugged, monkeypatch):
    settings = replace(debugged.run.recipe.quantization, keep={"hidden0": "int16"})
    monkeypatch.setattr(debugged.run, "recipe", replace(debugged.run.recipe, quantization=settings))
    found = with_layer(debugged, 256, 0.9, 0.95)
    assert found.recipe_line == f"quantization.keep: {{hidden0: int16, {LONG}: float}}"
    assert to_json(found)["keep"] == {"hidden0": "int16"}


@pytest.mark.parametrize(
    ("samples", "agreement", "kept", "db"),
    [(256, 1.0, 1.0, 6.0), (160, 157 / 160, 1.0, 1.0), (2000, 0.980, 0.983, 1.0), (256, 0.95, 0.90, 9.0)],
)
def test_what_chance_may_have_won_is_not_worth_keeping(debugged, samples, agreement, kept, db):
    found = with_layer(debugged, samples, agreement, kept, db)
    assert found.worth_keeping is None
    said = advice(found)
    assert "nothing is worth keeping in float" in said
    same = round(agreement * samples)
    assert (f"on all {samples} samples" if same == samples else f"on {same} of {samples} samples") in said
    assert "quantization.keep" not in said


def test_an_embedder_is_judged_by_decibels(debugged, monkeypatch):
    monkeypatch.setitem(debugged.run.__dict__, "family", replace(debugged.run.family, output="embedding"))
    nan = float("nan")
    assert "no layer wins 3 dB over int8's 20.0 dB" in advice(with_layer(debugged, 256, nan, nan, db=2.9))
    assert "would win +3.5 dB." in advice(with_layer(debugged, 256, nan, nan, db=3.5))


def test_a_run_without_test_samples_is_an_error(debugged, monkeypatch):
    monkeypatch.setattr(debugged.run, "split", lambda: replace(debugged.run._split, test=debugged.run._split.test[:0]))
    with pytest.raises(SignportError, match="held back no test samples"):
        debug_quantization(debugged.run)
