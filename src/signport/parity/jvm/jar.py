"""The runnable jar of the Kotlin library: what `make kotlin` builds into the package and the target `jvm` starts."""

import shutil
from pathlib import Path

from signport.errors import SignportError
from signport.files import read_json, sha256_bytes, sha256_file, write_bytes, write_json

MAKE = "make kotlin"
FOLDER = Path(__file__).parent / "jar"
JAR = FOLDER / "signport-parity.jar"
MANIFEST = FOLDER / "manifest.json"
SOURCES = Path(__file__).parents[4] / "export/kotlin"
# What the jar is made of; tests and the example are not in it.
_MODULES = ("runtime", "parity")


def sources_digest() -> str:
    """SHA-256 over what the jar is built from; "" where that is not here (an installed wheel has the jar alone)."""
    files = [SOURCES / "pom.xml"]
    for module in _MODULES:
        files += [SOURCES / module / "pom.xml", *sorted((SOURCES / module / "src").glob("*/**/*.kt"))]
    files = [path for path in files if path.is_file() and "test" not in path.relative_to(SOURCES).parts]
    lines = [f"{sha256_file(path)}  {path.relative_to(SOURCES).as_posix()}\n" for path in files]
    return sha256_bytes("".join(lines).encode()) if files else ""


def install(built: Path) -> Path:
    """Puts a jar that was built from the sources as they are now into the package."""
    write_bytes(JAR, built.read_bytes())
    write_json(MANIFEST, {"sources": sources_digest(), "sha256": sha256_file(JAR)})
    return JAR


def find_jar() -> Path:
    """The jar of this version of the sources.

    Raises:
        SignportError: There is none, it is damaged, or it was built from other sources.
    """
    if not JAR.is_file() or not MANIFEST.is_file():
        raise SignportError(f"the Kotlin library is not built; build it with `{MAKE}`")
    manifest = read_json(MANIFEST)
    if manifest.get("sha256") != sha256_file(JAR):
        raise SignportError(f"{JAR}: damaged; build it again with `{MAKE}`")
    if sources_digest() not in {"", manifest.get("sources")}:
        raise SignportError(f"{JAR}: built from other sources than export/kotlin holds; build it with `{MAKE}`")
    return JAR


def find_java() -> str:
    """Java's program.

    Raises:
        SignportError: There is none on the search path.
    """
    found = shutil.which("java")
    if found is None:
        raise SignportError("no Java on the search path; `make setup-targets` brings it")
    return found
