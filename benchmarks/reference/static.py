"""Single hands: what a model says of a person, a camera or a drawing that it never saw.

Letters go from one real person to another in both directions, with and without drawn hands beside the real ones, and
from drawn hands alone to each; digits are split by student; open fingers are read by what was learned from drawn hands,
beside Google's own canned gestures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from baselines import baseline_scores
from rich.console import Console
from scores import Score, Scores
from static_models import learn_and_ask, mirrored, trained
from static_sources import CANNED, LETTERS, StaticSources, fold_of

import signport as sp
from signport.errors import GateError
from signport.files import atomic_file
from signport.landmarks.asset_bundle import CANNED_CLASSIFIER, GESTURE_EMBEDDER, RECOGNIZER, read_bundle
from signport.landmarks.features import edge_directions, hand_features
from signport.models import gesture_embedder
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.training.recipe import load_recipe

TO_PHOTOGRAPHS, TO_TABLE = "letters: table to photographs", "letters: photographs to table"
BOTH_TO_PHOTOGRAPHS, BOTH_TO_TABLE = (
    "letters: table and drawn hands to photographs",
    "letters: photographs and drawn hands to table",
)
DIGITS_BY_STUDENT = "digits: by student"
FAMILIES = ("mlp", "mlp_v2")
# These need world landmarks, which tables lack.
WORLD_FAMILIES = ("gesture_embedder", "gesture_head")
# The MLP in float: its recipe as it is, as it was before this was measured, and without each change alone.
BEFORE = ("model.directions=false", "data.augmentation.tilt_degrees=0", "data.augmentation.image_shape=1")
WITHOUT = {
    "": (),
    "recipe as it was": BEFORE,
    "without directions": BEFORE[:1],
    "without tilt": BEFORE[1:2],
    "without image shapes": BEFORE[2:],
    "without mirrored copies": ("data.augmentation.mirror=0",),
}
# Asked about mirror images too: the hands of somebody who signs with the other one.
MIRRORED = ("", "without mirrored copies")


@dataclass(frozen=True)
class StaticTask:
    """What is learned from and what is tested on.

    Attributes:
        name: As it stands in the table.
        learned: Seed → the samples to learn from.
        tested: Seed → those to test on; their classes are among the former.
        families: What is trained.
    """

    name: str
    learned: Callable[[int], sp.LandmarkCache]
    tested: Callable[[int], sp.LandmarkCache]
    families: tuple[str, ...] = FAMILIES

    @property
    def split_by_seed(self) -> bool:
        """Whether each seed tests other samples."""
        return self.name == DIGITS_BY_STUDENT

    @property
    def source(self) -> str:
        """What a model is learned from: tasks that share it share their models."""
        return self.name.split(" to ")[0]


def static_tasks(sources: StaticSources) -> list[StaticTask]:
    """All tasks, in the order in which they are measured."""
    every = (*FAMILIES, *WORLD_FAMILIES)
    drawn = partial(sources.drawn, "letters", LETTERS)

    def beside(real: Callable[[], sp.LandmarkCache]) -> Callable[[int], sp.LandmarkCache]:
        return lambda _seed: sp.merge_caches([real(), drawn()])

    return [
        StaticTask(TO_PHOTOGRAPHS, lambda _: sources.thinned_table(), lambda _: sources.letters()),
        StaticTask(TO_TABLE, lambda _: sources.letters(), lambda _: sources.table()),
        StaticTask(BOTH_TO_PHOTOGRAPHS, beside(sources.thinned_table), lambda _: sources.letters()),
        StaticTask(BOTH_TO_TABLE, beside(sources.letters), lambda _: sources.table()),
        StaticTask(
            DIGITS_BY_STUDENT,
            lambda seed: fold_of(sources.digits(), seed)[0],
            lambda seed: fold_of(sources.digits(), seed)[1],
            every,
        ),
        StaticTask(
            "open fingers: drawn hands to frames",
            lambda _: sources.drawn("canned", CANNED),
            lambda _: sources.open_fingers(),
            every,
        ),
        StaticTask("letters: drawn hands to photographs", lambda _: drawn(), lambda _: sources.letters(), every),
        StaticTask("letters: drawn hands to table", lambda _: drawn(), lambda _: sources.table()),
    ]


def run(data: Path, work: Path, scores: Scores, seeds: tuple[int, ...]) -> None:
    """Measures every static family, float and int8, and scikit-learn on the same hands.

    Args:
        data: The folder of real data.
        work: Where caches and trained models stay.
        scores: What was measured; all that it has is passed over.
        seeds: One training of each family and task for each.
    """
    sources = StaticSources(data, work / "static")
    tasks = [task for task in static_tasks(sources) if scores.wants(task.name)]
    bench = _Bench(sources, scores, Console(stderr=True, highlight=False))
    # Seed by seed, so that a run that is stopped has something of everything.
    for seed in seeds:
        for task in tasks:
            for family in task.families:
                bench.family(task, family, seed)
            if task.split_by_seed or seed == seeds[0]:  # its seed hardly matters otherwise
                bench.baselines(task, seed)
            if task.name.startswith("open fingers"):
                bench.canned(task, seed)
    for task in tasks:
        bench.ensemble(task, seeds)
    real = [task for task in tasks if task.name in (TO_PHOTOGRAPHS, TO_TABLE)]
    for seed in seeds:
        for task in real:
            for variant, settings in WITHOUT.items():
                bench.ablation(task, seed, variant, settings)


@dataclass(frozen=True)
class _Bench:
    """Where things come from and go to."""

    sources: StaticSources
    scores: Scores
    console: Console

    def add(self, task: StaticTask, method: str, form: str, seed: int, right: np.ndarray, variant: str = "") -> None:
        """Keeps one accuracy and says it."""
        score = Score(task.name, method, form, seed, float(right.mean()), len(right), variant)
        self.scores.add(score)
        self.console.print(f"{task.name}, seed {seed}: {method} {form} {variant} {score.accuracy:.3f}")

    def has(self, task: StaticTask, method: str, form: str, seed: int, variant: str = "") -> bool:
        return self.scores.has(task.name, method, form, seed, variant)

    def baselines(self, task: StaticTask, seed: int) -> None:
        """scikit-learn on the 84 features; it gets the drawn hands too where a model does.

        An SVM is asked twice more: with the features as they are, and with all that the MLP has, copies included.
        """
        if self.has(task, "random forest", "", seed):
            return
        learned, tested = task.learned(seed), task.tested(seed)
        train, test = hand_features(learned.landmarks), hand_features(tested.landmarks)
        train_y, test_y = _labels(learned, learned.classes), _labels(tested, learned.classes)
        # A source without known people is one: folds are drawn at random then.
        groups = None if None in learned.groups else np.array(learned.groups)
        found = baseline_scores(train, train_y, test, test_y, groups, seed)
        found["SVM, not standardized"] = _unscaled_svm(train, train_y, test, test_y)
        copies = load_recipe("mlp").data.augmentation.variants(learned, seed)
        many, many_y = np.concatenate([_as_mlp(one) for one in copies]), np.tile(train_y, len(copies))
        found["SVM, with the MLP's features and copies"] = _unscaled_svm(many, many_y, _as_mlp(tested), test_y)
        for name, accuracy in found.items():
            right = np.arange(len(test_y)) < round(accuracy * len(test_y))
            self.add(task, name, "", seed, right)

    def family(self, task: StaticTask, family: str, seed: int) -> None:
        """A family in float and in int8; MLPs also with what can be done at test time."""
        if self.has(task, family, "int8", seed):
            return
        tested = task.tested(seed)
        try:
            answers = self.answers(task, family, seed, task.learned(seed), tested)
        except GateError as error:  # what signport would not ship has no figure, but the other models do
            self.console.print(f"{task.name}, seed {seed}: {family} is left out: {error}")
            return
        classes = task.learned(seed).classes
        labels = _labels(tested, classes)
        for name, found in answers.items():
            form, _, variant = name.partition(" ")
            self.add(task, family, form, seed, found.argmax(axis=1) == labels, variant)

    def answers(
        self, task: StaticTask, family: str, seed: int, learned: sp.LandmarkCache, tested: sp.LandmarkCache
    ) -> dict[str, np.ndarray]:
        """Probabilities (samples, classes) by `float` or `int8` and what was done besides; kept in the run's folder."""
        folder, kept = self.folder(task, family, seed), self.kept(task, family, seed)
        if kept.is_file():
            with np.load(kept, allow_pickle=False) as stored:
                return dict(stored)
        found = learn_and_ask(family, learned, tested, folder, seed, self.sources.bundle)
        with atomic_file(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, **found)
        return found

    def folder(self, task: StaticTask, family: str, seed: int, variant: str = "") -> Path:
        """Of the run."""
        name = "-".join(part for part in (task.source, variant, family, str(seed)) if part)
        return self.sources.work / "runs" / _file_name(name)

    def kept(self, task: StaticTask, family: str, seed: int) -> Path:
        """The answers to a task's test samples."""
        return self.folder(task, family, seed) / f"answers-{_file_name(task.name)}.npz"

    def ensemble(self, task: StaticTask, seeds: tuple[int, ...]) -> None:
        """The probabilities of both MLPs and all seeds, averaged, where all are tested on the same samples."""
        files = [self.kept(task, family, seed) for family in FAMILIES for seed in seeds]
        done = self.has(task, "mlp and mlp_v2", "int8", 0, "all seeds averaged")
        if done or len(seeds) == 1 or task.split_by_seed or not all(file.is_file() for file in files):
            return
        tested, classes = task.tested(0), task.learned(0).classes
        labels = _labels(tested, classes)
        for form in ("float", "int8"):
            mean = np.mean([np.load(file)[form] for file in files], axis=0)
            self.add(task, "mlp and mlp_v2", form, 0, mean.argmax(axis=1) == labels, "all seeds averaged")

    def canned(self, task: StaticTask, seed: int) -> None:
        """Google's canned gestures on the same landmarks; no seed changes them."""
        if self.has(task, "Google's canned gestures", "float", seed):
            return
        tested = task.tested(0)
        models = read_bundle(read_bundle(self.sources.bundle)[RECOGNIZER], name=RECOGNIZER)
        feeds = list(gesture_embedder.inputs(tested).values())
        embeddings = LiteRtModel(models[GESTURE_EMBEDDER]).predict(feeds)
        answers = LiteRtModel(models[CANNED_CLASSIFIER]).predict([embeddings]).argmax(axis=1)
        self.add(task, "Google's canned gestures", "float", seed, answers == _labels(tested, CANNED))

    def ablation(self, task: StaticTask, seed: int, variant: str, settings: tuple[str, ...]) -> None:
        """The MLP in float, trained in another way."""
        ways = {variant: np.asarray}
        if variant in MIRRORED:
            ways[f"{variant}, on mirror images".removeprefix(", ")] = mirrored
        ways = {name: way for name, way in ways.items() if not self.has(task, "mlp", "float", seed, name)}
        if not ways:
            return
        learned, tested = task.learned(seed), task.tested(seed)
        run = trained("mlp", learned, self.folder(task, "mlp", seed, variant), seed, settings=settings)
        model, labels = run.model(), _labels(tested, learned.classes)
        for name, way in ways.items():
            answers = predict(model, {"landmarks": way(tested.landmarks)})
            self.add(task, "mlp", "float", seed, answers.argmax(axis=1) == labels, name)


def _file_name(text: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in text)


def _labels(cache: sp.LandmarkCache, classes: tuple[str, ...]) -> np.ndarray:
    return np.array([classes.index(label) for label in cache.table["label"].to_pylist()])


def _as_mlp(cache: sp.LandmarkCache) -> np.ndarray:
    """The 147 features that the MLP's recipe asks for, (samples, 147)."""
    return np.concatenate([hand_features(cache.landmarks), edge_directions(cache.landmarks)], axis=1)


def _unscaled_svm(train: np.ndarray, train_y: np.ndarray, test: np.ndarray, test_y: np.ndarray) -> float:
    """Accuracy. Standardizing blows up features that hardly vary in one person, and these have one scale anyway."""
    from sklearn.svm import SVC

    model = SVC(C=10, class_weight="balanced").fit(np.nan_to_num(train), train_y)
    return float(model.score(np.nan_to_num(test), test_y))
