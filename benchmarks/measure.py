"""Measuring: surface distances beside MONAI, radiomics beside mirp, a thousand regions in one image.

Run ``python benchmarks/measure.py [distances] [radiomics] [regions]``; all three by default. Our figure and
the peer's come from the same process. Targets: surface distances of two 256^3 labels at least five times
faster than MONAI's, equal within 1e-3 mm; radiomics of a 64^3 region not slower than mirp's, equal within
the standard's three digits; 1000 labels in 512 x 512 x 200 in under 10 s and 4 GB.
"""

from __future__ import annotations

import logging
import re
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.measure.radiomics.features import measure_radiomics
from napari_medai.measure.regions import measure_regions
from napari_medai.measure.surface import surface_distances, surface_of

WAYS = {"_3d_avg": "_3D_avg", "_3d_v_mrg": "_3D_comb", "_3d": "_3D"}
NOT_STANDARDISED = re.compile("ombb|mvee|ivh_auc")


def main() -> None:
    """Run the cases named on the command line."""
    cases: dict[str, Callable[[], None]] = {
        "distances": distances, "radiomics": radiomics, "regions": regions,
    }  # fmt: skip
    for name in sys.argv[1:] or cases:
        cases[name]()


def distances() -> None:
    """Print Hausdorff, HD95 and ASSD of two large labels, ours and MONAI's."""
    try:
        import torch
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
    except ImportError:
        print("distances: MONAI is not installed")
        return
    warnings.simplefilter("ignore", FutureWarning)  # MONAI calls itself by a deprecated name
    first, second = _blob(256, 0), _blob(256, 1)
    _warm_up()
    for spacing in ((1.0, 1.0, 1.0), (5.0, 1.0, 1.0)):
        geometry = Geometry.from_spacing(first.shape, spacing)
        start = time.perf_counter()
        found = surface_distances(*(surface_of(m, geometry, "voxels") for m in (first, second)))
        ours = (found.hausdorff(), found.percentile(95), found.mean())
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        weighted = surface_distances(*(surface_of(m, geometry, "area") for m in (first, second)))
        by_area = (weighted.hausdorff(), weighted.percentile(95), weighted.mean())
        area_seconds = time.perf_counter() - start
        one_hot = [torch.from_numpy(m[None, None].astype(np.float32)) for m in (second, first)]
        options: dict[str, Any] = {"include_background": True, "spacing": spacing}
        calls = (
            partial(compute_hausdorff_distance, *one_hot, **options),
            partial(compute_hausdorff_distance, *one_hot, percentile=95, **options),
            partial(compute_average_surface_distance, *one_hot, symmetric=True, **options),
        )
        peers, took = zip(*(_timed(call) for call in calls), strict=True)
        apart = max(abs(a - b) for a, b in zip(ours, peers, strict=True))
        print(f"distances, 256^3, spacing {spacing}: HD, HD95, ASSD {np.round(ours, 4)} mm")
        print(f"  ours {seconds:.2f} s (by area {area_seconds:.2f} s: {np.round(by_area, 4)} mm)")
        print(f"  MONAI {sum(took):.2f} s for the three, {min(took):.2f} s for one alone")
        print(f"  {sum(took) / seconds:.1f} and {min(took) / seconds:.1f} times ours; ", end="")
        print(f"largest difference {apart:.1e} mm")


def radiomics() -> None:
    """Print the time of all families in 3-D for a 64^3 region, ours and mirp's, and how values differ."""
    image, region = _region(64)
    measure_radiomics(*_region(12), discretisation="fixed_number", bins=32.0)
    start = time.perf_counter()
    table = measure_radiomics(image, region, discretisation="fixed_number", bins=32.0)
    seconds = time.perf_counter() - start
    voxels = int(np.count_nonzero(region.array))
    print(f"radiomics, {voxels} voxels in 64^3, {len(table)} features in 3-D: ours {seconds:.2f} s")
    try:
        from mirp import extract_features
    except ImportError:
        print("  mirp is not installed: make peers")
        return
    logging.disable(logging.INFO)
    took, peers = _with_mirp(extract_features, image, region, exact=False)
    print(
        f"  mirp {took:.2f} s, with its approximation of sums over all pairs: {took / seconds:.1f} times ours"
    )
    small = _region(24)
    ours = measure_radiomics(*small, discretisation="fixed_number", bins=32.0)
    _, peers = _with_mirp(extract_features, *small, exact=True)
    print("  in 24^3, mirp without approximation:", end="")
    _compare(dict(zip(ours["tag"], ours["value"], strict=True)), peers)


def regions() -> None:
    """Print time and memory of measuring 1000 labels in 512 x 512 x 200."""
    image, labels = _thousand()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for shape in (False, True):
        start = time.perf_counter()
        table = measure_regions(image, labels, shape=shape)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        what = "with shape" if shape else "without shape"
        print(f"regions, {len(table)} labels in 512 x 512 x 200, {what}: {seconds:.2f} s, ", end="")
        print(f"peak memory {peak / 2**20:.2f} GB ({before / 2**20:.2f} GB of it the images)")


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    start = time.perf_counter()
    value = float(call())
    return value, time.perf_counter() - start


def _warm_up() -> None:
    """Import what both sides import when first called."""
    small = ndimage.zoom(_blob(16, 0), 1, order=0)
    grid = Geometry.from_spacing(small.shape, (1, 1, 1))
    surface_distances(surface_of(small, grid, "voxels"), surface_of(small, grid, "area"))


def _blob(side: int, seed: int) -> np.ndarray:
    """Return an uneven body that fills most of a cube."""
    rng = np.random.default_rng(seed)
    coarse = ndimage.gaussian_filter(rng.normal(size=(side // 4,) * 3), 4)
    uneven = ndimage.zoom(coarse / coarse.std(), 4, order=1)
    steps = np.linspace(-1, 1, side)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
    return radius + 0.04 * uneven < 0.85


def _region(side: int) -> tuple[MedicalImage, MedicalImage]:
    """Return a cube of voxels with a bite out of two corners, which makes its axes unlike, and a rim."""
    rng = np.random.default_rng(3)
    rim = 8
    values = ndimage.gaussian_filter(rng.normal(size=(side + 2 * rim,) * 3), 1) * 200
    grid = Geometry.from_spacing(values.shape, (2, 1, 1))
    mask = np.zeros(values.shape, dtype=np.uint8)
    inside = mask[rim:-rim, rim:-rim, rim:-rim]
    inside[:] = 1
    inside[: side // 5, : side // 3, : side // 2] = 0
    inside[-side // 4 :, -side // 6 :, : side // 7] = 0
    return MedicalImage(np.rint(values), "zyx", grid), MedicalImage(mask, "zyx", grid, "labels")


def _thousand() -> tuple[MedicalImage, MedicalImage]:
    shape = (200, 512, 512)
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, np.int32)
    for number, centre in enumerate(np.ndindex(10, 10, 10), start=1):
        middle = (np.array(centre) + 0.5) * [20, 51.2, 51.2]
        half = np.array([9.5, 24, 24]) * rng.uniform(0.7, 1)
        low, high = np.ceil(middle - half).astype(int), np.floor(middle + half).astype(int) + 1
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        away = sum(((g - m) / h) ** 2 for g, m, h in zip(np.ogrid[box], middle, half, strict=True))
        labels[box][away <= 1] = number
    grid = Geometry.from_spacing(shape, (2.5, 0.8, 0.8))
    values = rng.normal(size=shape).astype(np.float32)
    return MedicalImage(values, "zyx", grid), MedicalImage(labels, "zyx", grid, "labels")


def _with_mirp(
    extract: Callable[..., Any], image: MedicalImage, region: MedicalImage, exact: bool
) -> tuple[float, dict[str, float]]:
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, data in (("image", image), ("mask", region)):
            picture = sitk.GetImageFromArray(np.asarray(data.array))
            picture.SetSpacing(data.geometry.spacing[::-1].tolist())
            paths[name] = str(Path(folder) / f"{name}.nii.gz")
            sitk.WriteImage(picture, paths[name])
        start = time.perf_counter()
        table = extract(
            **paths, image_modality="ct", by_slice=False, no_approximation=exact, ibsi_compliant=False,
            base_feature_families="all", base_discretisation_method="fixed_bin_number",
            base_discretisation_n_bins=32, ivh_discretisation_method="none",
            glcm_spatial_method=["3d_average", "3d_volume_merge"],
            glrlm_spatial_method=["3d_average", "3d_volume_merge"],
        )[0]  # fmt: skip
        took = time.perf_counter() - start
    return took, {_our_tag(c): table[c].iloc[0] for c in table.columns}


def _our_tag(column: str) -> str:
    tag = re.sub(r"_(fbs_w[\d.]+|fbn_n\d+)$", "", column)
    tag = re.sub(r"_(d1|a0)(\.0)?(?=_|$)", "", tag)
    for theirs, ours in WAYS.items():
        tag = re.sub(f"{theirs}$", ours, tag)
    return tag


def _compare(ours: dict[str, float], peers: dict[str, float]) -> None:
    common = [t for t in ours if t in peers and not NOT_STANDARDISED.search(t)]
    unlike = [t for t in common if not np.isclose(ours[t], peers[t], rtol=5e-4, atol=1e-9, equal_nan=True)]
    print(f"  {len(common) - len(unlike)} of {len(common)} standardised features equal in three digits")
    for tag in unlike:
        print(f"    {tag}: ours {ours[tag]:.6g}, mirp {peers[tag]:.6g}")


if __name__ == "__main__":
    main()
