"""Kotlin's compiler, from Maven Central, run by plain `java`."""

import subprocess
from pathlib import Path

from tests.kotlin.maven import PROJECT, pom_properties, require_maven

_VERSION = pom_properties(PROJECT / "pom.xml")["kotlin.version"]
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>signport.test</groupId>
  <artifactId>kotlin-compiler</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.jetbrains.kotlin</groupId>
      <artifactId>kotlin-compiler-embeddable</artifactId>
      <version>{_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_CLASSPATH = ["mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath.txt"]


def compile_and_run(folder: Path, sources: list[Path], main: str) -> str:
    """What a main class prints; its sources are compiled in explicit API mode, with warnings as errors."""
    require_maven()
    classpath = _classpath(folder)
    standard = next(jar for jar in classpath.split(":") if "/kotlin-stdlib-" in jar)
    options = ["-no-stdlib", "-no-reflect", "-Xexplicit-api=strict", "-Werror", "-classpath", standard]
    compiler = ["java", "-Xmx1g", "-cp", classpath, "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", *options]
    _run(folder, [*compiler, "-d", folder / "classes", *sources])
    return _run(folder, ["java", "-cp", f"{folder / 'classes'}:{standard}", main])


def _classpath(folder: Path) -> str:
    (folder / "pom.xml").write_text(_POM)
    try:
        # Without asking the network first, as it is after the first time.
        subprocess.run([*_CLASSPATH, "-o"], cwd=folder, check=True, capture_output=True, timeout=300)
    except subprocess.CalledProcessError:
        _run(folder, _CLASSPATH)
    return (folder / "classpath.txt").read_text().strip()


def _run(folder: Path, command: list) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout
