import pytest

from signport.errors import SignportError
from signport.files import read_json, write_json
from signport.parity.jvm import jar


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A jar folder and Kotlin sources of this test's own."""
    sources = tmp_path / "kotlin"
    for module in ("runtime", "parity"):
        (sources / module / "src/main/kotlin").mkdir(parents=True)
        (sources / module / "src/test/kotlin").mkdir(parents=True)
        (sources / module / "pom.xml").write_text("<project/>", encoding="utf-8")
        (sources / module / "src/main/kotlin/A.kt").write_text("class A", encoding="utf-8")
    monkeypatch.setattr(jar, "SOURCES", sources)
    monkeypatch.setattr(jar, "FOLDER", tmp_path / "jar")
    monkeypatch.setattr(jar, "JAR", tmp_path / "jar/signport-parity.jar")
    monkeypatch.setattr(jar, "MANIFEST", tmp_path / "jar/manifest.json")
    built = tmp_path / "built.jar"
    built.write_bytes(b"a jar")
    return sources, built


def test_what_was_built_is_found(package):
    _, built = package
    with pytest.raises(SignportError, match=r"not built; build it with `make kotlin`"):
        jar.find_jar()
    assert jar.install(built) == jar.find_jar() == jar.JAR
    assert jar.JAR.read_bytes() == b"a jar"


def test_changed_sources_make_it_stale(package):
    sources, built = package
    jar.install(built)
    (sources / "runtime/src/test/kotlin/ATest.kt").write_text("class ATest", encoding="utf-8")
    jar.find_jar()
    (sources / "runtime/src/main/kotlin/A.kt").write_text("class A(val b: Int)", encoding="utf-8")
    with pytest.raises(SignportError, match=r"built from other sources than export/kotlin holds"):
        jar.find_jar()


def test_an_installed_package_has_no_sources_to_compare_with(package, tmp_path, monkeypatch):
    jar.install(package[1])
    monkeypatch.setattr(jar, "SOURCES", tmp_path / "nowhere")
    assert jar.find_jar() == jar.JAR


def test_a_damaged_jar_is_not_run(package):
    jar.install(package[1])
    jar.JAR.write_bytes(b"half a j")
    with pytest.raises(SignportError, match=r"signport-parity\.jar: damaged; build it again"):
        jar.find_jar()
    manifest = read_json(jar.MANIFEST)
    write_json(jar.MANIFEST, {**manifest, "sha256": None})
    with pytest.raises(SignportError, match="damaged"):
        jar.find_jar()
    jar.MANIFEST.unlink()
    with pytest.raises(SignportError, match="not built"):
        jar.find_jar()


def test_a_machine_without_java_says_what_brings_it(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SignportError, match="no Java on the search path; `make setup-targets` brings it"):
        jar.find_java()
