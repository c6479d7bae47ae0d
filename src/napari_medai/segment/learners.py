"""Classifiers of feature rows that are plain numbers: learnt by scikit-learn, kept as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_medai.preprocess.arrays import FloatVolume

Method: TypeAlias = Literal["forest", "svm", "neighbours"]
Fit = Callable[[FloatVolume, NDArray[np.intp], int], dict[str, Any]]
Vote = Callable[[dict[str, Any], FloatVolume], FloatVolume]

_TREES = 30
_DEPTH = 10
_SVM_ROWS = 500
_NEIGHBOUR_ROWS = 1000
_NEIGHBOURS = 7


def fit_forest(rows: FloatVolume, classes: NDArray[np.intp], seed: int) -> dict[str, Any]:
    """Learn a random forest; return its trees as lists."""
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        _TREES, max_depth=_DEPTH, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=2
    ).fit(rows, classes)
    return {"trees": [_tree_lists(e.tree_) for e in model.estimators_]}


def vote_forest(content: dict[str, Any], rows: FloatVolume) -> FloatVolume:
    """Return the mean vote (N, K) of the trees."""
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    trees = [_tree(tree, rows.shape[1]) for tree in content["trees"]]
    return np.asarray(sum(tree.predict(rows) for tree in trees) / len(trees), dtype=np.float32)


def fit_svm(rows: FloatVolume, classes: NDArray[np.intp], seed: int) -> dict[str, Any]:
    """Learn one support vector machine a class (Gaussian kernel); return their vectors and weights."""
    from sklearn.svm import SVC

    chosen = _balanced(classes, _SVM_ROWS, seed)
    rows, classes = rows[chosen], classes[chosen]
    gamma = 1.0 / rows.shape[1]
    machines = []
    for k in range(int(classes.max()) + 1):
        model = SVC(C=10.0, gamma=gamma, class_weight="balanced").fit(rows, classes == k)
        weights = np.zeros(len(rows))
        weights[model.support_] = model.dual_coef_[0]
        machines.append((weights, float(model.intercept_[0])))
    used = np.any([w != 0 for w, _ in machines], axis=0)
    return {
        "gamma": gamma,
        "vectors": rows[used].tolist(),
        "weights": [w[used].tolist() for w, _ in machines],
        "offsets": [o for _, o in machines],
    }


def vote_svm(content: dict[str, Any], rows: FloatVolume) -> FloatVolume:
    """Return the margin (N, K) of each class."""
    vectors = np.array(content["vectors"], dtype=np.float32)
    weights = np.array(content["weights"], dtype=np.float32)
    gamma = np.float32(content["gamma"])
    square = (rows * rows).sum(axis=1)[:, None] + (vectors * vectors).sum(axis=1)[None]
    kernel = np.exp(-gamma * np.maximum(square - 2 * rows @ vectors.T, 0))
    return np.asarray(kernel @ weights.T + np.array(content["offsets"], dtype=np.float32))


def fit_neighbours(rows: FloatVolume, classes: NDArray[np.intp], seed: int) -> dict[str, Any]:
    """Keep a balanced sample of the rows."""
    chosen = _balanced(classes, _NEIGHBOUR_ROWS, seed)
    return {"rows": rows[chosen].tolist(), "classes": classes[chosen].tolist(), "count": _NEIGHBOURS}


def vote_neighbours(content: dict[str, Any], rows: FloatVolume) -> FloatVolume:
    """Return the share (N, K) of each class among the nearest kept rows."""
    from scipy.spatial import cKDTree

    kept = np.array(content["rows"], dtype=np.float32)
    classes = np.array(content["classes"])
    count = min(int(content["count"]), len(kept))
    _, nearest = cKDTree(kept).query(rows, k=count, eps=0.5)
    found = classes[np.reshape(nearest, (len(rows), count))]
    shares = [(found == k).mean(axis=1) for k in range(int(classes.max()) + 1)]
    return np.stack(shares, axis=1).astype(np.float32)


LEARNERS: dict[str, tuple[Fit, Vote]] = {
    "forest": (fit_forest, vote_forest),
    "svm": (fit_svm, vote_svm),
    "neighbours": (fit_neighbours, vote_neighbours),
}


def _balanced(classes: NDArray[np.intp], most: int, seed: int) -> NDArray[np.intp]:
    """Draw as many rows of each class, ``most`` in all."""
    rng = np.random.default_rng(seed)
    each = most // (int(classes.max()) + 1)
    parts = []
    for k in np.unique(classes):
        rows = np.flatnonzero(classes == k)
        parts.append(rng.choice(rows, min(each, len(rows)), replace=False))
    return np.sort(np.concatenate(parts))


def _tree_lists(tree: Any) -> dict[str, Any]:
    share = tree.value[:, 0, :]
    return {
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "feature": tree.feature.tolist(),
        "threshold": tree.threshold.tolist(),
        "share": (share / share.sum(axis=1, keepdims=True)).round(4).tolist(),
    }


def _tree(content: dict[str, Any], features: int) -> Any:
    """Rebuild scikit-learn's tree from its lists; no pickle is involved."""
    from sklearn.tree._tree import NODE_DTYPE, Tree

    share = np.array(content["share"], dtype=np.float64)
    nodes = np.zeros(len(share), dtype=NODE_DTYPE)
    nodes["left_child"], nodes["right_child"] = content["left"], content["right"]
    nodes["feature"], nodes["threshold"] = content["feature"], content["threshold"]
    nodes["n_node_samples"], nodes["weighted_n_node_samples"] = 1, 1.0
    tree = Tree(features, np.array([share.shape[1]], dtype=np.intp), 1)
    values = np.ascontiguousarray(share[:, None, :])
    tree.__setstate__({"max_depth": _DEPTH, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree
