import pytest

from signport.errors import SignportError
from signport.landmarks.topology import (
    FACE_61,
    HAND,
    HOLISTIC_543,
    ISL_136,
    POSE_HANDS_75,
    TOPOLOGIES,
    UPPER_59,
    Topology,
    topology_named,
)

BODIES = [POSE_HANDS_75, UPPER_59, ISL_136, HOLISTIC_543]
PARTS = ("pose", "face", "left_hand", "right_hand")


def _reached(topology: Topology) -> set[int]:
    """The points that edges connect with point 0."""
    neighbours: dict[int, set[int]] = {}
    for start, end in topology.edges:
        neighbours.setdefault(start, set()).add(end)
        neighbours.setdefault(end, set()).add(start)
    reached, ahead = {0}, [0]
    while ahead:
        for point in neighbours.get(ahead.pop(), set()) - reached:
            reached.add(point)
            ahead.append(point)
    return reached


def _edges_between(topology: Topology, prefix: str) -> set[frozenset[str]]:
    """The edges whose two ends are of one part, by point names."""
    named = ({topology.points[end] for end in edge} for edge in topology.edges)
    return {frozenset(edge) for edge in named if all(name.startswith(prefix) for name in edge)}


@pytest.mark.parametrize(
    ("topology", "points"), [(HAND, 21), (POSE_HANDS_75, 75), (UPPER_59, 59), (ISL_136, 136), (HOLISTIC_543, 543)]
)
def test_each_layout_has_as_many_points_as_its_name_says_each_once(topology, points):
    assert topology.num_points == points == len(set(topology.points))
    assert topology_named(topology.name) is topology
    assert topology.is_body == (topology is not HAND)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=lambda topology: topology.name)
def test_edges_join_two_points_of_the_layout_once(topology):
    assert len({frozenset(edge) for edge in topology.edges}) == len(topology.edges)
    for start, end in topology.edges:
        assert start != end
        assert {start, end} <= set(range(topology.num_points))


@pytest.mark.parametrize("topology", BODIES, ids=lambda topology: topology.name)
def test_every_body_layout_is_a_selection_of_the_holistic_one(topology):
    indices = topology.indices_in(HOLISTIC_543)
    assert [HOLISTIC_543.points[index] for index in indices] == list(topology.points)


@pytest.mark.parametrize("topology", [HAND, POSE_HANDS_75, UPPER_59, ISL_136], ids=lambda topology: topology.name)
def test_no_point_is_cut_off_from_the_graph(topology):
    assert _reached(topology) == set(range(topology.num_points))


def test_of_the_holistic_graph_only_the_rest_of_the_face_mesh_is_cut_off():
    cut_off = {HOLISTIC_543.points[point] for point in set(range(543)) - _reached(HOLISTIC_543)}
    assert cut_off == {f"face.{number}" for number in set(range(468)) - set(FACE_61)}


@pytest.mark.parametrize("topology", BODIES, ids=lambda topology: topology.name)
def test_the_parts_of_a_layout_cover_it_and_lie_together(topology):
    covered = [point for part in PARTS for point in range(*topology.part(part).indices(topology.num_points))]
    assert sorted(covered) == list(range(topology.num_points))
    for part in PARTS:
        assert all(name.startswith(f"{part}.") for name in topology.points[topology.part(part)])
    assert topology.part("tail") == slice(0, 0)


def test_a_point_that_the_source_lacks_has_no_index():
    assert ISL_136.indices_in(POSE_HANDS_75)[75:] == [-1] * 61
    assert POSE_HANDS_75.indices_in(ISL_136) == list(range(75))


def test_the_pose_is_mediapipes():
    solutions = pytest.importorskip("mediapipe.python.solutions.pose_connections")
    from mediapipe.python.solutions.pose import PoseLandmark

    names = [f"pose.{point.name.lower()}" for point in PoseLandmark]
    assert list(POSE_HANDS_75.points[:33]) == names
    mediapipes = {frozenset((names[start], names[end])) for start, end in solutions.POSE_CONNECTIONS}
    head_to_shoulders = {frozenset(("pose.nose", f"pose.{side}_shoulder")) for side in ("left", "right")}
    mouth = {frozenset(("pose.nose", f"pose.mouth_{side}")) for side in ("left", "right")}
    assert _edges_between(POSE_HANDS_75, "pose.") == mediapipes | head_to_shoulders | mouth


@pytest.mark.parametrize("side", ["left", "right"])
def test_hands_are_mediapipes_and_hang_on_the_pose_on_their_own_side(side):
    hands = pytest.importorskip("mediapipe.python.solutions.hands")
    names = [f"{side}_hand.{point.name.lower()}" for point in hands.HandLandmark]
    assert list(POSE_HANDS_75.points[POSE_HANDS_75.part(f"{side}_hand")]) == names
    mediapipes = {frozenset((names[start], names[end])) for start, end in hands.HAND_CONNECTIONS}
    assert _edges_between(POSE_HANDS_75, f"{side}_hand.") == mediapipes
    assert frozenset((f"pose.{side}_wrist", f"{side}_hand.wrist")) in {
        frozenset(POSE_HANDS_75.points[end] for end in edge) for edge in POSE_HANDS_75.edges
    }


def _mesh_points(connections: object) -> set[int]:
    return {number for edge in connections for number in edge}


def test_the_face_points_are_mediapipes_lips_eyes_brows_and_nose_on_the_persons_own_sides():
    mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    assert len(FACE_61) == len(set(FACE_61)) == 61
    sides = {
        name: _mesh_points(getattr(mesh, f"FACEMESH_{name}"))
        for name in ("LIPS", "LEFT_EYE", "RIGHT_EYE", "LEFT_EYEBROW", "RIGHT_EYEBROW", "NOSE")
    }
    assert set(FACE_61) <= set().union(*sides.values())
    counts = {name: len(points & set(FACE_61)) for name, points in sides.items()}
    assert counts["LIPS"] == 28
    assert (counts["LEFT_EYE"], counts["RIGHT_EYE"]) == (8, 8)
    assert (counts["LEFT_EYEBROW"], counts["RIGHT_EYEBROW"]) == (5, 5)


def test_edges_of_the_face_stay_within_lips_eyes_brows_and_nose():
    mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    regions = {
        name: _mesh_points(getattr(mesh, f"FACEMESH_{name}"))
        for name in ("LIPS", "LEFT_EYE", "RIGHT_EYE", "LEFT_EYEBROW", "RIGHT_EYEBROW", "NOSE")
    }
    bridges = {frozenset(("face.168", "face.107")), frozenset(("face.168", "face.336"))}
    for edge in _edges_between(ISL_136, "face.") - bridges:
        numbers = {int(name.removeprefix("face.")) for name in edge}
        assert any(numbers <= region for region in regions.values()), edge


def test_outer_lips_follow_mediapipes_line():
    mesh = pytest.importorskip("mediapipe.python.solutions.face_mesh_connections")
    lips = {frozenset(f"face.{number}" for number in edge) for edge in mesh.FACEMESH_LIPS}
    outer = [edge for edge in _edges_between(ISL_136, "face.") if edge in lips]
    assert len(outer) >= 20


def test_an_unknown_layout_is_refused_with_those_there_are():
    with pytest.raises(SignportError, match="topology 'body' is unknown; choose one of: hand, pose_hands_75"):
        topology_named("body")
