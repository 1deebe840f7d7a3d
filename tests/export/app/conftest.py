import pytest
from tests.export.app.exported_run import exported_run, mark


@pytest.fixture
def run(tmp_path):
    return exported_run(tmp_path / "mlp-001")


@pytest.fixture
def other(tmp_path):
    return exported_run(tmp_path / "mlp-002", classes=("X", "Y"))


@pytest.fixture
def app(tmp_path):
    """A JVM module."""
    mark(tmp_path, "app/src/main/resources/")
    return tmp_path / "app"
