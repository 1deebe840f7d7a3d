import logging

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings, strategies
from tests.drawn_clips import hand_frames, write_clip
from tests.service.serving import hand_picture

_SETTINGS = settings(
    max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module", autouse=True)
def valid_files(tmp_path_factory):
    """Tells schemathesis what a picture and a clip are: its own are empty, or of another type than they say."""
    pictures = [hand_picture(), hand_picture(0.8)]
    for kind in ("image/jpeg", "image/png", "image/webp"):
        schemathesis.openapi.media_type(kind, strategies.sampled_from(pictures))
    clip = write_clip(tmp_path_factory.mktemp("clip") / "hand.mp4", hand_frames(2)).read_bytes()
    for kind in ("video/mp4", "video/quicktime", "video/webm", "video/x-msvideo"):
        schemathesis.openapi.media_type(kind, strategies.just(clip))


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("uvicorn.access").disabled = True
    yield
    logging.getLogger("uvicorn.access").disabled = False


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("served", ["hands", "clips"])
def test_the_service_does_what_its_document_says(served, mode, request):
    schema = schemathesis.openapi.from_url(f"{request.getfixturevalue(served).url}/openapi.json")
    answered = set()
    for operation in (found.ok() for found in schema.get_all_operations()):
        if mode == schemathesis.GenerationMode.NEGATIVE and operation.method == "get":
            continue  # nothing that could be wrong

        @_SETTINGS
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            answered.add(case.call_and_validate().status_code)

        check()
    assert (200 if mode == schemathesis.GenerationMode.POSITIVE else 422) in answered


def test_the_document_names_what_the_model_cannot_answer_nowhere(hands, clips):
    paths = {name: served.client.get("/openapi.json").json()["paths"] for name, served in locals().items()}
    root = "/api/v1/asl/recognitions"
    others = {f"{root}/landmarks", "/health", "/model", "/metrics"}
    assert set(paths["hands"]) == {root, *others}
    assert set(paths["clips"]) == {f"{root}/clips", *others}
