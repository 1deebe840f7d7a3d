"""Rendered hands: labelled pictures of a kinematic hand, the default data of a machine that has none."""

from signport.datasets.rendered.hands import RenderedHands, render_hands
from signport.datasets.rendered.handshapes import HANDSHAPES, VOCABULARIES, Handshape, vocabulary
from signport.datasets.rendered.skeleton import HandPose, HandProportions, HandSkeleton, pose_hand, view_rotation

__all__ = [
    "HANDSHAPES",
    "VOCABULARIES",
    "HandPose",
    "HandProportions",
    "HandSkeleton",
    "Handshape",
    "RenderedHands",
    "pose_hand",
    "render_hands",
    "view_rotation",
    "vocabulary",
]
