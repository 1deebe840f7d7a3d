"""Sequences: which sign a clip shows, tested on recordings that nothing was learned from.

Both data sets are of one signer each, so nothing here says how well a stranger's signs are read. What is known of the
recordings, and so what can be held back, is in `sequence_data`.
"""

import shutil
import tempfile
from itertools import product
from pathlib import Path

import keras
import numpy as np
from baselines import BASELINES, tuned
from interrupted import brought_to_end
from rich.console import Console
from scores import Score, Scores
from sequence_data import Fold, SequenceTask, sequence_tasks
from signs_baseline import centred, pooled

import signport as sp
from signport.datasets.splits import Split
from signport.export.convert import FORMATS, convert
from signport.export.exporter import model_info
from signport.export.metadata import finish
from signport.export.reference import Reference
from signport.files import read_json, write_json
from signport.quantization.engines import engine_named
from signport.training.recipe import load_recipe

# Every float model first: int8 files take longer than trainings this short.
FORMS = ("float", "int8")

# Moments that a clip is thinned out to for scikit-learn, where their order is to count.
MOMENTS = 8
# Clips are too few to hold any back for choosing an epoch: all train equally long, at a rate that falls to 0.
# An epoch goes over the clips so often that it has at least so many: most of a short one would be checkpoints.
CLIPS_AN_EPOCH = 480
FIXED = (
    "training.epochs=12",
    "training.schedule=cosine",
    "training.early_stopping_patience=0",
    "training.batch_size=16",
    "training.learning_rate=0.002",
    "logging.tensorboard=false",
    "training.warmup_epochs=1",
    "model.frames=16",
)
# Smaller than the recipes, which are for thousands of clips.
SETTINGS = {
    "lstm": ("model.units=[64, 64, 32]", "training.learning_rate=0.001"),
    "transformer": (
        "model.hidden=96",
        "model.heads=4",
        "model.layers=2",
        "model.expansion=2",
        "model.dropout=0.2",
        "training.learning_rate=0.001",
    ),
    "stgcn": ("model.blocks=3", "model.channels=32", "model.dropout=0.2"),
    "conv_transformer": ("model.hidden=64", "model.stages=1", "model.dropout=0.2"),
}


def run(data: Path, work: Path, scores: Scores, seeds: list[int]) -> None:
    """Measures every sequence family, float and int8, and scikit-learn on the same clips.

    Args:
        data: The folder of real data.
        work: Where caches and trained models stay.
        scores: What was measured; all that it has is passed over.
        seeds: One training of each family and fold for each.
    """
    console = Console(stderr=True, highlight=False)
    tasks = {name: make() for name, make in sequence_tasks(data, work).items() if scores.wants(name)}
    for seed, form, (name, task) in product(seeds, FORMS, tasks.items()):
        folds = task.folds(seed)
        samples = sum(len(fold.test) for fold in folds)
        if not all(scores.has(name, method, "", seed) for method in BASELINES):
            found = baselines(task, folds, seed)
            scores.add(*(Score(name, method, "", seed, right / samples, samples) for method, right in found.items()))
            console.print(f"{name}, seed {seed}: " + ", ".join(f"{one} {found[one] / samples:.3f}" for one in found))
        for family in SETTINGS if form in task.formats else ():
            if not scores.has(name, family, form, seed):
                accuracy = sum(count_right(task, fold, family, seed, form, work) for fold in folds) / samples
                scores.add(Score(name, family, form, seed, accuracy, samples))
                console.print(f"{name}, seed {seed}: {family} {form} {accuracy:.3f}")


def baselines(task: SequenceTask, folds: list[Fold], seed: int) -> dict[str, int]:
    """How many test clips of all folds each scikit-learn classifier gets right.

    Each gets the features that do better in cross-validation inside the training part: pooled over the clip, or the
    clip thinned out to a few moments; pooled where there are too few clips to tell.
    """
    cache = task.cache
    features = [pooled(centred(cache)), np.nan_to_num(centred(cache, MOMENTS)).reshape(len(cache), -1)]
    right = dict.fromkeys(BASELINES, 0)
    for fold in folds:
        labels, groups = cache.labels[fold.train], task.groups[fold.train]
        models = [tuned(values[fold.train], labels, groups, seed) for values in features]
        for name in BASELINES:
            form = int(np.argmax([np.nan_to_num(one[name].best_score_, nan=-1.0) for one in models]))
            predicted = models[form][name].predict(features[form][fold.test])
            right[name] += int((predicted == cache.labels[fold.test]).sum())
    return right


def count_right(task: SequenceTask, fold: Fold, family: str, seed: int, form: str, work: Path) -> int:
    """How many test clips of a fold a family's float model or int8 file gets right.

    The trained run and the count stay in the work folder, so that a stopped measurement goes on where it was.
    """
    trained = trained_run(task, fold, family, seed, work)
    kept = trained.path / f"reference-{form}.json"
    if not kept.is_file():
        reference = Reference.of(trained)
        accuracy = reference.accuracy if form == "float" else int8_accuracy(reference)
        write_json(kept, round(accuracy * len(reference.labels)))
    found: int = read_json(kept)
    return found


def trained_run(task: SequenceTask, fold: Fold, family: str, seed: int, work: Path) -> sp.Run:
    """The run of a family, fold and seed: an earlier one of the same settings, if need be resumed, or a new one."""
    name, runs = f"{task.key}-{fold.name}-{family}-{seed}", work / "runs"
    recipe = load_recipe(family, [f"seed={seed}", *FIXED, *SETTINGS[family]])
    if (runs / name / "run.json").is_file():
        if sp.Run.open(runs / name, unfinished=True).recipe.digest == recipe.digest:
            return brought_to_end(runs / name)
        shutil.rmtree(runs / name)
    often = -(-CLIPS_AN_EPOCH // len(fold.train))
    parts = Split(np.repeat(fold.train, often), fold.train, fold.test, by="group")
    return sp.train(recipe, task.cache, name=name, runs=runs, parts=parts, restarted=True)


def int8_accuracy(reference: Reference) -> float:
    """Accuracy of the int8 file on the test part, made as `signport export` makes it; gates are not asked.

    They want an agreement with the float model that a part of forty clips can hardly show.
    """
    run = reference.run
    settings = run.recipe.quantization
    samples = run.inputs("train"), run.inputs("validation")
    keras.utils.set_random_seed(run.recipe.seed)
    quantized = engine_named(settings.engine)(reference.model, *samples, settings, run.recipe.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quantized.deploy.save(folder / FORMATS["int8"].source)
        convert(run.family.name, folder, ["int8"])
        content = finish((folder / FORMATS["int8"].file_name).read_bytes(), model_info(reference))
    accuracy = reference.check("int8", content).accuracy
    assert accuracy is not None  # all of these are classifiers
    return accuracy
