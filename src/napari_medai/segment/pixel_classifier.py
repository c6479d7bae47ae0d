"""A classifier of voxels learnt from strokes: plain numbers, saved as JSON, applied to any image."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.core.files import write_text
from napari_medai.core.image import MedicalImage
from napari_medai.core.progress import Progress, Step, part
from napari_medai.preprocess.arrays import FloatVolume
from napari_medai.segment.learners import LEARNERS, Method
from napari_medai.segment.pixel_features import channels_of, pixel_features

SCHEMA = "napari-medai/pixel-classifier/1"
_PER_CLASS = 4000
_CHUNK = 100_000


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """What was learnt from strokes.

    Parameters
    ----------
    content : mapping
        JSON-able: schema, method, scales_mm, channels, numbers and names of the labels, mean and
        deviation of the features, and what the method learnt.
    """

    content: Mapping[str, Any]

    def __post_init__(self) -> None:
        found = self.content.get("schema")
        if found != SCHEMA:
            raise ArgumentError(f"Found a classifier of schema {found!r}; needed {SCHEMA!r}.")
        if self.content["method"] not in LEARNERS:
            raise ArgumentError(
                f"Found a classifier of method {self.content['method']!r}; known: {', '.join(LEARNERS)}."
            )

    @classmethod
    def load(cls, path: str | Path) -> PixelClassifier:
        """Read a JSON file; nothing in it is run."""
        try:
            return cls(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ArgumentError(f"{Path(path).name} holds no classifier: {error}.") from error

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        write_text(path, json.dumps(self.content))

    def record_entry(self) -> dict[str, str]:
        """Return it for a history: whole, but packed."""
        packed = zlib.compress(json.dumps(self.content).encode(), 9)
        return {"packed": base64.b64encode(packed).decode()}

    def label(self, image: MedicalImage, progress: Progress) -> NDArray[np.integer[Any]]:
        """Return the label (z, y, x) or (y, x) of every voxel.

        Raises
        ------
        ArgumentError
            If the image has another number of channels than the classifier was learnt on.
        """
        count = len(channels_of(image))
        if count != self.content["channels"]:
            raise ArgumentError(
                f"Found {count} channels; the classifier was learnt on {self.content['channels']}."
            )
        rows = pixel_features(image, self.content["scales_mm"], part(progress, 0, 0.4))
        classes = self._predict(rows, part(progress, 0.4, 1))
        numbers = np.array(self.content["numbers"])
        return np.asarray(numbers[classes].reshape(image.spatial_shape))

    def _predict(self, rows: FloatVolume, progress: Progress) -> NDArray[np.intp]:
        _, vote = LEARNERS[self.content["method"]]
        learnt = self.content["learnt"]
        mean, deviation = (np.array(self.content[k], dtype=np.float32) for k in ("mean", "deviation"))

        def one(start: int) -> NDArray[np.intp]:
            return np.asarray(vote(learnt, (rows[start : start + _CHUNK] - mean) / deviation).argmax(axis=1))

        starts = range(0, len(rows), _CHUNK)
        results = []
        with ThreadPoolExecutor(2) as pool:
            try:
                for k, result in enumerate(pool.map(one, starts)):
                    progress(Step(k, len(starts), "Classifying"))
                    results.append(result)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return np.concatenate(results)


def learn(
    image: MedicalImage,
    painted: NDArray[np.integer[Any]],
    names: Mapping[int, str],
    method: Method,
    scales_mm: tuple[float, ...],
    seed: int,
    progress: Progress,
) -> PixelClassifier:
    """Learn a classifier from painted voxels.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D; channels or colours together.
    painted : ndarray of int
        0 where nothing is painted; two numbers or more.
    names : mapping
        What the numbers stand for.
    method : {"forest", "svm", "neighbours"}
        How it is learnt.
    scales_mm : tuple of float
        Of the features.
    seed : int
        Of every random choice.
    progress : Progress
        Hears several reports.
    """
    features = pixel_features(image, scales_mm, part(progress, 0, 0.7))
    progress(Step(0.7, 1, "Learning"))
    numbers = [int(n) for n in np.unique(painted) if n != 0]
    rows, classes = _drawn(features, painted.ravel(), numbers, seed)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation[deviation == 0] = 1
    fit, _ = LEARNERS[method]
    learnt = fit((rows - mean) / deviation, classes, seed)
    progress(Step(1, 1, "Learning"))
    return PixelClassifier(
        {
            "schema": SCHEMA,
            "method": method,
            "scales_mm": list(scales_mm),
            "channels": len(channels_of(image)),
            "numbers": numbers,
            "names": {str(n): names[n] for n in numbers},
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
            "learnt": learnt,
        }
    )


def _drawn(
    features: FloatVolume, painted: NDArray[np.integer[Any]], numbers: list[int], seed: int
) -> tuple[FloatVolume, NDArray[np.intp]]:
    """Return at most so many painted rows of each class."""
    rng = np.random.default_rng(seed)
    chosen, classes = [], []
    for k, number in enumerate(numbers):
        places = np.flatnonzero(painted == number)
        places = np.sort(rng.choice(places, min(len(places), _PER_CLASS), replace=False))
        chosen.append(places)
        classes.append(np.full(len(places), k))
    return features[np.concatenate(chosen)], np.concatenate(classes).astype(np.intp)
