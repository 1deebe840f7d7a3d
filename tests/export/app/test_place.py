import os
from pathlib import Path

import pytest
from tests.export.app.exported_run import LAYOUTS, mark

from signport.errors import SignportError
from signport.export.app.place import Place, file_inside, folder_inside


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("layout", "resources", "reader", "kotlin"),
    [
        ("kmp", "models", "getResourceAsStream", "shared/src/jvmMain/kotlin/a/b/X.kt"),
        ("compose", "files/models", "Res.readBytes", "ui/src/commonMain/kotlin/a/b/X.kt"),
        ("android", "models", "AssetManager", "app/src/main/kotlin/a/b/X.kt"),
        ("jvm", "models", "getResourceAsStream", "src/main/kotlin/a/b/X.kt"),
    ],
)
def test_code_reads_a_path_below_its_resources_and_lies_in_the_same_source_set(app, layout, resources, reader, kotlin):
    mark(app, LAYOUTS[layout][0])
    place = Place.find(app, None)
    assert place.models == app / LAYOUTS[layout][1]
    assert place.resources == Path(resources)
    assert reader in place.read_with
    assert place.kotlin_file("a.b", "X.kt") == app / kotlin


def test_kotlin_goes_to_java_only_where_only_that_is(app):
    mark(app, "src/main/resources/")
    mark(app, "src/main/java/")
    assert Place.find(app, None).kotlin_file("a", "X.kt") == app / "src/main/java/a/X.kt"
    mark(app, "src/main/kotlin/")
    assert Place.find(app, None).kotlin_file("a", "X.kt") == app / "src/main/kotlin/a/X.kt"


def test_a_named_folder_is_understood_as_the_source_set_it_lies_in(app):
    place = Place.find(app, "src/lib/src/desktopMain/resources/signs/v1")
    assert place.models == app / "src/lib/src/desktopMain/resources/signs/v1"
    assert place.resources == Path("signs/v1")
    assert place.kotlin_file("a", "X.kt") == app / "src/lib/src/desktopMain/kotlin/a/X.kt"
    assert Place.find(app, app / "src/main/resources").resources == Path()


@pytest.mark.parametrize("into", ["public/models", "models", "."])
def test_kotlin_needs_a_source_set(app, into):
    place = Place.find(app, into)
    with pytest.raises(SignportError, match=r"--package a\.b: no Kotlin source set belongs to"):
        place.kotlin_file("a.b", "X.kt")


def test_compose_packs_raw_files_from_one_folder_only(app):
    with pytest.raises(SignportError, match=r"composeResources/files/models$"):
        Place.find(app, "src/commonMain/composeResources/models")


@pytest.mark.parametrize("into", ["../outside", "a/../../outside", "..", "link", "link/deeper", "chain/new"])
def test_a_folder_outside_is_refused_however_it_is_reached(app, outside, into):
    (app / "link").symlink_to(outside)
    (app / "chain").symlink_to("link")
    for spelling in (into, app / into):
        with pytest.raises(SignportError, match="lies outside the app"):
            Place.find(app, spelling)
    with pytest.raises(SignportError, match="lies outside the app"):
        Place.find(app, outside)


def test_dots_follow_links_as_the_system_does(app, outside):
    (outside / "deep").mkdir()
    (app / "link").symlink_to(outside / "deep")
    assert os.path.normpath(app / "link/../models") == str(app / "models")
    with pytest.raises(SignportError, match="lies outside the app"):
        folder_inside(app, app / "link/../models")


def test_a_link_inside_the_app_is_followed(app):
    mark(app, "assets/")
    (app / "models").symlink_to("assets")
    assert folder_inside(app, app / "models/mlp") == app / "assets/mlp"
    assert file_inside(app, app / "models/mlp/x.tflite") == app / "assets/mlp/x.tflite"


@pytest.mark.parametrize("target", ["gone", "/nowhere/gone", "models"])
def test_a_link_that_leads_nowhere_is_refused(app, target):
    (app / "models").symlink_to(target)
    with pytest.raises(SignportError, match="is a link that leads nowhere"):
        folder_inside(app, app / "models/mlp")


def test_what_is_in_the_way_is_named(app):
    mark(app, "models", "a file")
    with pytest.raises(SignportError, match="is a file, where a folder belongs"):
        folder_inside(app, app / "models/mlp")
    mark(app, "labels.txt/")
    with pytest.raises(SignportError, match="is a folder, where a file of that name belongs"):
        file_inside(app, app / "labels.txt")
    os.mkfifo(app / "card.json")
    with pytest.raises(SignportError, match="is no ordinary file"):
        file_inside(app, app / "card.json")
