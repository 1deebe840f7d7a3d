"""What people would use instead of a network: scikit-learn's classifiers, each tuned inside the training part."""

from typing import Any

import numpy as np

FOLDS = 3
BASELINES = ("kNN", "logistic regression", "SVM", "random forest")


def candidates(seed: int, samples: int) -> dict[str, tuple[Any, dict[str, list[Any]]]]:
    """Name → (pipeline, grid), the grid for so many training samples; its first values need no tuning."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    def scaled(model: Any) -> Pipeline:
        return Pipeline([("scale", StandardScaler()), ("model", model)])

    forest = RandomForestClassifier(200, class_weight="balanced", random_state=seed)
    return {
        "kNN": (
            Pipeline([("scale", "passthrough"), ("model", KNeighborsClassifier())]),
            {
                "model__n_neighbors": [count for count in (1, 3, 5, 9) if 2 * count <= samples],
                "scale": [StandardScaler(), "passthrough"],
            },
        ),
        "logistic regression": (
            scaled(LogisticRegression(max_iter=1000, class_weight="balanced")),
            {"model__C": [1.0, 0.1, 0.01]},
        ),
        "SVM": (scaled(SVC(class_weight="balanced")), {"model__C": [10.0, 1.0, 100.0]}),
        "random forest": (Pipeline([("model", forest)]), {"model__min_samples_leaf": [1]}),
    }


def tuned(train_x: np.ndarray, train_y: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> dict[str, Any]:
    """Classifiers whose settings are chosen by cross-validation inside the training part, then fitted to all of it.

    Args:
        train_x: Features, float (samples, features).
        train_y: Labels, int (samples,).
        groups: Signer or recording of each sample; folds don't cross them. None draws the folds at random.
        seed: Of the folds and of the forest.

    Returns:
        Name → classifier with `predict`, `score`, and `best_score_`: its accuracy in cross-validation, NaN where a
        class has too few groups for any.
    """
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold

    keys = np.arange(len(train_y)) if groups is None else np.asarray(groups)
    folds = min(FOLDS, *(len(np.unique(keys[train_y == label])) for label in np.unique(train_y)))
    found = {}
    for name, (model, grid) in candidates(seed, len(train_y)).items():
        if folds < 2:
            found[name] = model.set_params(**{key: values[0] for key, values in grid.items()}).fit(train_x, train_y)
            found[name].best_score_ = float("nan")
            continue
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        search = GridSearchCV(model, grid, cv=kind(folds, shuffle=True, random_state=seed))
        found[name] = search.fit(train_x, train_y, groups=None if groups is None else keys)
    return found


def baseline_scores(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Test accuracy of kNN, logistic regression, SVM (RBF kernel) and random forest.

    Args:
        train_x: Features, float (samples, features); NaN counts as 0.
        train_y: Labels, int (samples,).
        test_x: Features that nothing is chosen by.
        test_y: Their labels.
        groups: Signer or recording of each training sample.
        seed: Of the folds and of the forest.

    Returns:
        Classifier → accuracy, 0 to 1.
    """
    models = tuned(np.nan_to_num(train_x), train_y, groups, seed)
    return {name: float((model.predict(np.nan_to_num(test_x)) == test_y).mean()) for name, model in models.items()}
