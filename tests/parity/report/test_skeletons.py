"""Stick figures show what was found, and nothing where nothing was."""

import re

import numpy as np
import pytest

from signport.landmarks.topology import HAND, HOLISTIC_543, ISL_136, POSE_HANDS_75, UPPER_59
from signport.parity.report.skeletons import stick_figure


def _frames(topology, frames=1, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (frames, topology.num_points, 3)).astype(np.float32)


def _numbers(svg):
    return [float(number) for path in re.findall(r' d="([^"]+)"', svg) for number in re.findall(r"-?[\d.]+", path)]


def _segments(svg, kind):
    return sum(path.count("L") for path in re.findall(rf'<path d="([^"]+)" class="{kind}', svg))


@pytest.mark.parametrize("topology", [HAND, POSE_HANDS_75, UPPER_59, ISL_136, HOLISTIC_543])
def test_every_layout_is_drawn_within_its_picture(topology):
    svg = stick_figure(_frames(topology, 3), topology, "a <sample>")
    width, height = (float(size) for size in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    assert _segments(svg, "bone")
    assert all(0 <= number <= max(width, height) for number in _numbers(svg))
    assert 'aria-label="a &lt;sample&gt;"' in svg


def test_a_hand_has_all_its_bones_and_joints():
    svg = stick_figure(_frames(HAND), HAND, "hand")
    assert _segments(svg, "bone") == len(HAND.edges)
    assert svg.count("<circle") == 21
    assert "frame" not in svg.replace('class="frame', "")


def test_proportions_are_kept():
    points = np.zeros((1, 21, 3), np.float32)
    points[0, 5], points[0, 17] = (2, 0, 0), (0, 1, 0)
    numbers = [
        (float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', stick_figure(points, HAND, ""))
    ]
    across = max(x for x, _ in numbers) - min(x for x, _ in numbers)
    down = max(y for _, y in numbers) - min(y for _, y in numbers)
    assert across == pytest.approx(2 * down, rel=1e-2)
    assert across == pytest.approx(120 - 16)


def test_missing_points_take_their_bones_with_them():
    frames = _frames(HAND)
    frames[0, 8] = np.nan  # the tip of the index finger, the end of one bone
    frames[0, 12, 0] = np.inf
    svg = stick_figure(frames, HAND, "")
    assert _segments(svg, "bone") == len(HAND.edges) - 2
    assert svg.count("<circle") == 19
    assert "nan" not in svg
    assert "inf" not in svg


def test_a_clip_shows_frames_that_have_hands_and_the_way_they_came():
    frames = _frames(POSE_HANDS_75, 20)
    frames[:8, 33:] = np.nan
    frames[16:] = np.nan
    svg = stick_figure(frames, POSE_HANDS_75, "")
    assert [int(number) for number in re.findall(r"frame (\d+)<", svg)] == [10, 12, 14, 16]
    assert _segments(svg, "trail left_hand") == 1 + 3 + 5 + 7


def test_no_legs_are_drawn_and_the_head_hangs_on_no_shoulder():
    svg = stick_figure(_frames(POSE_HANDS_75), POSE_HANDS_75, "")
    # 35 connections less the legs' 10: hip to knee, knee to ankle, and three of the foot, on both sides.
    assert _segments(svg, "bone pose") == 35 - 10


@pytest.mark.parametrize("value", [np.nan, 0.5])
def test_nothing_found_and_all_points_in_one_place_are_no_error(value):
    svg = stick_figure(np.full((4, 75, 3), value, np.float32), POSE_HANDS_75, "")
    assert ("no landmarks" in svg) == np.isnan(value)
    assert "nan" not in svg
