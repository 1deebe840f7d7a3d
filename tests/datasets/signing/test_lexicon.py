"""The made-up signs: stable, distinct, in minimal pairs, within the rules of two-handed signs."""

from dataclasses import asdict, replace

import pytest

from signport.datasets.rendered import HANDSHAPES
from signport.datasets.signing.lexicon import LOCATIONS, Sign, make_signs
from signport.datasets.signing.space import ORIENTATIONS


@pytest.mark.parametrize("seed", [0, 7])
def test_a_sign_is_the_same_however_many_there_are(seed):
    assert make_signs(5, seed) == make_signs(60, seed)[:5]


def test_another_seed_gives_other_signs():
    assert {sign.description for sign in make_signs(20, 0)} != {sign.description for sign in make_signs(20, 1)}


def test_all_signs_are_distinct():
    signs = make_signs(400, 3)
    assert len({sign.name for sign in signs}) == 400
    assert len({replace(sign, name="") for sign in signs}) == 400


def test_pairs_differ_in_one_thing():
    signs = make_signs(100, 2)
    for first, second in zip(signs[::2], signs[1::2], strict=True):
        before, after = asdict(first), asdict(second)
        assert len([field for field in before if field != "name" and before[field] != after[field]]) == 1


def test_most_pairs_have_the_same_place_and_shapes():
    signs = make_signs(200, 0)
    pairs = list(zip(signs[::2], signs[1::2], strict=True))
    alike = [a.location == b.location and set(a.shapes) == set(b.shapes) and set(a.palms) == set(b.palms)
             for a, b in pairs]  # fmt: skip
    assert 0.5 < sum(alike) / len(pairs) < 0.9


def test_every_sign_is_made_of_what_there_is():
    for sign in make_signs(200, 1):
        assert set(sign.shapes) <= set(HANDSHAPES)
        assert set(sign.palms) <= set(ORIENTATIONS)
        assert sign.location in LOCATIONS
        assert (sign.hands == "base") == bool(sign.base_shape) == (sign.location == "other hand")


def test_a_partner_of_a_partner_is_the_sign_itself():
    sign = Sign("", "chest", ("S", "5"), ("in", "in"), "aside", hands="symmetric")
    assert sign.contrasts == ("direction", "shape order", "alternation", "way")
    for contrast in (*sign.contrasts, "repetition"):
        assert sign.partner(contrast) != sign
        assert sign.partner(contrast).partner(contrast) == sign
