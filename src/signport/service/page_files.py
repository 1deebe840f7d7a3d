"""The files of the page that people open in a browser."""

from pathlib import Path

PAGE = Path(__file__).parent / "page"


def page_file(name: str) -> Path | None:
    """The file of this name, found among those that are there: a client's text never becomes a path."""
    if not PAGE.is_dir():
        return None
    return next((file for file in PAGE.iterdir() if file.name == name and file.is_file()), None)
