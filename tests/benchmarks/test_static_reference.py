"""`make reference` on single hands: who is a student, and who is held back."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reference"


@pytest.fixture
def sources(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "static_sources", raising=False)
    yield importlib.import_module("static_sources")
    sys.modules.pop("static_sources", None)


def _photographs(digits: str, first: int) -> list[str]:
    return [f"{digit}/IMG_{first + place}.JPG" for place, digit in enumerate(digits)]


def test_a_student_is_a_run_of_digits(sources):
    names = [*_photographs("01234567890112345678", 1118), *_photographs("5", 4039), *_photographs("0124356789", 4040)]
    found = sources.students(sorted(names))
    assert [found[name] for name in names] == [
        f"student {number:03d}" for number in [0] * 10 + [1] * 10 + [2] + [3] * 10
    ]


def test_every_student_is_held_back_once_and_beside_neighbours(sources):
    hand = np.random.default_rng(0).random((1, 21, 3)).astype(np.float32)
    samples = [Sample(f"A/{row:02d}", "A", hand, group=f"student {row // 2:03d}") for row in range(24)]
    cache = LandmarkCache.from_samples(samples, CacheHeader("hand", ("A",)))
    held_back = []
    for fold in range(sources.FOLDS):
        learned, tested = sources.fold_of(cache, fold)
        assert not set(learned.groups) & set(tested.groups)
        held_back += tested.sample_ids
    assert held_back == cache.sample_ids
