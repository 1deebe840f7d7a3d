import numpy as np
import pytest

from signport.landmarks.hand_sides import FoundHand, LastSeen, tell_sides

SIZE = (400, 200)  # twice as wide as high, so that mixing up widths and heights shows
WRISTS = {"left": np.array([0.7, 0.6]), "right": np.array([0.3, 0.6])}
SHAPE = np.stack([np.zeros(21), -np.linspace(0, 40, 21)], axis=1)  # a hand 40 pixels long, straight up from its wrist


def hand(x, y, left=0.5):
    """A hand whose wrist lies at (x, y), in pixels."""
    points = (SHAPE + np.array([x, y])) / SIZE
    return FoundHand(np.concatenate([points, np.zeros((21, 1))], axis=1).astype(np.float32), left)


def seen(**hands):
    return LastSeen.nothing().after(hands, SIZE)


def test_no_hands_give_none():
    assert tell_sides([], WRISTS, LastSeen.nothing(), SIZE) == {}
    assert tell_sides([], None, LastSeen.nothing(), SIZE) == {}


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
def test_a_hand_goes_to_the_wrist_it_sits_on_whatever_its_finder_says(left):
    at_left, at_right = hand(285, 118, left), hand(118, 122, left)
    assert tell_sides([at_left], WRISTS, LastSeen.nothing(), SIZE) == {"left": at_left}
    assert tell_sides([at_right], WRISTS, LastSeen.nothing(), SIZE) == {"right": at_right}
    both = {"left": at_left, "right": at_right}
    assert tell_sides([at_left, at_right], WRISTS, LastSeen.nothing(), SIZE) == both
    assert tell_sides([at_right, at_left], WRISTS, LastSeen.nothing(), SIZE) == both


def test_the_pose_overrules_a_side_that_went_wrong_before():
    at_left = hand(280, 120)
    assert tell_sides([at_left], WRISTS, seen(right=hand(278, 120)), SIZE) == {"left": at_left}


def test_crossed_arms_do_not_swap_the_hands():
    crossed = {"left": np.array([0.4, 0.5]), "right": np.array([0.6, 0.5])}
    on_the_viewers_left, on_the_viewers_right = hand(158, 100, 1.0), hand(243, 100, 0.0)
    told = tell_sides([on_the_viewers_left, on_the_viewers_right], crossed, LastSeen.nothing(), SIZE)
    assert told == {"left": on_the_viewers_left, "right": on_the_viewers_right}


def test_two_finds_of_one_hand_count_once():
    """As Holistic without tracking does it: the left hand's search ends at the right hand."""
    true, twin = hand(121, 120, left=0.0), hand(124, 118, left=1.0)
    for hands in ([true, twin], [twin, true]):
        assert tell_sides(hands, WRISTS, LastSeen.nothing(), SIZE) == {"right": true}
        assert tell_sides(hands, None, seen(right=hand(122, 120)), SIZE) == {"right": true}


def test_two_hands_that_touch_are_two():
    touching = {"left": np.array([0.53, 0.5]), "right": np.array([0.47, 0.5])}
    one, other = hand(214, 100), hand(186, 100)
    told = tell_sides([other, one], touching, LastSeen.nothing(), SIZE)
    assert told == {"left": one, "right": other}


def test_both_hands_never_sit_on_one_wrist():
    near, stray = hand(118, 120, left=0.0), hand(142, 112, left=1.0)
    for hands in ([near, stray], [stray, near]):
        assert tell_sides(hands, WRISTS, LastSeen.nothing(), SIZE) == {"right": near}


def test_a_hand_keeps_its_side_where_the_wrists_meet():
    meeting = {"left": np.array([0.51, 0.5]), "right": np.array([0.49, 0.5])}
    moved = hand(201, 100)  # a little nearer to the other wrist, which is behind it
    assert tell_sides([moved], meeting, seen(right=hand(198, 100)), SIZE) == {"right": moved}
    assert tell_sides([moved], meeting, seen(left=hand(198, 100)), SIZE) == {"left": moved}


def test_without_a_pose_a_hand_keeps_its_side_through_a_flicker_of_its_label():
    last = seen(left=hand(250, 100, 0.9), right=hand(100, 100, 0.1))
    flicker = hand(247, 100, left=0.3)
    assert tell_sides([flicker], None, last, SIZE) == {"left": flicker}


def test_without_a_pose_the_label_says_the_side_of_a_first_hand():
    for left, side in ((0.9, "left"), (0.2, "right")):
        found = hand(200, 100, left)
        assert tell_sides([found], None, LastSeen.nothing(), SIZE) == {side: found}


def test_without_a_pose_two_hands_of_one_label_get_a_side_each():
    surely, hardly = hand(100, 100, left=0.95), hand(300, 100, left=0.6)
    for hands in ([surely, hardly], [hardly, surely]):
        assert tell_sides(hands, None, LastSeen.nothing(), SIZE) == {"left": surely, "right": hardly}


def test_what_was_not_seen_for_long_is_forgotten():
    last = seen(left=hand(250, 100), right=hand(100, 100))
    for _ in range(15):
        last = last.after({"right": hand(110, 100)}, SIZE)
    assert set(last.wrists) == {"left", "right"}
    np.testing.assert_allclose(last.wrists["left"], [250, 100], rtol=1e-5)
    np.testing.assert_allclose(last.wrists["right"], [110, 100], rtol=1e-5)
    last = last.after({}, SIZE)
    assert set(last.wrists) == {"right"}
    assert last.after({"left": hand(5, 5)}, SIZE).ages == {"left": 0, "right": 2}
