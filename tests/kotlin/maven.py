"""Maven, where it is; the tests that need it are skipped elsewhere, but not where everything was installed."""

import os
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "export/kotlin"
POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def require_maven() -> None:
    """Skips the test where Java or Maven is missing; fails it where nothing may be missing."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        reason = "no Java or Maven; `make setup-targets` brings both"
        (pytest.fail if os.environ.get("SIGNPORT_ALL_TARGETS") else pytest.skip)(reason)


def maven(pom: Path, *arguments: str) -> None:
    """Runs Maven on a project; the end of what it says is in the failure."""
    require_maven()
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(pom), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def pom_properties(pom: Path) -> dict[str, str]:
    """The properties of a project."""
    found = ET.parse(pom).getroot().find("m:properties", POM)
    return {} if found is None else {one.tag.partition("}")[2]: one.text or "" for one in found}
