"""Preparing: noise and bias field on a brain with known truth, strokes, each beside its peers.

Run ``python benchmarks/preprocess.py [denoise] [bias] [strokes] [membranes]``; all by default. The brain is
``registration/brain_oasis/subjectA.npz`` of the folder that NAPARI_MEDAI_DATA names, the project's own head
where that is missing. Every figure of ours stands beside the peer's of the same run; times are CPU seconds
of the whole process. Targets: noise of 5 % of the range, at least 33.5 dB in 30 s; the field of SimpleITK's
N4 at shrink factor 2 with equal or smaller error in a seventh of the time; strokes on 512 x 512 learnt and
applied in under 1 s, on 128^3 in under 10 s. The membranes (``segmentation/isbi2012`` of the same folder) are
learnt from 1 % of the pixels of 5 slices and found on slices 25 to 29.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.preprocess.bias import correct_bias_field
from napari_medai.preprocess.denoise import denoise_blockwise, denoise_nonlocal, denoise_wavelet
from napari_medai.preprocess.diffuse import denoise_variation, smooth_anisotropic
from napari_medai.preprocess.smooth import smooth_gaussian, smooth_median
from napari_medai.segment.scribbles import apply_classifier, classify_scribbles, train_classifier
from napari_medai.segment.threshold import threshold_otsu

SIGMA = 0.05
Array = np.ndarray[Any, np.dtype[Any]]


def main() -> None:
    """Run the cases named on the command line."""
    cases: dict[str, Callable[[], None]]
    cases = {"denoise": denoise, "bias": bias, "strokes": strokes, "membranes": membranes}
    for name in sys.argv[1:] or cases:
        cases[name]()


def brain() -> tuple[MedicalImage, Array]:
    """Return a skull-stripped T1 brain, 0 to 1, at 1 mm, and where it is."""
    folder = os.environ.get("NAPARI_MEDAI_DATA", "")
    path = Path(folder) / "registration" / "brain_oasis" / "subjectA.npz"
    if folder and path.is_file():
        values = np.load(path)["vol"].astype(np.float32) / 255
        print(f"brain: {path.parent.name}/{path.name}, {' x '.join(map(str, values.shape))}")
    else:
        values = _own_head()
        print("brain: the project's own phantom (set NAPARI_MEDAI_DATA for a real one)")
    image = MedicalImage(
        values, "zyx", Geometry.from_spacing(values.shape, (1, 1, 1)), meta={"modality": "MR"}
    )
    return image, values > 0


def _own_head() -> Array:
    y, x, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (192, 224, 160)], indexing="ij")
    head = np.moveaxis(y**2 / 0.7 + x**2 / 0.8 + z**2 / 0.6, 2, 0) < 0.9
    rng = np.random.default_rng(0)
    folds = ndimage.gaussian_filter(rng.normal(size=head.shape), 3)
    return np.where(head, np.where(folds > 0, 0.7, 0.45) + 0.02 * folds / folds.std(), 0).astype(np.float32)


def denoise() -> None:
    """Print PSNR inside the brain and CPU seconds of each filter at noise of 5 % of the range."""
    clean, inside = brain()
    rng = np.random.default_rng(0)
    real, imaginary = rng.normal(0, SIGMA, (2, *clean.array.shape))
    image = clean.with_array(np.hypot(clean.array + real, imaginary).astype(np.float32))
    filters: dict[str, Callable[[], Array]] = {
        "none": lambda: np.asarray(image.array),
        "block transform, noise known": lambda: denoise_blockwise(image, sigma=SIGMA).array,
        "block transform, noise estimated": lambda: denoise_blockwise(image).array,
        "block transform, Gaussian noise assumed": lambda: (
            denoise_blockwise(image, sigma=SIGMA, noise="gaussian").array
        ),
        "Gaussian 0.7 mm": lambda: smooth_gaussian(image, sigma_mm=0.7).array,
        "median 1 mm": lambda: smooth_median(image, radius_mm=1.0).array,
        "non-local means": lambda: denoise_nonlocal(image, sigma=SIGMA).array,
        "wavelets": lambda: denoise_wavelet(image, sigma=SIGMA).array,
        "total variation": lambda: denoise_variation(image, weight=0.7, iterations=30).array,
        "anisotropic diffusion": lambda: smooth_anisotropic(image).array,
        "peer: scipy gaussian": lambda: ndimage.gaussian_filter(np.asarray(image.array), 0.7),
        "peer: scikit-image non-local means": lambda: _peer_nonlocal(np.asarray(image.array)),
        "peer: bm4d": lambda: _peer_bm4d(np.asarray(image.array)),
    }
    for name, run in filters.items():
        try:
            result, seconds = timed(run)
        except ImportError:
            print(f"  {name:42s} not installed (make peers)")
            continue
        error = np.mean((result[inside] - clean.array[inside]) ** 2)
        print(f"  {name:42s} {-10 * np.log10(error):6.2f} dB {seconds:8.1f} CPU s")


def _peer_nonlocal(values: Array) -> Array:
    from skimage.restoration import denoise_nl_means

    return np.asarray(denoise_nl_means(values, 3, 2, h=0.8 * SIGMA, sigma=SIGMA, fast_mode=True))


def _peer_bm4d(values: Array) -> Array:
    from bm4d import bm4d

    return np.asarray(bm4d(values, SIGMA))


def bias() -> None:
    """Print the error of the field and CPU seconds beside SimpleITK's N4 at shrink factor 2."""
    clean, inside = brain()
    rng = np.random.default_rng(0)
    coarse = rng.uniform(np.log(0.7), np.log(1.3), (4, 4, 4))
    field = ndimage.zoom(coarse, [s / 4 for s in clean.array.shape], order=3)
    field = np.exp(field[tuple(slice(s) for s in clean.array.shape)])
    image = clean.with_array((clean.array * field).astype(np.float32))
    mask = clean.with_array(inside.astype(np.uint8), kind="labels", meta={})
    runs: dict[str, Callable[[], Array]] = {
        "none": lambda: np.asarray(image.array),
        "ours, mask found": lambda: correct_bias_field(image).array,
        "ours, mask given": lambda: correct_bias_field(image, mask).array,
        "peer: SimpleITK N4, shrink 4": lambda: _peer_n4(np.asarray(image.array), inside, 4),
        "peer: SimpleITK N4, shrink 2": lambda: _peer_n4(np.asarray(image.array), inside, 2),
    }
    times = {}
    for name, run in runs.items():
        result, times[name] = timed(run)
        ratio = image.array[inside] / np.maximum(result[inside], 1e-6) / field[inside]
        error = float(np.log(np.maximum(ratio, 1e-6)).std())
        print(f"  {name:42s} field error {error:.4f} {times[name]:8.1f} CPU s")
    quicker = times["peer: SimpleITK N4, shrink 2"] / times["ours, mask given"]
    print(f"  ours with the same mask is {quicker:.1f} times as fast as shrink factor 2")


def _peer_n4(values: Array, inside: Array, shrink: int) -> Array:
    import SimpleITK as sitk

    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(inside.astype(np.uint8))
    correction: Any = sitk.N4BiasFieldCorrectionImageFilter()
    correction.SetMaximumNumberOfIterations([50] * 4)
    correction.Execute(*(sitk.Shrink(i, [shrink] * 3) for i in (image, mask)))
    return np.asarray(values / np.exp(sitk.GetArrayFromImage(correction.GetLogBiasFieldAsImage(image))))


def strokes() -> None:
    """Print the wall time of learning and applying strokes, the second time for the same image."""
    for shape in ((512, 512), (128, 128, 128)):
        image, painted, truth = _painted(shape)
        size = " x ".join(map(str, shape))
        for method in ("forest", "svm", "neighbours"):
            run = partial(classify_scribbles, image, painted, method=method)
            (_, first), (result, second) = _wall(run), _wall(run)
            right = np.mean(result.array == truth)
            print(f"  {size:15s} {method:11s} first {first:6.2f} s, then {second:6.2f} s, {right:.1%} right")
        result, seconds = _wall(partial(_peer_forest, image, painted))
        right = np.mean(result == truth)
        print(f"  {size:15s} peer: scikit-image features, same forest {seconds:6.2f} s, {right:.1%} right")


def membranes() -> None:
    """Print the pixel error of learnt strokes on electron microscopy beside Otsu's."""
    folder = Path(os.environ.get("NAPARI_MEDAI_DATA", "")) / "segmentation" / "isbi2012"
    if not (os.environ.get("NAPARI_MEDAI_DATA") and folder.is_dir()):
        print("membranes: left out; set NAPARI_MEDAI_DATA to a folder with segmentation/isbi2012")
        return
    (seen, answer), (test, truth) = (_slices(folder, k) for k in ((0, 6, 12, 18, 24), range(25, 30)))
    chosen = np.random.default_rng(0).uniform(size=answer.shape) < 0.01
    painted = np.where(chosen, 1 + answer, 0).astype(np.uint8)
    image = _far_apart(seen)
    labels = MedicalImage(painted, "zyx", image.geometry, kind="labels")
    for method in ("forest", "svm", "neighbours"):
        learnt, seconds = _wall(
            partial(train_classifier, image, labels, method=method, scales_mm=(1.0, 2.0, 4.0, 8.0))
        )
        found, more = _wall(partial(apply_classifier, _far_apart(test), classifier=learnt))
        error = np.mean((found.array == 2) != truth)
        print(
            f"  membranes, {method:11s} pixel error {error:.3f} "
            f"(learnt in {seconds:.1f} s, applied in {more:.1f} s)"
        )
    otsu = threshold_otsu(_far_apart(test)).array > 0
    print(f"  membranes, Otsu        pixel error {np.mean(otsu != truth):.3f}")


def _slices(folder: Path, numbers: Iterable[int]) -> tuple[Array, Array]:
    """Return slices and where they show cell, not membrane."""
    from imageio.v3 import imread

    pairs = [(imread(folder / "image" / f"{k}.png"), imread(folder / "label" / f"{k}.png")) for k in numbers]
    return np.stack([p[0] for p in pairs]).astype(np.float32), np.stack([p[1] for p in pairs]) > 127


def _far_apart(stack: Array) -> MedicalImage:
    """Return slices so far from each other that they do not see one another."""
    return MedicalImage(stack, "zyx", Geometry.from_spacing(stack.shape, (1000.0, 1.0, 1.0)))


def _painted(shape: tuple[int, ...]) -> tuple[MedicalImage, MedicalImage, Array]:
    rng = np.random.default_rng(0)
    blobs = ndimage.gaussian_filter(rng.normal(size=shape), 6)
    truth = 1 + (blobs > 0).astype(np.uint8)
    texture = np.where(
        truth == 2, ndimage.gaussian_filter(rng.normal(size=shape), 1.5) * 8, rng.normal(size=shape)
    )
    geometry = Geometry.from_spacing(shape, (1.0,) * len(shape))
    axes = "zyx"[-len(shape) :]
    image = MedicalImage(texture.astype(np.float32), axes, geometry)
    chosen = np.where(rng.uniform(size=shape) < 0.01, truth, 0).astype(np.uint8)
    return image, MedicalImage(chosen, axes, geometry, kind="labels"), truth


def _peer_forest(image: MedicalImage, painted: MedicalImage) -> Array:
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    features = multiscale_basic_features(np.asarray(image.array), sigma_min=1, sigma_max=4, num_sigma=3)
    seen = np.asarray(painted.array) > 0
    model = RandomForestClassifier(30, max_depth=10, n_jobs=2, random_state=0)
    model.fit(features[seen][:8000], np.asarray(painted.array)[seen][:8000])
    return np.asarray(model.predict(features.reshape(-1, features.shape[-1])).reshape(seen.shape))


def _wall(run: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def timed(run: Callable[[], Array]) -> tuple[Array, float]:
    """Return a result and the CPU seconds it took, all threads together."""
    start = time.process_time()
    result = run()
    return np.asarray(result), time.process_time() - start


if __name__ == "__main__":
    main()
