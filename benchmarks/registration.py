"""Registration: real pairs and known moves, each beside its peers of the same run.

Run ``python benchmarks/registration.py [brain] [inverted] [far] [starts] [slices] [capture] [prostate]``;
all by default. The pairs are in ``registration`` of the folder that NAPARI_MEDAI_DATA names. Labels are
carried by nearest neighbour for every tool; seconds are CPU seconds of the whole process beside wall seconds.
SimpleITK's demons and affine always run; ANTs, greedy and elastix where they are installed (``make peers``).
Targets: brain Dice 0.755 in both directions in 60 CPU s and 0.73 in 25 (fast) with at most 0.01 % folding, no
more than 0.005 less from any start, 0.74 with inverted contrast, slices 0.54 in 1.5 CPU s, moves found 24 of
24 in 2-D and in 3-D at 4 CPU s, prostate above aligned centres (0.632) with a target error below 3.3 mm.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from registration_moves import MOVES, inverted, known_move, moved, spoiled
from registration_peers import Tool, aligned_centres, nothing, peers, simpleitk_affine
from scipy import ndimage

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.transform import SpatialTransform
from napari_medai.register.apply import jacobian_on
from napari_medai.register.images import register_images

BRAIN_LABELS = (2, 3, 4, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 28, 31)
BRAIN_LABELS += (41, 42, 43, 46, 47, 49, 50, 51, 52, 53, 54, 60, 63)


def main() -> None:
    """Run the cases named on the command line."""
    if not (folder() / "brain_oasis").is_dir():
        print("No real pairs: set NAPARI_MEDAI_DATA to the folder that holds registration/brain_oasis.")
        return
    cases = {"brain": brain, "inverted": contrast, "far": far, "starts": starts}
    cases |= {"slices": slices, "capture": capture, "prostate": prostate}
    for name in sys.argv[1:] or cases:
        cases[name]()


def folder() -> Path:
    """Where the pairs are."""
    return Path(os.environ.get("NAPARI_MEDAI_DATA", "")) / "registration"


def ours(**options: Any) -> Tool:
    """Our engine with some options."""
    return lambda fixed, moving: register_images(fixed, moving, device="cpu", **options).transform


def brain() -> None:
    """Two people's brains, both directions."""
    one, two = brains()
    beside_peers({"A <- B": (*one, *two), "B <- A": (*two, *one)})


def contrast() -> None:
    """The same with the other contrast."""
    one, two = brains()
    beside_peers({"A <- B inverted": (*one, inverted(two[0]), two[1])})


def far() -> None:
    """The same far apart."""
    one, two = brains()
    beside_peers({"A <- B far": (*one, *far_away(*two))})


def brains() -> list[tuple[MedicalImage, MedicalImage]]:
    """Two people's brains with their labels."""
    subjects = [np.load(folder() / "brain_oasis" / f"subject{s}.npz") for s in "AB"]
    return [made(s["vol"].astype(np.float32) / 255, s["seg"].astype(np.int16)) for s in subjects]


def beside_peers(cases: dict[str, tuple[MedicalImage, ...]]) -> None:
    """Run every tool on cases: the fixed image, its labels, the moving image, its labels."""
    tools: dict[str, Tool] = {
        "nothing": nothing,
        "ours, fast": ours(transform="deformable", effort="fast"),
        "ours": ours(transform="deformable"),
        **peers(),
    }
    for case, (fixed, here, moving, there) in cases.items():
        for name, tool in tools.items():
            report(f"brain {case}", name, tool, fixed, moving, partial(dice, here, there, BRAIN_LABELS))


def far_away(image: MedicalImage, labels: MedicalImage) -> tuple[MedicalImage, MedicalImage]:
    """Turned by 25 degrees, shifted and resampled: labels lose some of their overlap by that alone."""
    move = known_move(image, 25, 0.15, 1.08, 3)
    there = moved(image, move)
    return there, move.inverse().apply_to_image(labels, there, "nearest")


def starts() -> None:
    """Both directions from five starts: the moving image turned, shifted and scaled in its header alone."""
    pairs = brains()
    tool = ours(transform="deformable")
    for case, (fixed, here), (moving, there) in (("A <- B", *pairs), ("B <- A", *pairs[::-1])):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            drawn = rng.uniform((0, 0, 0.9), (45, 0.25, 1.1))
            away = known_move(fixed, *drawn, seed).matrix
            image, labels = (placed(i, away) for i in (moving, there))
            what = f"brain {case}, {drawn[0]:.0f} degrees, {drawn[1]:.2f} of the field, x {drawn[2]:.2f}"
            report(what, "ours", tool, fixed, image, partial(dice, here, labels, BRAIN_LABELS))


def placed(image: MedicalImage, away: Any) -> MedicalImage:
    """The same voxels elsewhere in the world."""
    grid = image.geometry
    return image.with_array(
        np.array(image.array), geometry=Geometry(grid.shape, away @ grid.affine, grid.unit)
    )


def slices() -> None:
    """Five pairs of axial slices of ten people."""
    tools = {"nothing": nothing, "ours": ours(transform="deformable"), **peers()}
    totals: dict[str, list[float]] = {name: [] for name in tools}
    for one in range(1, 10, 2):
        fixed, here, moving, there, numbers = slice_pair(one)
        for name, tool in tools.items():
            score = partial(dice, here, there, numbers)
            totals[name].append(report(f"slices {one}-{one + 1}", name, tool, fixed, moving, score))
    for name, values in totals.items():
        print(f"slices, mean: {name}: Dice {np.mean(values):.4f}")


def slice_pair(one: int) -> tuple[MedicalImage, MedicalImage, MedicalImage, MedicalImage, list[int]]:
    """A slice and its labels, the next person's, and the labels that both show well."""
    (fixed, here), (moving, there) = (brain_slice(n) for n in (one, one + 1))
    sizes = {n: min(int((i.array == n).sum()) for i in (here, there)) for n in np.unique(here.array)}
    return fixed, here, moving, there, [n for n, size in sizes.items() if n and size > 40]


def brain_slice(number: int) -> tuple[MedicalImage, MedicalImage]:
    """One person's axial slice and its labels."""
    import nibabel

    def read(kind: str) -> Any:
        path = folder() / "brain_slices" / f"{kind}_{number}.nii.gz"
        return np.asarray(nibabel.load(path).dataobj).squeeze()

    return made(read("image").astype(np.float32), read("labels").astype(np.int16))


def capture() -> None:
    """Known moves of a brain and of a slice: how many are found to within two voxels."""
    whole = np.load(folder() / "brain_oasis" / "subjectA.npz")["vol"].astype(np.float32) / 255
    for fixed in (made(ndimage.zoom(whole, 0.5, order=1), spacing=2.0)[0], made(whole[80])[0]):
        tools = {"ours": ours(transform="affine"), "SimpleITK affine": simpleitk_affine}
        for name, tool in tools.items():
            found, start = 0, time.process_time()
            for seed, (degrees, share, scale) in enumerate(MOVES):
                truth = known_move(fixed, degrees, share, scale, seed)
                for change in (lambda i: i, spoiled, lambda i: spoiled(inverted(i))):
                    gap = distance(tool(fixed, change(moved(fixed, truth))), truth, fixed)
                    found += gap < 2
            seconds = (time.process_time() - start) / (3 * len(MOVES))
            print(
                f"capture {fixed.spatial_ndim}-D: {name}: {found} of {3 * len(MOVES)}, "
                f"{seconds:.1f} CPU s each"
            )
        mirrored(fixed)


def mirrored(fixed: MedicalImage) -> None:
    """A mirror image, turned as well: found where reflections are allowed."""
    mirror = np.diag([-1.0] + [1.0] * fixed.spatial_ndim)
    tool, found = ours(transform="affine", flips=True), 0
    truth = known_move(fixed, 45, 0.25, 1.1, 5).then(SpatialTransform.from_matrix(mirror))
    for change in (lambda i: i, spoiled, lambda i: spoiled(inverted(i))):
        found += distance(tool(fixed, change(moved(fixed, truth))), truth, fixed) < 2
    print(f"capture {fixed.spatial_ndim}-D, mirrored: ours: {found} of 3")


def prostate() -> None:
    """MR onto ultrasound of the same prostate, without and with the gland as a structure."""
    import nibabel

    totals: dict[str, list[tuple[float, float]]] = {}
    for case in range(6):
        volumes = {}
        for kind in ("us_image", "us_labels", "mr_image", "mr_labels"):
            file = nibabel.load(folder() / "prostate_mr_us" / f"{kind}_{case}.nii.gz")
            volumes[kind] = np.asarray(file.dataobj)
        spacing = float(file.header.get_zooms()[0])
        masks = [np.atleast_3d(volumes[k]) for k in ("us_labels", "mr_labels")]
        masks = [m if m.ndim == 4 else m[..., None] for m in masks]
        (fixed, here), (moving, there) = (
            made(volumes[k].astype(np.float32), (m[..., 0] > 0.5).astype(np.uint8), spacing)
            for k, m in zip(("us_image", "mr_image"), masks, strict=True)
        )
        glands = {"fixed_labels": here, "moving_labels": there}
        tools = {
            "nothing": nothing,
            "centres": aligned_centres,
            "ours, rigid": ours(preset="same_patient", search=False),
            "ours, rigid, as other modality": ours(preset="same_patient_other_modality", search=False),
            "ours, rigid by gland": ours(transform="rigid", **glands),
            "ours, affine by gland": ours(transform="affine", **glands),
            "ours, deformable by gland": ours(transform="deformable", measure="mind", **glands),
        }
        for name, tool in tools.items():
            found = tool(fixed, moving)
            totals.setdefault(name, []).append(
                (dice(here, there, [1], found), targets(found, fixed, moving, masks))
            )
    for name, values in totals.items():
        overlap, error = np.nanmean(np.array(values), axis=0)
        print(f"prostate: {name}: Dice {overlap:.3f}, target error {error:.2f} mm")


def report(
    case: str,
    name: str,
    tool: Tool,
    fixed: MedicalImage,
    moving: MedicalImage,
    score: Callable[[SpatialTransform], float],
) -> float:
    """Run a tool, print its figures, return its Dice."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = tool(fixed, moving)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    overlap, inside = score(found), np.asarray(fixed.array) > 0.02 * np.asarray(fixed.array).max()
    folded = 100 * float((jacobian_on(fixed, found)[inside] <= 0).mean())
    print(
        f"{case}: {name}: Dice {overlap:.4f}, folded {folded:.4f} %{undone(found, fixed, name)}, "
        f"{cpu:.1f} CPU s, {wall:.1f} s",
        flush=True,
    )
    return overlap


def undone(found: SpatialTransform, fixed: MedicalImage, name: str) -> str:
    """How far points of the fixed grid end from where they began, in voxels; ours alone."""
    if not name.startswith("ours"):
        return ""
    error = found.inverse_error(found.inverse(), fixed.geometry) / fixed.geometry.spacing.min()
    return f", undone within {error.mean():.3f} (largest {error.max():.2f}) voxel"


def made(values: Any, labels: Any = None, spacing: float = 1.0) -> tuple[MedicalImage, MedicalImage]:
    """Return an image and its labels on one grid."""
    grid = Geometry.from_spacing(values.shape, [spacing] * values.ndim)
    axes = "zyx"[-values.ndim :]
    numbers = np.zeros(values.shape, np.uint8) if labels is None else labels
    return MedicalImage(values, axes, grid), MedicalImage(numbers, axes, grid, kind="labels")


def distance(found: SpatialTransform, truth: SpatialTransform, fixed: MedicalImage) -> float:
    """Mean distance in voxels over the body."""
    index = np.argwhere(np.asarray(fixed.array) > 0.05 * np.asarray(fixed.array).max())[::37]
    place = fixed.geometry.index_to_world(index)
    gap = found.apply_to_points(place) - truth.apply_to_points(place)
    return float(np.linalg.norm(gap, axis=1).mean() / fixed.geometry.spacing.mean())


def dice(here: MedicalImage, there: MedicalImage, numbers: Any, found: SpatialTransform) -> float:
    """Mean overlap of labels carried by nearest neighbour."""
    one, two = np.asarray(here.array), np.asarray(found.apply_to_image(there, here).array)
    return float(
        np.mean(
            [
                2 * ((one == n) & (two == n)).sum() / max(1, (one == n).sum() + (two == n).sum())
                for n in numbers
            ]
        )
    )


def targets(found: SpatialTransform, fixed: MedicalImage, moving: MedicalImage, masks: list[Any]) -> float:
    """Mean distance in mm of the centres of the landmarks other than the gland, NaN where there is none."""
    gaps = []
    for k in range(1, min(m.shape[-1] for m in masks)):
        places = [np.argwhere(m[..., k] > 0.5) for m in masks]
        if all(len(p) for p in places):
            ends = [
                i.geometry.index_to_world(p.mean(axis=0))
                for i, p in zip((fixed, moving), places, strict=True)
            ]
            gaps.append(float(np.linalg.norm(found.apply_to_points(ends[0]) - ends[1])))
    return float(np.mean(gaps)) if gaps else float("nan")


if __name__ == "__main__":
    main()
