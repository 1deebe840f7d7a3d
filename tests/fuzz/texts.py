"""Small valid texts of every format that signport reads: JSON, YAML, CSV."""

import json
from functools import cache
from importlib import resources


@cache
def hand_json() -> list[bytes]:
    """A hand as a client sends it, and a clip."""
    hand = [[0.5, 0.25, None]] * 21
    return [
        json.dumps({"landmarks": hand, "handedness": "left"}).encode(),
        json.dumps({"landmarks": [hand, None]}).encode(),
    ]


@cache
def frame_json() -> list[bytes]:
    """Frames of a live connection."""
    hand = [[0.5, 0.25, 0.0]] * 21
    return [
        json.dumps({"landmarks": hand}).encode(),
        json.dumps({"left_hand": hand, "pose": None}).encode(),
        b'{"landmarks": null}',
    ]


@cache
def messages() -> list[bytes]:
    """Two messages of the pipe between the service and its workers."""
    from signport.service.messages import pack

    return [pack({"job": "picture", "n": 1}, b"pixels"), pack({}) + pack({"a": [1.5]}, b"x")]


@cache
def recipes() -> list[bytes]:
    """The recipes that come with signport."""
    folder = resources.files("signport.training") / "recipes"
    return [(folder / f"{name}.yaml").read_bytes() for name in ("mlp", "lstm", "gesture_head")]


@cache
def card() -> list[bytes]:
    """The card of an exported model of one hand, and of one of clips."""
    file = {"file": "model_int8.tflite", "sha256": "0" * 64, "bytes": 9}
    common = {
        "name": "mlp-001",
        "family": "mlp",
        "output": "probabilities",
        "classes": ["A", "B"],
        "outputs": [{"name": "probabilities", "shape": [1, 2], "dtype": "float32", "description": "y"}],
        "files": {"int8": file},
        "versions": {"signport": "0.1.0"},
        "metrics": {"test": {"accuracy": 1.0}},
    }
    entry = {"name": "landmarks", "shape": [1, 21, 3], "dtype": "float32", "description": "x"}
    clips = {**entry, "shape": [1, 30, 75, 3]}
    return [
        json.dumps({**common, "inputs": [entry]}).encode(),
        json.dumps(
            {**common, "inputs": [clips], "topology": "pose_hands_75", "clip_frames": 40, "frame_rate": 25.0}
        ).encode(),
    ]


@cache
def run_json() -> list[bytes]:
    """The record of a run."""
    record = {
        "classes": ["A", "B"],
        "cache": {"path": "../hands.parquet", "sha256": "0" * 64, "samples": 4},
        "finished": True,
        "metrics": {"best_epoch": 1, "epochs": 2, "test": {"accuracy": 0.5, "interval": [0.1, 0.9], "samples": 4}},
        "versions": {"signport": "0.1.0"},
    }
    return [json.dumps(record).encode()]


@cache
def gloss_csv() -> list[bytes]:
    """Gloss maps as CSV."""
    return [b"gloss,label\nhello,0\nthanks,1\n", b"\xef\xbb\xbfsign\nhello\n", b'name,id\r\n"a ""b""",7\r\n']


@cache
def gloss_json() -> list[bytes]:
    """Gloss maps as JSON, and labels of clip files, which look alike."""
    return [b'{"hello": 0, "thanks": 1}', b'{"0": "hello"}', b'{"a.npy": "hello", "b": 3}']


@cache
def groups_csv() -> list[bytes]:
    """Which signer a file belongs to."""
    return [b"file,group\nA/1.png,s1\nA/2.png,s2\n", b"group,file,x\r\ns1,A/1.png,1\r\n"]


@cache
def video_list() -> list[bytes]:
    """A list of videos."""
    return [b"path,label,signer\na.mp4,hello,s1\nb.mp4,thanks,s2\n"]


@cache
def clip_table() -> list[bytes]:
    """The table of Parquet clips."""
    return [b"path,sign,participant_id\nx/1.parquet,hello,7\nx/2.parquet,thanks,8\n"]


def small_tables() -> list[bytes]:
    return [*gloss_csv(), *groups_csv(), *video_list(), *clip_table()]


def split() -> list[bytes]:
    parts = {"by": "label", "train": ["A/0", "A/1"], "validation": ["A/2"], "test": ["A/3"]}
    return [json.dumps(parts).encode()]
