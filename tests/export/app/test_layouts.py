import pytest
from tests.export.app.exported_run import LAYOUTS, mark

from signport.errors import SignportError
from signport.export.app.layouts import find_candidates, models_folder


def _found(app):
    return [(str(one.models.relative_to(app)), one.kind) for one in find_candidates(app)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_found(tmp_path, layout):
    marked, models = LAYOUTS[layout]
    mark(tmp_path, marked)
    assert models_folder(tmp_path) == tmp_path / models


@pytest.mark.parametrize(
    ("build_file", "text", "sources", "models", "kind"),
    [
        ("build.gradle.kts", 'plugins { kotlin("jvm") }', "src/main/kotlin", "src/main/resources", "JVM"),
        ("build.gradle", "plugins { id 'java' }", "src/main/java", "src/main/resources", "JVM"),
        ("pom.xml", "<project/>", "src/main/java", "src/main/resources", "JVM"),
        ("pom.xml", "<project/>", None, "src/main/resources", "JVM"),
        ("build.gradle.kts", 'id("com.android.library")', "src/main/kotlin", "src/main/assets", "Android"),
        ("build.gradle.kts", "alias(libs.plugins.androidApplication)", "src/main/java", "src/main/assets", "Android"),
        (
            "build.gradle.kts",
            'kotlin("multiplatform")\nid("com.android.library")',
            "src/commonMain/kotlin",
            "src/jvmMain/resources",
            "Kotlin Multiplatform",
        ),
        (
            "build.gradle.kts",
            "alias(libs.plugins.kotlinMultiplatform)",
            None,
            "src/jvmMain/resources",
            "Kotlin Multiplatform",
        ),
    ],
)
def test_a_build_file_marks_a_module_without_resources(tmp_path, build_file, text, sources, models, kind):
    mark(tmp_path, f"lib/{build_file}", text)
    if sources:
        mark(tmp_path, f"lib/{sources}/")
    assert _found(tmp_path) == [(f"lib/{models}/models", kind)]


def test_a_module_with_resources_comes_before_those_without(tmp_path):
    for name in ("a", "b"):
        mark(tmp_path, f"{name}/build.gradle.kts")
        mark(tmp_path, f"{name}/src/main/kotlin/")
    mark(tmp_path, "b/src/main/resources/")
    assert models_folder(tmp_path) == tmp_path / "b/src/main/resources/models"


def test_what_builds_the_app_is_no_module_of_it(tmp_path):
    mark(tmp_path, "settings.gradle.kts")
    mark(tmp_path, "build.gradle.kts", 'kotlin("multiplatform") apply false')
    mark(tmp_path, "buildSrc/build.gradle.kts")
    mark(tmp_path, "buildSrc/src/main/kotlin/")
    mark(tmp_path, "build-logic/build.gradle.kts", "plugins { `kotlin-dsl` }")
    mark(tmp_path, "build-logic/src/main/kotlin/")
    mark(tmp_path, "parent/pom.xml", "<packaging> pom </packaging>")
    mark(tmp_path, "core/build.gradle.kts")
    mark(tmp_path, "core/src/main/kotlin/")
    mark(tmp_path, "build/tmp/src/main/resources/")
    mark(tmp_path, "core/src/main/templates/app/src/main/resources/")
    assert _found(tmp_path) == [("core/src/main/resources/models", "JVM")]


def test_public_is_the_webs_only_beside_a_package_json(tmp_path):
    mark(tmp_path, "web/public/")
    with pytest.raises(SignportError, match="no place for models found"):
        models_folder(tmp_path)
    mark(tmp_path, "web/package.json", "{}")
    assert models_folder(tmp_path) == tmp_path / "web/public/models"


def test_an_android_module_reads_assets_whatever_else_it_has(tmp_path):
    mark(tmp_path, "app/src/main/AndroidManifest.xml")
    mark(tmp_path, "app/src/main/resources/")
    assert _found(tmp_path) == [("app/src/main/assets/models", "Android")]


def test_the_first_app_is_known_by_its_module(tmp_path):
    mark(tmp_path, LAYOUTS["first"][0])
    mark(tmp_path, "desktop/src/main/resources/models/")
    assert models_folder(tmp_path) == tmp_path / LAYOUTS["first"][1]


def test_several_places_are_listed_with_what_they_are(tmp_path):
    mark(tmp_path, "a/src/main/resources/")
    mark(tmp_path, "b/src/commonMain/composeResources/")
    mark(tmp_path, "b/src/jvmMain/")
    with pytest.raises(SignportError) as error:
        models_folder(tmp_path)
    assert "a/src/main/resources/models (JVM), " in str(error.value)
    assert "b/src/commonMain/composeResources/files/models (Compose Multiplatform), " in str(error.value)
    assert "b/src/jvmMain/resources/models (Kotlin Multiplatform); choose one with --into" in str(error.value)


def test_of_several_places_the_one_that_holds_models_is_meant(tmp_path):
    mark(tmp_path, "a/src/main/resources/")
    mark(tmp_path, "b/src/main/resources/models/")
    assert models_folder(tmp_path) == tmp_path / "b/src/main/resources/models"
    mark(tmp_path, "a/src/main/resources/models/")
    with pytest.raises(SignportError, match="models could go to any of"):
        models_folder(tmp_path)
