"""Links in an app: none leads a write out of it, and those within it are followed."""

import pytest
from tests.export.app.exported_run import KOTLIN, MODELS, actions, files_below, mark, only

from signport.errors import SignportError
from signport.export.app_resources import embed


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("link", ["src", "src/main", "src/main/resources", MODELS, f"{MODELS}/mlp"])
def test_no_link_leads_out_of_the_app(run, tmp_path, outside, link):
    app = tmp_path / "linked"
    mark(app, "x/")
    (outside / "main/resources/models/mlp").mkdir(parents=True)
    (outside / "resources/models").mkdir(parents=True)
    mark(app, f"{link}/")
    (app / link).rmdir()
    (app / link).symlink_to(outside)
    with pytest.raises(SignportError, match="lies outside the app"):
        embed(run, app, into=MODELS)
    assert files_below(outside) == []


@pytest.mark.parametrize("link", ["src/main/kotlin", "src/main/kotlin/com"])
def test_constants_are_not_written_through_a_link_out_of_the_app(run, app, outside, link):
    (app / link).parent.mkdir(parents=True, exist_ok=True)
    (app / link).symlink_to(outside)
    with pytest.raises(SignportError, match="lies outside the app"):
        embed(run, app, package="com.example")
    assert files_below(outside) == []
    assert files_below(app) == [link]


@pytest.mark.parametrize("content", [b"precious", b"mlp-001 in int8", None])
def test_a_file_that_is_a_link_is_replaced_not_followed(run, app, outside, content):
    link, target = app / MODELS / "mlp/model_int8.tflite", outside / "model.tflite"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    if content is not None:
        target.write_bytes(content)
    placed = only(embed(run, app), "replaced")
    assert placed.before == f"a link to {target}"
    assert not link.is_symlink()
    assert link.read_bytes() == b"mlp-001 in int8"
    assert (target.read_bytes() if content is not None else None) == content
    assert target.exists() == (content is not None)


def test_a_file_shared_by_a_hard_link_is_not_written_through(run, app, outside):
    mark(app, f"{MODELS}/mlp/")
    (outside / "labels.txt").write_text("mine")
    (app / MODELS / "mlp/labels.txt").hardlink_to(outside / "labels.txt")
    embed(run, app)
    assert (outside / "labels.txt").read_text() == "mine"


def test_a_link_within_the_app_is_followed(run, app):
    mark(app, "shared/models/")
    (app / MODELS).symlink_to(app / "shared/models")
    embed(run, app, package="com.example")
    assert "mlp/model_int8.tflite" in files_below(app / "shared/models")
    assert '"models/mlp/model_int8.tflite"' in (app / KOTLIN).read_text()
    assert set(actions(embed(run, app, package="com.example")).values()) == {"already up to date"}
