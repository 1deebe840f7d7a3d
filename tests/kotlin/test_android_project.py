"""`export/android` against facts: no Gradle runs here, so what it would trip over is looked for instead."""

import re
import tomllib
import xml.etree.ElementTree as ET
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from tests.kotlin.maven import POM, PROJECT, maven, pom_properties

from signport.export.convert import FORMATS
from signport.export.export_folder import CARD_FILE, TASK_CARD_FILE, TASK_FILE
from signport.export.golden import GOLDEN_FILE, IMAGES_FILE
from signport.export.metadata import LABELS_FILE

ROOT = Path(__file__).parents[2] / "export"
ANDROID, KOTLIN = ROOT / "android", PROJECT
BUILD = (ANDROID / "parity/build.gradle.kts").read_text(encoding="utf-8")
CATALOG = tomllib.loads((ANDROID / "gradle/libs.versions.toml").read_text(encoding="utf-8"))
CHECK = ANDROID / "check/pom.xml"
MEDIAPIPE = ANDROID / "parity/src/mediapipe/kotlin/signport/android/parity/MediaPipeTask.kt"
STAND_IN = ANDROID / "check/src/kotlin/signport/android/parity/MediaPipeTask.kt"
_TEXTS = ("*.kts", "*.kt", "*.xml", "*.toml", "*.properties")


def _dependencies(pom: Path) -> dict[str, str]:
    """Artifact → version, as the file writes it."""
    found = ET.parse(pom).getroot().findall("m:dependencies/m:dependency", POM)
    return {
        f"{one.findtext('m:groupId', '', POM)}:{one.findtext('m:artifactId', '', POM)}": (
            one.findtext("m:version", "", POM)
        )
        for one in found
    }


def _source_folders() -> list[str]:
    return [
        folder
        for call in re.findall(r"srcDirs\(([^)]*)\)", BUILD, flags=re.DOTALL)
        for folder in re.findall(r'"([^"]+)"', call)
    ]


def test_it_runs_from_android_7_on_as_the_library_does():
    assert re.search(r"minSdk = 24\b", BUILD)
    signatures = (KOTLIN / "pom.xml").read_text(encoding="utf-8")
    assert "android-api-level-24" in signatures


def test_versions_are_those_that_maven_compiles_and_tests_with():
    parent, parity, check = (pom_properties(pom) for pom in (KOTLIN / "pom.xml", KOTLIN / "parity/pom.xml", CHECK))
    versions = CATALOG["versions"]
    assert versions["kotlin"] == parent["kotlin.version"]
    assert versions["flatbuffers"] == parent["flatbuffers.version"]
    assert versions["serialization"] == parity["serialization.version"] == check["serialization.version"]
    assert versions["androidx-test-junit"] == _dependencies(CHECK)["androidx.test.ext:junit"]


def test_the_library_has_the_version_of_the_package():
    poms = [KOTLIN / "pom.xml", *(KOTLIN / module / "pom.xml" for module in ("runtime", "parity", "example")), CHECK]
    for pom in poms:
        root = ET.parse(pom).getroot()
        own, parent = root.findtext("m:version", None, POM), root.findtext("m:parent/m:version", None, POM)
        assert (own or parent) == metadata.version("signport"), pom


def test_every_version_and_library_that_is_named_is_there_and_used():
    entries = [*CATALOG["libraries"].values(), *CATALOG["plugins"].values()]
    assert {one["version"]["ref"] for one in entries} == set(CATALOG["versions"])
    used = BUILD + (ANDROID / "build.gradle.kts").read_text(encoding="utf-8")
    for name in CATALOG["libraries"]:
        assert f"(libs.{name.replace('-', '.')})" in used, name
    for name in CATALOG["plugins"]:
        assert f"(libs.plugins.{name.replace('-', '.')})" in used, name


def test_source_folders_are_there_and_shared_with_the_jvm():
    folders = _source_folders()
    assert len(folders) == 4
    for folder in folders:
        assert list((ANDROID / "parity" / folder).rglob("*.kt")), folder
    assert not any("/jvm/" in folder for folder in folders)
    compiled = {one.text for one in ET.parse(CHECK).iter(f"{{{POM['m']}}}sourceDir")}
    here = {(ANDROID / "parity" / folder).resolve() for folder in folders if "mediapipe" not in folder}
    there = {Path(str(text).replace("${project.basedir}", str(CHECK.parent))).resolve() for text in compiled}
    assert here | {(CHECK.parent / "src/kotlin").resolve()} == there


def test_every_file_of_an_export_becomes_an_asset():
    found = re.search(r"include\((.*?)\)", BUILD, flags=re.DOTALL)
    assert found
    patterns = re.findall(r'"([^"]+)"', found.group(1))
    models = [form.file_name for form in FORMATS.values()]
    for name in (CARD_FILE, LABELS_FILE, GOLDEN_FILE, IMAGES_FILE, TASK_FILE, TASK_CARD_FILE, *models):
        assert any(fnmatch(name, pattern) for pattern in patterns), name


def test_kotlin_looks_for_the_names_that_the_export_writes():
    sources = "".join(
        path.read_text(encoding="utf-8") for path in sorted((KOTLIN / "parity/src/main/kotlin").rglob("*.kt"))
    )
    for name in (CARD_FILE, LABELS_FILE, GOLDEN_FILE, IMAGES_FILE, TASK_FILE, TASK_CARD_FILE):
        assert f'"{name}"' in sources, name
    for name in FORMATS:
        assert f'("{name}"' in sources, name


def test_only_one_file_cannot_be_compiled_here_and_its_stand_in_has_its_shape():
    imports = {
        path.name for path in ANDROID.rglob("*.kt") if "import com.google.mediapipe" in path.read_text(encoding="utf-8")
    }
    assert imports == {MEDIAPIPE.name}
    told = re.search(r'version: String\s+get\(\) = "([^"]+)"', MEDIAPIPE.read_text(encoding="utf-8"))
    assert told
    assert told.group(1) == CATALOG["versions"]["mediapipe"]
    shapes = [
        re.findall(r"class (\w+)\([^:]*: (\w+)\) : (\w+)", path.read_text(encoding="utf-8"))[0]
        for path in (MEDIAPIPE, STAND_IN)
    ]
    assert shapes[0] == shapes[1]


def test_nothing_depends_on_where_it_was_written():
    for pattern in _TEXTS:
        for path in ANDROID.rglob(pattern):
            content = path.read_text(encoding="utf-8")
            assert not re.search(r"/(work|home|root|Users|tmp)/", content), path


@pytest.mark.slow
def test_what_needs_no_gradle_compiles_against_android(tmp_path):
    maven(CHECK, "compile", f"-Dsignport.build={tmp_path}")
    assert list(tmp_path.rglob("signport/android/parity/ParityTest.class"))
