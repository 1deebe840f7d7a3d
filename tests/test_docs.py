"""The documentation: it builds without a warning, its commands exist, its links lead somewhere, its examples run."""

import ast
import doctest
import inspect
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer.main
from tests.parity.family_runs import family_run
from typer.testing import CliRunner

import signport as sp
from signport.cli.main import app
from signport.training.recipe import load_recipe, recipe_names, to_mapping

ROOT = Path(__file__).parents[1]
PAGES = {path.relative_to(ROOT / "docs").as_posix(): path for path in sorted((ROOT / "docs").rglob("*.md"))}
# A run's folder of exported files has the name of the folder of the device-side projects.
OF_A_RUN = ("export/model_", "export/card.json")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def text_of(page: str) -> str:
    return PAGES[page].read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    """The `signport` commands of a page's shell blocks."""
    fenced = re.findall(r"```sh\n(.*?)```", text_of(page), flags=re.DOTALL)
    lines = [line.strip() for line in "\n".join(fenced).replace("\\\n", " ").splitlines()]
    found = [re.sub(r"^(\w+=\S+ )+", "", line) for line in lines]
    return [line for line in found if line.startswith("signport ")]


def named_commands(page: str) -> list[str]:
    """The `signport` commands that a page's text names, with or without what they need."""
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    return [" ".join(code.split()) for code in re.findall(r"`(signport [^`]+)`", text)]


def parse(command: str, *, whole: bool = True) -> None:
    """Takes a command apart as the command line would, and runs nothing; not `whole`: it may lack what is required."""
    words = shlex.split(command)[1:]
    group, name = typer.main.get_command(app), "signport"
    while hasattr(group, "commands"):
        if words and words[0] in group.commands:
            name = words.pop(0)
        elif name == "parity":
            name = "check"
        elif not words or words == ["--help"]:
            return
        group = group.commands[name]
    try:
        group.make_context(name, words, resilient_parsing=not whole)
    except (SystemExit, typer.Exit):
        assert "--help" in words


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """What `make docs` builds."""
    program = Path(sys.executable).with_name("mkdocs")
    if not program.is_file():
        pytest.skip("mkdocs is not here; `make setup` installs it")
    folder = tmp_path_factory.mktemp("site")
    command = [program, "build", "--strict", "--quiet", "--site-dir", folder]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # Material's advertisement looks like a warning
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.mark.slow
def test_it_builds_without_a_warning(site):
    names = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {"index.html", "reference/cli.html", "families/mlp.html"} <= names


@pytest.mark.slow
def test_a_built_page_loads_nothing_from_elsewhere(site):
    loaded = r"<(?:script|img|iframe)[^>]*src=\"(https?:[^\"]+)|<link[^>]*rel=\"stylesheet\"[^>]*href=\"(https?:[^\"]+)"
    for path in site.rglob("*.html"):
        assert not re.findall(loaded, path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_every_command_has_its_section(site):
    page = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for name in typer.main.get_command(app).commands:
        assert f'id="signport-{name}' in page, name


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site):
    page = "".join(path.read_text(encoding="utf-8") for path in (site / "reference").glob("*.html"))
    for name in sp.__all__:
        assert re.search(rf'id="[\w.-]*\b{name}"', page), name


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_exist(page):
    told = [(command, True) for command in commands(page)] + [(command, False) for command in named_commands(page)]
    for command, whole in told:
        try:
            parse(command, whole=whole)
        except Exception as error:  # noqa: BLE001  # whatever the parser raises, the page is wrong
            pytest.fail(f"{page}: {command}: {error}")


def test_a_command_that_does_not_exist_would_be_found():
    with pytest.raises(Exception, match="--warp"):
        parse("signport train mlp --data hands.parquet --warp 9")


@pytest.mark.parametrize("page", PAGES)
def test_its_links_and_pictures_exist(page):
    for target in re.findall(r"\]\(([^)#\s]+)", text_of(page)):
        if not re.match(r"https?:", target):
            assert (PAGES[page].parent / target).exists() or target == "reference/cli.md", target


@pytest.mark.parametrize("page", PAGES)
def test_its_scripts_and_targets_exist(page):
    text = text_of(page)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE):
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE), f"make {name}"
    for name in re.findall(r"(?<![\w/.])((?:benchmarks|tools|docker|export|\.github)/[\w./-]*\w)", text):
        assert (ROOT / name).exists() or name.startswith(OF_A_RUN), name


@cache
def recipe_keys() -> frozenset[str]:
    """All keys of all recipes, such as `training.epochs`."""
    found = set()

    def walk(section: dict, path: str) -> None:
        for key, value in section.items():
            found.add(f"{path}{key}")
            if isinstance(value, dict):
                walk(value, f"{path}{key}.")

    for name in recipe_names():
        walk(to_mapping(load_recipe(name)), "")
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES)
def test_its_recipe_keys_exist(page):
    named = re.findall(r"\b((?:model|data|training|quantization|logging)(?:\.[a-z_0-9]+)+)(?=[`:= ,])", text_of(page))
    for key in named:
        if not key.endswith((".py", ".md", ".yaml", ".task", ".tflite", ".keras", ".csv", ".npy", ".classify")):
            assert key in recipe_keys(), key


def test_every_recipe_and_family_is_shown():
    shown = "".join(text_of(page) for page in PAGES if page.startswith("families/"))
    for name in recipe_names():
        assert f'--8<-- "src/signport/training/recipes/{name}.yaml"' in shown
        assert f"{name}-graph.png" in shown


def test_pictures_are_small():
    for path in (ROOT / "docs").rglob("*.png"):
        assert path.stat().st_size < 350_000, path


def write_parquet_clips(folder: Path) -> None:
    """Four clips of two signs, as WLASL's landmarks come."""
    folder.mkdir()
    rows = [f"{number}.parquet,{sign},{number}" for number, sign in enumerate(["book", "book", "drink", "drink"])]
    (folder / "train.csv").write_text("\n".join(["path,sign,sequence_id", *rows]), encoding="utf-8")
    parts = {"pose": 33, "left_hand": 21, "right_hand": 21, "face": 468}
    points = [(part, index, frame) for frame in range(3) for part, count in parts.items() for index in range(count)]
    kinds, indices, frames = zip(*points, strict=True)
    columns = {"type": kinds, "landmark_index": indices, "frame": frames}
    for number in range(4):
        values = np.random.default_rng(number).random((3, len(points)))
        pq.write_table(pa.table({**columns, **dict(zip("xyz", values, strict=True))}), folder / f"{number}.parquet")


def test_the_import_commands_of_the_page_about_data_read_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(re.findall(r"```python\n(.*?)```", text_of("data.md"), flags=re.DOTALL)[0], {})
    write_parquet_clips(Path("wlasl"))
    header = ["label", "signer", *(f"{axis}{point}" for point in range(21) for axis in "xyz")]
    rows = [header, *([label, "anna", *["0.5"] * 63] for label in "ABAB")]
    Path("table.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    for action, sequence in itertools.product(["hello", "thanks"], range(2)):
        for path, values in (
            (Path("MP_Data", action, str(sequence), "0.npy"), np.full(225, 0.5)),
            (Path("clips", f"{action}-{sequence}.npy"), np.full((9, 408), 0.5)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, values)
    labels = {f"{action}-{sequence}.npy": action for action in ("hello", "thanks") for sequence in range(2)}
    Path("clips", "file_to_label.json").write_text(json.dumps(labels), encoding="utf-8")
    imports = [command for command in commands("data.md") if command.startswith("signport import ")]
    assert len(imports) == 5
    for command in imports:
        done = CliRunner().invoke(app, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}: {done.output} {done.exception}"
        assert "samples of 2 classes" in done.output


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Path:
    """Where the examples run: a cache, an exported run, photographs, clips."""
    folder = tmp_path_factory.mktemp("reader")
    made = family_run(tmp_path_factory, "mlp")
    shutil.copytree(made, folder / "runs" / "mlp-001")
    shutil.copy(made.parent / "hands.parquet", folder)
    sp.render_hands(folder / "drawn", "asl22", per_class=2, size=192, detect=False)
    for name in ("A", "B"):
        shutil.copytree(folder / "drawn" / name, folder / "photos" / name)
    write_parquet_clips(folder / "wlasl")
    return folder


def example_of(name: str) -> doctest.DocTest:
    value = getattr(sp, name)
    names = {"sp": sp, "np": np, "Path": Path, "itertools": itertools}
    return doctest.DocTestParser().get_doctest(
        inspect.getdoc(value) or "", names, name, inspect.getsourcefile(value), 0
    )


@pytest.mark.parametrize("name", sp.__all__)
def test_its_example_names_what_exists(name):
    example = example_of(name)
    assert example.examples, "no example"
    called = False
    for statement in example.examples:
        for node in ast.walk(ast.parse(statement.source)):
            if isinstance(node, ast.Call) and re.match(r"sp\.\w+$", ast.unparse(node.func)):
                function = getattr(sp, ast.unparse(node.func).removeprefix("sp."))
                inspect.signature(function).bind(*node.args, **{entry.arg: entry.value for entry in node.keywords})
                called |= ast.unparse(node.func) == f"sp.{name}"
            called |= isinstance(node, ast.Attribute) and ast.unparse(node.value) == f"sp.{name}"
    assert called, "the example does not use it"


@pytest.mark.slow
@pytest.mark.parametrize("name", sp.__all__)
def test_its_example_runs(name, reader, monkeypatch):
    monkeypatch.chdir(reader)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(example_of(name), out=said.append)
    assert not runner.failures, "".join(said)
