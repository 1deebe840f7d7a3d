"""Builds the Kotlin library and its runnable jar: `make kotlin`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from signport.errors import SignportError
from signport.parity.jvm import jar
from signport.parity.parts import SETUP, run_build

_BUILT = "signport-parity/signport-parity-all.jar"


def build() -> Path:
    """Compiles `export/kotlin` with Maven and puts the jar into the package; one that is up to date is left alone.

    Raises:
        SignportError: Java or Maven is missing, or the build fails.
    """
    try:
        return jar.find_jar()
    except SignportError:
        pass  # the reason to build it
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        raise SignportError(f"Java or Maven is not installed; `{SETUP}` brings both")
    with tempfile.TemporaryDirectory(prefix="signport-kotlin-") as folder:
        command = [maven, "--quiet", "--batch-mode", "--file", str(jar.SOURCES / "pom.xml"), "package", "-DskipTests"]
        command += ["--projects", "parity", "--also-make", f"-Dsignport.build={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
            raise SignportError(f"Maven: {lines[0] if lines else f'exit status {done.returncode}'}")
        return jar.install(Path(folder) / _BUILT)


if __name__ == "__main__":
    sys.exit(run_build(build))
