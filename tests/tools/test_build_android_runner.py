"""The native runner's bundle: self-contained, the same every time, and what is missing is named."""

import re
import shutil
import subprocess

import build_android_runner
import pytest

from signport.errors import SignportError
from signport.files import read_json, sha256_file
from signport.parity.android.bundle import LIBRARY, LOADER, MANIFEST, RUNNER, find_bundle

READELF = "aarch64-linux-gnu-readelf"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def compiler():
    if shutil.which("aarch64-linux-gnu-gcc") is None:
        pytest.skip("no cross compiler; `apt install gcc-aarch64-linux-gnu`")


def test_the_bundle_needs_nothing_but_itself_and_is_the_same_every_time(compiler, cache, capsys):
    assert build_android_runner.main([]) == 0
    bundle = find_bundle()
    assert str(bundle.folder) in capsys.readouterr().out
    names = {path.name for path in bundle.folder.iterdir()} - {MANIFEST}
    assert {LOADER, LIBRARY, RUNNER, "libc.so.6"} <= names
    for name in names:
        dynamic = subprocess.run(
            [READELF, "--dynamic", bundle.folder / name], capture_output=True, text=True, check=True
        )
        assert set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic.stdout)) <= names
        header = subprocess.run(
            [READELF, "--file-header", bundle.folder / name], capture_output=True, text=True, check=True
        )
        assert "AArch64" in header.stdout
        assert (bundle.folder / name).stat().st_mode & 0o111
    manifest = read_json(bundle.folder / MANIFEST)
    assert manifest["litert"] == bundle.litert
    assert re.match(r"aarch64-linux-gnu-gcc \(Debian", manifest["compiler"])
    assert "libc6-arm64-cross" in manifest["packages"]
    first = {path.name: sha256_file(path) for path in bundle.folder.iterdir()}
    shutil.rmtree(bundle.folder)
    assert build_android_runner.build() == bundle.folder
    assert {path.name: sha256_file(path) for path in bundle.folder.iterdir()} == first


def test_a_new_bundle_takes_the_old_ones_place(compiler, cache):
    (cache / "android-runner-0123456789abcdef").mkdir()
    folder = build_android_runner.build()
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_sources_that_do_not_compile_leave_no_bundle(compiler, cache, tmp_path_factory, monkeypatch):
    sources = tmp_path_factory.mktemp("sources")
    (sources / "main.c").write_text("int main(void) { return nothing; }\n")
    monkeypatch.setattr(build_android_runner, "SOURCES", sources)
    with pytest.raises(SignportError, match=r"does not compile: .*nothing"):
        build_android_runner.build()
    assert list(cache.iterdir()) == []


def test_without_the_compiler_the_package_that_brings_it_is_named(cache, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(cache))
    assert build_android_runner.main([]) == 2
    assert capsys.readouterr().err == (
        "error: aarch64-linux-gnu-gcc: not installed; get it with `apt install gcc-aarch64-linux-gnu`\n"
    )
