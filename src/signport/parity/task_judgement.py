"""A `.task`'s answers → figures and gates."""

from typing import Any

import numpy as np

from signport.export.check import Gate
from signport.export.stream import BACKGROUND
from signport.files import finite
from signport.landmarks.asset_bundle import CUSTOM_CLASSIFIER
from signport.models.gates import Gates
from signport.parity.answers import AS_IT_SHIPS, MODES, TaskAnswer, TaskHand
from signport.parity.figures import output_step, share_interval
from signport.parity.job import TaskJob, task_models


def judge_task(task: TaskJob, answer: TaskAnswer, gates: Gates) -> tuple[dict[str, Any], list[Gate]]:
    """Judges what MediaPipe answered to the golden images.

    Args:
        task: The bundle and its images.
        answer: What came back.
        gates: The tolerances.

    Returns:
        Figures for JSON, and gates.
    """
    figures: dict[str, Any] = {"status": answer.status, "reason": answer.reason}
    if answer.status == "skipped":
        return figures, []
    if answer.status == "failed":
        return figures, [Gate("task runs", 0, 1, "least")]
    by_mode = {mode: [hand for hand in answer.hands if hand.mode == mode] for mode in MODES}
    head_modes = [mode for mode in answer.modes if mode != AS_IT_SHIPS]
    bound = _score_bound(task, gates)
    seen = [hand for hand in by_mode["IMAGE"] if hand.found]
    judged = [Gate("task images with a hand", len(seen), 1, "least")]
    if answer.sha256:
        other = answer.sha256 != task.card["sha256"]
        judged.append(Gate("task read from another file", int(other), 0, "most"))
    differences = {}
    for mode in head_modes:
        found = [hand for hand in by_mode[mode] if hand.found]
        differences[mode] = max((_difference(hand, answer.labels) for hand in found), default=0.0)
        judged.append(Gate(f"task score difference in {mode} mode", differences[mode], bound, "most"))
        top = sum(not _is_top(hand, answer.labels, bound) for hand in found)
        judged.append(Gate(f"task answers in {mode} mode that are not the head's top class", top, 0, "most"))
    for mode in head_modes[1:]:
        unlike = sum(not _same(a, b, bound) for a, b in zip(by_mode["IMAGE"], by_mode[mode], strict=True))
        judged.append(Gate(f"task answers in {mode} mode unlike IMAGE mode", unlike, 0, "most"))
    if AS_IT_SHIPS in answer.modes:
        threshold = float(task.card.get("score_threshold", 0.5))
        wrong = sum(not _as_it_ships(hand, answer, threshold, bound) for hand in by_mode[AS_IT_SHIPS] if hand.found)
        judged.append(Gate("task answers that its own thresholds do not explain", wrong, 0, "most"))
    if answer.stream is not None:
        lost = answer.stream["frames"] - answer.stream["answered"]
        judged.append(Gate("task LIVE_STREAM frames without an answer", lost, 0, "most"))
    known = [hand for hand in seen if task.labels[hand.image]]
    right = sum(hand.label == task.labels[hand.image] for hand in known)
    figures |= {
        "sha256": answer.sha256 or None,
        "modes": list(answer.modes),
        "images": len(by_mode["IMAGE"]),
        "hands": len(seen),
        "accuracy": share_interval(right, len(known)),
        "max_abs": {mode: finite(value) for mode, value in differences.items()},
        "latency_us": {"median": answer.latency.median_us, "p5": answer.latency.p5_us, "p95": answer.latency.p95_us}
        if answer.latency
        else None,
        "stream": answer.stream,
        "gates": [gate.to_json() for gate in judged],
    }
    return figures, judged


def _score_bound(task: TaskJob, gates: Gates) -> float:
    """Largest score difference allowed: the family's for a float head; for an int8 head one step of its logits.

    The recognizer's runtime and ours may round an embedding value to neighbouring int8 values. If every logit moves by
    at most one step s, a softmax probability moves by at most s/2 (its derivative p·(1-p) is at most 1/4, times 2·s).
    """
    step = output_step(task_models(task.path)[CUSTOM_CLASSIFIER])
    return gates.task_max_abs if step is None else max(gates.task_max_abs, step / 2)


def _difference(hand: TaskHand, labels: tuple[str, ...]) -> float:
    """NaN, which breaks every gate, where the reported gesture is none of the head's."""
    if hand.label not in labels or not np.isfinite(hand.own).all():
        return float("nan")
    return abs(hand.score - hand.own[labels.index(hand.label)])


def _is_top(hand: TaskHand, labels: tuple[str, ...], tie: float) -> bool:
    return hand.label in labels and max(hand.own) - hand.own[labels.index(hand.label)] <= tie


def _same(a: TaskHand, b: TaskHand, tie: float) -> bool:
    if a.found != b.found or not a.found:
        return a.found == b.found
    return a.label == b.label and abs(a.score - b.score) <= tie


def _as_it_ships(hand: TaskHand, answer: TaskAnswer, threshold: float, tie: float) -> bool:
    """Whether the bundle as it ships says what the head's scores and its threshold lead to expect."""
    own = np.array(hand.own)
    ranked = np.sort(own)
    best = answer.labels[int(own.argmax())]
    if abs(ranked[-1] - threshold) <= tie or ranked[-1] - ranked[-2] <= tie:
        return True  # a tie: either answer is right
    if best != BACKGROUND and ranked[-1] > threshold:
        return hand.label == best and abs(hand.score - float(ranked[-1])) <= tie
    return hand.label in {*answer.canned_labels, BACKGROUND, ""}
