import pytest

# They take longest: they start first, so that no process waits for them alone at the end.
_FIRST = ("test_readme.py", "test_devices.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files in front, in this order."""
    items.sort(key=lambda item: _FIRST.index(item.path.name) if item.path.name in _FIRST else len(_FIRST))
