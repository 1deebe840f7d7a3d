"""What sequence models are worth: `python benchmarks/signs_baseline.py [CACHE] [--run RUN]... [--convolutional]`.

A nearest-neighbour vote over mean and standard deviation of each clip's landmarks knows where the hands were and how
they were shaped, not in which order. A trained model that does not clearly beat it has learned no movement. Works on
any cache of sequences, on the same split as the models that stand beside it; with several runs of different splits
each gets its own neighbours. Without CACHE and runs it renders the default signs.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import signport as sp
from signport.datasets.splits import Split, split
from signport.landmarks.topology import POSE_HANDS_75

NEIGHBOURS = 5


def centred(cache: sp.LandmarkCache, frames: int | None = None) -> np.ndarray:
    """Clips on the signer's shoulders, float32 (samples, frames, 75, 3): centred between them, as wide as they.

    Pose and hands only; raw where a cache has no shoulders. Depth is scaled alike. A missing point stays NaN.
    """
    clips = cache.clips(POSE_HANDS_75, frames)
    left, right = (clips[:, :, POSE_HANDS_75.index[f"pose.{side}_shoulder"], :2] for side in ("left", "right"))
    if np.isnan(left).all():
        return clips
    width = np.nanmedian(np.linalg.norm(left - right, axis=-1), axis=1)[:, None, None, None]
    clips[..., :2] -= ((left + right) / 2)[:, :, None]
    return clips / width


def pooled(clips: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over frames and the share of frames with a point, 0 for a point never seen."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of points that are NaN in every frame
        mean, deviation = np.nanmean(clips, axis=1), np.nanstd(clips, axis=1)
    seen = (~np.isnan(clips[..., 0])).mean(axis=1)
    stacked = np.concatenate([array.reshape(len(clips), -1) for array in (mean, deviation, seen)], axis=1)
    return np.nan_to_num(stacked, nan=0.0)


def knn_accuracy(cache: str | Path | sp.LandmarkCache, parts: Split, neighbours: int = NEIGHBOURS) -> float:
    """Test accuracy of nearest neighbours on pooled features.

    Args:
        cache: Sequences of any body layout.
        parts: Neighbours come from its training part.
        neighbours: How many of them vote.
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    cache = cache if isinstance(cache, sp.LandmarkCache) else sp.LandmarkCache.read(cache)
    features = pooled(centred(cache))
    scaler = StandardScaler().fit(features[parts.train])
    voters = KNeighborsClassifier(neighbours).fit(scaler.transform(features[parts.train]), cache.labels[parts.train])
    return float(voters.score(scaler.transform(features[parts.test]), cache.labels[parts.test]))


def convolutional_accuracy(
    cache: sp.LandmarkCache, parts: Split, epochs: int, seed: int = 0, channels: int = 96
) -> tuple[float, int]:
    """Test accuracy and parameters of three small convolutions over 30 centred frames, best epoch by validation."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    clips = np.nan_to_num(centred(cache, 30), nan=0.0)
    clips = clips.reshape(*clips.shape[:2], -1)
    deviation = clips[parts.train].std(axis=(0, 1))
    clips = (clips - clips[parts.train].mean(axis=(0, 1))) / np.where(deviation > 1e-4, deviation, 1)
    model = keras.Sequential([keras.Input(clips.shape[1:]), layers.Dense(64)])
    for pool in (2, 2, 1):
        model.add(layers.Conv1D(channels, 5, padding="same"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.Dropout(0.3))
        model.add(layers.MaxPool1D(pool))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.4))
    model.add(layers.Dense(len(cache.classes), activation="softmax"))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=epochs, restore_best_weights=True)
    model.fit(
        clips[parts.train],
        cache.labels[parts.train],
        validation_data=(clips[parts.validation], cache.labels[parts.validation]),
        epochs=epochs,
        batch_size=32,
        verbose=0,
        callbacks=[best],
    )
    accuracy = float(model.evaluate(clips[parts.test], cache.labels[parts.test], verbose=0)[1])
    return accuracy, model.count_params()


def main() -> None:
    """Prints a row a method: neighbours, the small convolutional model if asked for, and each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path, nargs="?", help="A cache of sequences; without it, the default signs")
    parser.add_argument("--run", type=Path, action="append", default=[], help="A trained run; may be repeated")
    parser.add_argument("--convolutional", action="store_true", help="Train a small convolutional model too")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="Of the split, where no run gives one")
    options = parser.parse_args()
    rows: list[tuple[str, Split, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        if options.cache:
            cache = sp.LandmarkCache.read(options.cache)
        elif options.run:
            cache = None
        else:
            cache = sp.render_signs(Path(folder) / "signs.parquet")
        if cache is not None:
            parts = split(cache, seed=options.seed)
            rows.append((f"{NEIGHBOURS} nearest neighbours, split {options.seed}", parts, knn_accuracy(cache, parts)))
            if options.convolutional:
                accuracy, _ = convolutional_accuracy(cache, parts, options.epochs)
                rows.append((f"small convolutional model, split {options.seed}", parts, accuracy))
        for path in options.run:
            run = sp.Run.open(path)
            parts = run.split()
            accuracy = knn_accuracy(run.cache(), parts)
            rows.append((f"{NEIGHBOURS} nearest neighbours, split of {run.id}", parts, accuracy))
            rows.append(
                (
                    f"{run.recipe.family} ({run.id})",
                    parts,
                    sp.evaluate(run, run.cache_path, output=Path(folder)).accuracy,
                )
            )
    print(f"{'method':<44} {'train':>6} {'test':>6} {'accuracy':>9}")
    for name, parts, accuracy in rows:
        print(f"{name:<44} {len(parts.train):>6} {len(parts.test):>6} {accuracy:>9.3f}")


if __name__ == "__main__":
    main()
