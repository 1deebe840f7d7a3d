import json

import cv2
import httpx
import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.service.serving import API, NO_HAND, encoded, hand_picture, running

from signport.landmarks.hand_detector import HandDetector
from signport.models.litert import LiteRtModel

SPREADS = (0.8, 1.0, 1.3)
RANDOM = np.random.default_rng(1).normal(0.5, 0.2, (8, 21, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    with HandDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def model(hand_run):
    return LiteRtModel(hand_run / "export" / "model_int8.tflite")


@pytest.fixture(scope="module")
def labels(hand_run):
    return json.loads((hand_run / "export" / "card.json").read_text())["classes"]


def _post_landmarks(served, landmarks, details=False, **more):
    return served.client.post(
        f"{API}/landmarks", params={"details": details}, json={"landmarks": landmarks.tolist(), **more}
    )


def test_landmarks_are_answered_as_the_file_answers_them(hands, model, labels):
    letters = set()
    for points, wanted in zip(RANDOM, model.predict([RANDOM]), strict=True):
        said = _post_landmarks(hands, points, details=True, handedness="left").json()
        assert list(said["scores"]) == labels
        np.testing.assert_array_equal(np.array(list(said["scores"].values()), np.float32), wanted)
        best = labels[int(wanted.argmax())]
        assert said["letter"] == (None if best == "None" else best)
        assert (said["confidence"], said["handedness"]) == (said["scores"][best], "left")
        letters.add(said["letter"])
    assert len(letters) > 1


def test_missing_coordinates_are_answered_as_the_file_answers_nan(hands, model):
    points = RANDOM[:1].copy()
    points[0, 3] = np.nan
    rows = [[None if np.isnan(value) else value for value in row] for row in points[0].tolist()]
    said = hands.client.post(f"{API}/landmarks?details=true", json={"landmarks": rows}).json()
    assert said["handedness"] is None
    np.testing.assert_array_equal(np.float32(list(said["scores"].values())), model.predict([points])[0])


@pytest.mark.parametrize("spread", SPREADS)
def test_pictures_are_answered_as_detector_and_file_answer_them(hands, detector, model, spread):
    hand = detector.detect(drawn_hand(spread=spread))
    said = hands.post_picture(hand_picture(spread), params={"details": "true"}).json()
    np.testing.assert_array_equal(np.array(said["landmarks"], np.float32), hand.landmarks)
    wanted = model.predict([hand.landmarks[np.newaxis]])[0]
    np.testing.assert_array_equal(np.float32(list(said["scores"].values())), wanted)
    assert said["handedness"] == "left"
    assert said["image_size"] == [160, 160]
    assert "hands" not in said
    assert hands.post_picture(hand_picture(spread)).json() == {
        name: said[name] for name in ("letter", "confidence", "handedness")
    }


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
def test_jpeg_and_webp_are_pictures_whatever_they_are_called(hands, ending):
    answer = hands.post_picture(encoded(drawn_hand(), ending))
    assert (answer.status_code, answer.json()["handedness"]) == (200, "left")


def test_landmarks_lie_in_the_picture_as_its_orientation_turns_it(hands, detector):
    image = np.ascontiguousarray(drawn_hand()[:, :120])
    # EXIF, little-endian, one entry: orientation (0x112) 6, to be shown turned clockwise.
    entry = b"\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    exif = b"Exif\0\0II*\0\x08\x00\x00\x00" + entry
    plain = encoded(np.rot90(image), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)
    turned = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    said = hands.post_picture(turned, params={"details": "true"}).json()
    assert said["image_size"] == [120, 160]
    found = np.array(said["landmarks"])
    np.testing.assert_allclose(found[:, :2], detector.detect(image).landmarks[:, :2], atol=0.02)


def test_several_hands_are_all_told_and_the_surest_letter_is_the_answer(hand_run):
    with running(hand_run, max_num_hands=2) as served:
        one = drawn_hand(240)
        both = encoded(np.concatenate([one, one[:, ::-1]], axis=1))
        said = served.post_picture(both, params={"details": "true"}).json()
        assert sorted(hand["handedness"] for hand in said["hands"]) == ["left", "right"]
        assert said["image_size"] == [480, 240]
        letters = [hand for hand in said["hands"] if hand["letter"]] or said["hands"]
        best = max(letters, key=lambda hand: hand["confidence"])
        assert {name: said[name] for name in best} == best
        (alone,) = served.post_picture(encoded(one), params={"details": "true"}).json()["hands"]
        assert alone["handedness"] == "left"


def test_a_picture_without_a_hand_is_unprocessable(hands):
    answer = hands.post_picture(NO_HAND)
    assert (answer.status_code, answer.json()) == (422, {"detail": "no hand found in the picture"})


def test_a_clip_is_sent_away_with_the_path_for_pictures(hands):
    answer = hands.client.post(f"{API}/clips", files={"file": hand_picture()})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        f"this model takes pictures, not clips; use {API}",
    )


def test_the_card_comes_with_the_hands_edges(hands, hand_run):
    card = hands.client.get("/model").json()
    connections = card.pop("connections")
    assert card == json.loads((hand_run / "export" / "card.json").read_text())
    assert len(connections) == 21
    assert connections[0] == [0, 1]


def test_figures_name_routes_by_their_template_and_no_made_up_path(hands):
    hands.post_picture(hand_picture())
    hands.client.get("/made-up")
    hands.client.request("PROPFIND", "/model")
    text = hands.client.get("/metrics").text
    assert f'signport_requests_total{{method="POST",route="{API}",status="200"}}' in text
    assert 'signport_requests_total{method="GET",route="none",status="404"}' in text
    assert 'signport_requests_total{method="other",route="/model",status="405"}' in text
    assert "signport_workers_ready 1.0" in text
    assert "signport_workers_busy 0.0" in text
    assert "signport_queue_length 0.0" in text
    assert "signport_worker_restarts_total 0.0" in text
    assert "made-up" not in text.lower()
    assert "PROPFIND" not in text


@pytest.mark.parametrize("path", ["/", "/health", "/model", "/made-up", API])
def test_every_answer_has_its_security_headers(hands, path):
    headers = hands.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/page/..%2fapp.py", "/page/%2e%2e/app.py", "/page/app.py"])
def test_only_the_pages_own_files_are_served(hands, path):
    assert hands.client.get(path).status_code == 404


def test_without_settings_no_other_origin_and_no_key_is_asked_about(hands):
    answer = hands.client.get("/model", headers={"Origin": "https://example.org"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_wrong_parameter_is_one_line(hands):
    answer = hands.post_picture(hand_picture(), params={"details": "perhaps"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("details: ")


class TestKeyAndOrigins:
    @pytest.fixture(scope="class")
    def kept(self, hand_run):
        with running(hand_run, api_key="right", cors_origins="https://example.org") as served:
            yield served

    @pytest.mark.parametrize("key", [None, "", "wrong", "right2", "Right"])
    def test_without_the_key_the_model_is_closed(self, kept, key):
        headers = {} if key is None else {"X-API-Key": key}
        for method, path in (("GET", "/model"), ("GET", "/metrics"), ("POST", API), ("POST", f"{API}/landmarks")):
            answer = kept.client.request(method, path, headers=headers)
            assert answer.status_code == 401, path
            assert answer.json() == {"detail": "wrong or missing X-API-Key"}

    def test_health_and_the_document_need_no_key(self, kept):
        assert kept.client.get("/health").json() == {"status": "ok"}
        document = kept.client.get("/openapi.json").json()
        assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
        assert document["paths"][API]["post"]["security"] == [{"key": []}]
        assert "security" not in document["paths"]["/health"]["get"]

    def test_with_the_key_it_answers(self, kept):
        answer = kept.post_picture(hand_picture(), headers={"X-API-Key": "right"})
        assert answer.status_code == 200

    def test_a_page_of_an_allowed_origin_may_ask_and_another_may_not(self, kept):
        question = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
        allowed = kept.client.options(API, headers={"Origin": "https://example.org", **question})
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://example.org"
        other = kept.client.options(API, headers={"Origin": "https://example.com", **question})
        assert "access-control-allow-origin" not in other.headers
        # The page has to be able to read why it was refused.
        refused = kept.client.get("/model", headers={"Origin": "https://example.org"})
        assert isinstance(refused, httpx.Response)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://example.org")
