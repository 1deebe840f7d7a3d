import threading
import time

import numpy as np
import psutil
import pytest
from tests.drawn_hands import drawn_hand
from tests.service.serving import API, encoded, hand_picture, running
from tests.service.test_picture_header import png_of_zeros

_BYTES, _PIXELS = 200_000, 250_000


@pytest.fixture(scope="module")
def strict(hand_run):
    """A service of a hand model with tight limits."""
    with running(hand_run, max_upload_bytes=_BYTES, max_pixels=_PIXELS, max_json_bytes=4096) as served:
        yield served


def _multipart(*parts, end=b"--x--\r\n"):
    lines = [b"--x\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(lines) + end


def _post(served, body, kind='multipart/form-data; boundary="x"', path=API):
    answer = served.client.post(path, content=body, headers={"Content-Type": kind} if kind else {})
    assert list(answer.json()) == ["detail"]
    return answer.status_code, answer.json()["detail"]


FILE = b'Content-Disposition: form-data; name="file"; filename="a"'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "last boundary is missing"),
        (b"nothing of the kind", "damaged"),
        (_multipart((FILE, b"abc"), end=b""), "last boundary is missing"),
        (_multipart(), "no file: send one part called file"),
        (_multipart((FILE, b"")), "the file is empty"),
        (_multipart((FILE, b"a"), (FILE, b"b")), "more than one part"),
        (_multipart((b'Content-Disposition: form-data; name="other"', b"a")), "another name"),
        (_multipart((b'Content-Disposition: attachment; name="file"', b"a")), "another name"),
        (_multipart((b"Content-Type: image/png", b"a")), "another name"),
        (_multipart((FILE + b"\r\nX: " + b"y" * 10_000, b"a")), "damaged"),
        (_multipart((FILE + b"\r\nX: y" * 100, b"a")), "damaged"),
        (_multipart((FILE, b"GIF89a....")), "not a JPEG, PNG or WebP picture"),
        (_multipart((FILE, hand_picture()[:40])), "damaged: it cannot be decoded"),
        (_multipart((FILE, b"\xff\xd8\xff" + bytes(100))), "damaged: it cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_unprocessable_with_its_reason(strict, body, said):
    status, detail = _post(strict, body)
    assert status == 422
    assert said in detail
    assert "\n" not in detail


@pytest.mark.parametrize("kind", [None, "application/json", "image/png", "multipart/mixed; boundary=x"])
def test_another_kind_of_body_is_unsupported(strict, kind):
    assert _post(strict, hand_picture(), kind)[0] == 415


def test_landmarks_are_json_and_nothing_else(strict):
    assert _post(strict, b"{}", "text/plain", f"{API}/landmarks")[0] == 415


def test_a_compressed_body_is_unsupported(strict):
    answer = strict.post_picture(hand_picture(), headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, "Content-Encoding" in answer.json()["detail"]) == (415, True)


@pytest.mark.parametrize("stated", [True, False])
def test_an_upload_over_the_limit_is_refused_whether_its_size_is_stated_or_not(strict, stated):
    body = _multipart((FILE, bytes(_BYTES + 1)))
    content = body if stated else iter([body[:1000], body[1000:]])
    assert _post(strict, content) == (413, f"too large: at most {_BYTES} bytes")


def test_a_stated_size_over_the_limit_is_refused_before_anything_is_sent(strict):
    lines = f"POST {API} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n"
    answer = _raw(strict, lines + "Content-Type: multipart/form-data; boundary=x\r\n\r\n")
    assert b" 413 " in answer.splitlines()[0]


def _raw(served, text):
    import socket

    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(text.encode())
        return connection.recv(65536)


def test_json_over_its_limit_is_refused(strict):
    body = b'{"landmarks": [' + b" " * 5000 + b"]}"
    assert _post(strict, body, "application/json", f"{API}/landmarks")[0] == 413


def test_a_bomb_is_refused_by_its_header_and_never_decoded(strict):
    bomb = png_of_zeros(20_000, 20_000)
    assert len(bomb) < _BYTES
    (worker,) = strict.workers
    strict.post_picture(encoded(np.zeros((400, 600, 3), np.uint8)))
    before = worker.memory_info().rss
    for _ in range(20):
        answer = strict.post_picture(bomb)
        assert answer.status_code == 413
        assert "20000 × 20000 pixels" in answer.json()["detail"]
    assert worker.memory_info().rss - before < 2**20
    assert strict.workers == [worker]


def test_a_bomb_whose_header_lies_is_refused_by_the_decoder(strict):
    """A JPEG whose first start of frame is small and whose second is not, as no encoder writes it."""
    content = encoded(drawn_hand(), ".jpg")
    place = content.index(b"\xff\xc0")
    segment = content[place : place + 19]
    large = segment[:5] + b"\xff\xdc\xff\xdc" + segment[9:]
    answer = strict.post_picture(content[: place + 19] + large + content[place + 19 :])
    assert answer.status_code == 422


def test_the_largest_picture_is_read(strict):
    image = np.full((500, 500, 3), 90, np.uint8)
    assert strict.post_picture(encoded(image)).json()["detail"] == "no hand found in the picture"
    assert strict.post_picture(encoded(image[:, :].repeat(2, axis=0)[:501])).status_code == 413


def test_nothing_that_was_sent_is_repeated_and_nothing_of_the_server_is_told(strict):
    marker = "zebra-4711"
    answers = [
        strict.client.post(API, files={marker: b"x"}),
        strict.client.post(API, files={"file": (f"../../{marker}", marker.encode())}),
        strict.client.post(f"{API}/landmarks", json={"landmarks": marker}),
        strict.client.post(f"{API}/landmarks", content=marker, headers={"Content-Type": "application/json"}),
        strict.client.post(API, params={"details": marker}, files={"file": b"x"}),
        strict.client.get(f"/{marker}"),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        for secret in (marker, "/work", "/tmp", "Traceback", "signport/", ".py"):
            assert secret not in answer.text


def test_an_unexpected_error_is_told_by_a_number_that_the_log_explains(strict, monkeypatch, caplog):
    monkeypatch.setattr("signport.service.routes.recognize_picture", _broken)
    answer = strict.post_picture(hand_picture())
    assert answer.status_code == 500
    detail = answer.json()["detail"]
    assert detail.startswith("internal error, id ")
    assert "zebra" not in answer.text
    assert detail.split()[-1] in caplog.text
    assert "zebra" in caplog.text


async def _broken(*_arguments, **_options):
    raise ValueError("zebra")


def test_no_upload_becomes_a_file(hand_run):
    """Starlette's own parser would have put all of more than a megabyte on disk."""
    noise = np.random.default_rng(1).integers(0, 255, (900, 900, 3), np.uint8)
    content = encoded(noise)
    assert len(content) > 2**21
    with running(hand_run) as served:
        (worker,) = served.workers
        before = {file.path for file in psutil.Process().open_files()}
        worker.suspend()
        asking = threading.Thread(target=served.post_picture, args=(content,))
        asking.start()
        while served.service.pool.busy == 0 and asking.is_alive():
            time.sleep(0.01)
        assert {file.path for file in psutil.Process().open_files()} <= before
        worker.resume()
        asking.join()
        assert not [file for file in worker.open_files() if file.mode != "r"]
