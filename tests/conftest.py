import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The README's commands take longest: they start first, so that no process waits for them alone at the end."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
