"""The wheel holds the whole package, and nothing else."""

import zipfile

import pytest
import wheel_check


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not wheel_check.UV.is_file():
        pytest.skip("no uv in this checkout; `make setup`")
    return wheel_check.build(tmp_path_factory.mktemp("wheel"))


def test_it_holds_every_file_of_the_package_and_nothing_else(wheel):
    held = wheel_check.contents(wheel)
    assert {
        "signport/py.typed",
        "signport/training/recipes/mlp.yaml",
        "signport/service/page/index.html",
        "signport/parity/report/report.css",
    } <= held
    assert wheel_check.committed() <= held
    built = held - wheel_check.committed()
    assert all(name.startswith(("signport/parity/browser/page/", "signport/parity/jvm/jar/")) for name in built), built


def test_it_says_how_it_is_called_and_under_which_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        texts = {
            name.split("/", 1)[1]: archive.read(name).decode() for name in archive.namelist() if "dist-info" in name
        }
    assert "signport = signport.cli.main:main" in texts["entry_points.txt"]
    assert "Apache License" in texts["licenses/LICENSE"]
    assert "Provides-Extra: serve" in texts["METADATA"]
