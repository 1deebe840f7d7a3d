import json
import shutil

import pytest
from tests.training.conftest import made_up_cache

from signport.errors import SignportError
from signport.training.run import Run


def test_a_cache_that_changed_is_not_taken_for_the_old_one(trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)
    other = made_up_cache(seed=5).write(tmp_path / "other.parquet")
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "cache": {**record["cache"], "path": str(other.path)}}))
    with pytest.raises(SignportError, match=r"other\.parquet: changed since run copy was trained on it"):
        Run.open(copy).cache()
    other.path.unlink()
    with pytest.raises(SignportError, match=r"other\.parquet: the landmark cache of run copy is gone"):
        Run.open(copy).cache()


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"classes": []}'])
def test_a_folder_that_is_no_run_is_refused(tmp_path, content):
    with pytest.raises(SignportError, match="not a run"):
        Run.open(tmp_path)
    (tmp_path / "recipe.yaml").write_text("family: mlp")
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(SignportError, match=r"run\.json"):
        Run.open(tmp_path)
