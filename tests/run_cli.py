"""The command line in this process, where monkeypatches hold."""

import pytest

from signport.cli.main import main


def run_cli(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Runs `signport` with these arguments and returns its exit status."""
    monkeypatch.setattr("sys.argv", ["signport", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
