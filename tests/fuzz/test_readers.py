"""Some hundred mutated inputs on every reader, and all that was ever found; `make fuzz` tries many more.

`found/<reader>/` holds the inputs that once made a reader fail, each named for what went wrong.
"""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.fuzz.readers import READERS

_FOUND = sorted(path for path in Path(__file__).with_name("found").glob("*/*") if path.is_file())
_EXAMPLES = 100
# What parsers trip over: lengths and offsets at the edges of their types, and values that text formats know.
_NUMBERS = [struct.pack(form, value) for form, value in (("<i", -1), ("<i", 2**31 - 1), ("<q", -1), (">I", 2**32 - 1))]
_WORDS = [
    b"nan",
    b"1e999",
    b"null",
    b"{}",
    b"[]",
    b"[" * 2000,
    b"-1",
    b"9" * 5000,
    b"\\ud800",
    b"\0",
    b"\n",
    b",",
    b"'",
]
_PIECE = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([*_NUMBERS, *_WORDS]))
_PLACE = st.floats(0, 1)
_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("overwrite"), _PLACE, _PIECE),
        st.tuples(st.just("insert"), _PLACE, _PIECE),
        st.tuples(st.just("cut"), _PLACE, st.integers(1, 64)),
        st.tuples(st.just("end"), _PLACE, st.none()),
        st.tuples(st.just("repeat"), _PLACE, st.integers(1, 64)),
    ),
    max_size=4,
)


def _edited(content: bytes, edits: list[tuple]) -> bytes:
    for kind, place, what in edits:
        start = round(place * len(content))
        if kind == "overwrite":
            content = content[:start] + what + content[start + len(what) :]
        elif kind == "insert":
            content = content[:start] + what + content[start:]
        elif kind == "cut":
            content = content[:start] + content[start + what :]
        elif kind == "repeat":
            content = content[: start + what] + content[start:]
        else:
            content = content[:start]
    return content


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_what_signport_writes(name):
    reader = READERS[name]
    accepted = [reader(content) for content in reader.seeds()]
    assert any(accepted)


@pytest.mark.parametrize("name", READERS)
def test_a_reader_refuses_damaged_input_with_its_own_error(name):
    reader = READERS[name]

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.sampled_from(range(len(reader.seeds()))), edits=_EDITS)
    def check(seed: int, edits: list[tuple]) -> None:
        reader(_edited(reader.seeds()[seed], edits))

    check()


@pytest.mark.parametrize("path", _FOUND, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_found_stays_mended(path):
    READERS[path.parent.name](path.read_bytes())
