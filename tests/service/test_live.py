import contextlib
import json
import threading

import numpy as np
import pytest
from tests.drawn_clips import hand_frames
from tests.service.serving import NO_HAND, encoded, hand_picture, running, wait_for
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from signport import Stream
from signport.landmarks.hand_detector import HandDetector
from signport.landmarks.holistic_detector import HolisticDetector
from signport.landmarks.topology import HOLISTIC_543


@contextlib.contextmanager
def live(served, query="", **options):
    with connect(served.live_url + query, **options) as connection:

        def ask(message):
            connection.send(message)
            return json.loads(connection.recv())

        yield ask


def _close_code(served, **options):
    with pytest.raises(ConnectionClosed) as raised, live(served, **options) as ask:
        ask('{"landmarks": null}')
    return raised.value.rcvd.code


def _frames():
    """Hands that stay for six frames each, and one frame without."""
    random = np.random.default_rng(1)
    shapes = random.normal(0.5, 0.2, (6, 21, 3)).astype(np.float32)
    return [*np.repeat(shapes[:3], 6, axis=0), None, *np.repeat(shapes[3:], 6, axis=0), None, None]


def _expected(stream, frame):
    before = stream.label
    said = stream.push(frame)
    return {
        "label": stream.label,
        "new": stream.label not in (None, before),
        "score": None if said is None else said.score,
        "scores": dict(zip(stream.labels, stream.scores.tolist(), strict=True)),
    }


@pytest.mark.parametrize(("query", "settings"), [("", {}), ("?threshold=0.2", {"threshold": 0.2})])
def test_landmarks_are_answered_as_a_stream_answers_them(hands, hand_run, query, settings):
    stream = Stream(hand_run, form="int8", repeat=True, **settings)
    labels = []
    with live(hands, query) as ask:
        for number, frame in enumerate(_frames()):
            answer = ask(json.dumps({"landmarks": None if frame is None else frame.tolist()}))
            assert answer == {"frame": number, "landmarks": None, "image_size": None, **_expected(stream, frame)}
            labels += [answer["label"]] * answer["new"]
    assert labels or not settings


@pytest.mark.parametrize("query", ["?threshold=2", "?threshold=nan", "?threshold=x", "?frame_rate=30"])
def test_a_setting_out_of_its_range_ends_the_connection(hands, query):
    assert _close_code(hands, query=query) == 1008


def test_pictures_are_answered_with_their_landmarks(hands, hand_run):
    stream = Stream(hand_run, form="int8", repeat=True)
    with HandDetector() as detector, live(hands) as ask:
        for number, frame in enumerate(hand_frames(4)):
            hand = detector.detect(frame)
            answer = ask(encoded(frame))
            np.testing.assert_array_equal(np.float32(answer.pop("landmarks")), hand.landmarks)
            assert answer == {"frame": number, "image_size": [160, 160], **_expected(stream, hand.landmarks)}
        answer = ask(NO_HAND)
        assert (answer["landmarks"], answer["image_size"]) == (None, [160, 120])
        assert answer["scores"] == _expected(stream, None)["scores"]


def test_a_bad_frame_is_answered_and_the_connection_lives_on(hands):
    with live(hands) as ask:
        for number, message in enumerate(("no json", '{"landmarks": [[1, 2, 3]]}', "[]", b"no picture", b"")):
            answer = ask(message)
            assert set(answer) == {"frame", "error"}
            assert answer["frame"] == number
            assert "\n" not in answer["error"]
        assert ask(hand_picture())["frame"] == 5


def test_frames_that_were_sent_at_once_are_answered_in_order(hands):
    with connect(hands.live_url) as connection:
        for _ in range(20):
            connection.send(hand_picture())
            connection.send('{"landmarks": null}')
        answers = [json.loads(connection.recv()) for _ in range(40)]
    assert [answer["frame"] for answer in answers] == list(range(40))
    assert [answer["landmarks"] is None for answer in answers] == [False, True] * 20


def test_a_message_over_the_limit_ends_the_connection(hands):
    with pytest.raises(ConnectionClosed) as raised, live(hands) as ask:
        ask(bytes(hands.service.settings.max_upload_bytes + 1))
    assert raised.value.rcvd.code == 1009
    with pytest.raises(ConnectionClosed) as raised, live(hands) as ask:
        ask(" " * (hands.service.settings.max_json_bytes + 1))
    assert raised.value.rcvd.code == 1009


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1"])
def test_a_page_of_another_origin_may_not_connect(hands, origin):
    assert _close_code(hands, origin=origin) == 1008


def test_the_services_own_page_may_connect(hands):
    with live(hands, origin=hands.url) as ask:
        assert ask('{"landmarks": null}')["frame"] == 0


def test_keys_origins_and_numbers_of_connections(hand_run):
    key = {"X-API-Key": "right"}
    with running(hand_run, api_key="right", cors_origins="https://example.org", live_connections=1) as served:
        assert _close_code(served) == 1008
        assert _close_code(served, additional_headers={"X-API-Key": "wrong"}) == 1008
        assert _close_code(served, subprotocols=["signport.key.wrong"]) == 1008
        assert _close_code(served, subprotocols=["signport.live", "signport.key."]) == 1008
        for options in (
            {"additional_headers": key},
            {"subprotocols": ["signport.key.right"]},
            {"subprotocols": ["signport.key.right", "signport.live"], "origin": "https://example.org"},
        ):
            with live(served, **options) as ask:
                assert ask('{"landmarks": null}')["frame"] == 0
                assert _close_code(served, **options) == 1013
                assert "signport_live_connections 1.0" in served.client.get("/metrics", headers=key).text
            wait_for(lambda: served.service.metrics.num_live == 0)


def test_a_worker_that_dies_costs_a_live_connection_one_frame(hand_run):
    with running(hand_run) as served, live(served) as ask:
        assert ask(hand_picture())["image_size"] == [160, 160]
        (worker,) = served.workers
        worker.suspend()
        answers = []
        asking = threading.Thread(target=lambda: answers.append(ask(hand_picture())))
        asking.start()
        wait_for(lambda: served.service.pool.busy == 1)
        worker.kill()
        asking.join()
        assert answers == [{"frame": 1, "error": "the process that looked at this ended; try again"}]
        assert ask(hand_picture())["image_size"] == [160, 160]


class TestBodies:
    def test_pictures_are_followed_as_the_detector_follows_them(self, clips, clip_run):
        stream = Stream(clip_run, form="int8", repeat=True)
        rows = stream.topology.indices_in(HOLISTIC_543)
        frames = hand_frames(4)
        with HolisticDetector() as detector:
            followed = [points[rows] for points in detector.follow(frames)]
        # The second connection gets the first one's worker, which must have forgotten what it followed.
        for _ in range(2):
            stream.reset()
            with live(clips) as ask:
                for frame, points in zip(frames, followed, strict=True):
                    answer = ask(encoded(frame))
                    np.testing.assert_array_equal(np.array(answer.pop("landmarks"), np.float32), points)
                    assert answer["scores"] == _expected(stream, points)["scores"]
            wait_for(lambda: not clips.service.live_workers._leases)
            assert len(clips.service.live_workers._spare) == 1

    def test_when_all_workers_are_taken_pictures_are_refused_and_landmarks_are_not(self, clips):
        with live(clips) as first:
            first(hand_picture())
            with live(clips) as second:
                assert second('{"landmarks": null}')["frame"] == 0
                with pytest.raises(ConnectionClosed) as raised:
                    second(hand_picture())
            assert raised.value.rcvd.code == 1013
            assert first(hand_picture())["frame"] == 1

    def test_parts_are_taken_by_name(self, clips, clip_run):
        stream = Stream(clip_run, form="int8", repeat=True)
        hand = np.random.default_rng(1).random((21, 3)).astype(np.float32)
        with live(clips) as ask:
            answer = ask(json.dumps({"landmarks": {"left_hand": hand.tolist(), "right_hand": None}}))
        assert answer["scores"] == _expected(stream, {"left_hand": hand})["scores"]
