"""Kinematic signers: made-up signs of an articulated body, the default sequences of a machine that has none."""

from signport.datasets.signing.lexicon import Sign, make_signs
from signport.datasets.signing.signers import Signer, make_signer
from signport.datasets.signing.signs import make_clip, render_signs

__all__ = ["Sign", "Signer", "make_clip", "make_signer", "make_signs", "render_signs"]
