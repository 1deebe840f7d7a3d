import subprocess
import sys
from pathlib import Path

import pytest

import signport


@pytest.mark.parametrize("name", signport.__all__)
def test_every_public_name_leads_to_a_function_or_class(name):
    assert callable(getattr(signport, name))
    assert not isinstance(getattr(signport, name), type(signport))


def test_no_public_name_is_that_of_a_subpackage():
    packages = {path.name for path in Path(signport.__file__).parent.iterdir() if path.is_dir()}
    assert not packages & set(signport.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = signport.nonsense


@pytest.mark.parametrize("command", [["-c", "import signport"], ["-m", "signport.cli.main"]])
def test_nothing_heavy_is_imported_before_it_is_used(command):
    heavy = "tensorflow", "keras", "mediapipe", "cv2", "matplotlib", "pyarrow", "sklearn", "numpy"
    code = "import signport" if command[0] == "-c" else "import signport.cli.main"
    check = f"{code}; import sys; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
