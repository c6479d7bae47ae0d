"""An MR of a head that nobody ever had, with exact tissues, landmarks and receiver bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray, Geometry
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.phantoms.canvas import Canvas, grid_points
from napari_medai.phantoms.deformation import Deformation
from napari_medai.phantoms.head_brain import (
    ATRIUM,
    FOURTH_VENTRICLE,
    FRONTAL_HORN,
    GENU,
    PONS,
    POSTERIOR_COMMISSURE,
    SPLENIUM,
    paint_brain,
)
from napari_medai.phantoms.head_face import EYE_Y, EYE_Z, head_surface, paint_outside
from napari_medai.phantoms.head_plan import HeadPlan, draw_plan, draw_pose
from napari_medai.phantoms.shapes import Shape
from napari_medai.phantoms.texture import blur, smooth_noise
from napari_medai.phantoms.torso import scan_geometry

HEAD_LABELS: dict[int, str] = {
    1: "soft tissue",
    2: "skull",
    3: "csf",
    4: "grey matter",
    5: "white matter",
    6: "ventricles",
    7: "eyes",
}
"""What each number in the labels of a head stands for."""

HEAD_SHAPE = (100, 128, 96)
HEAD_SPACING = (2.0, 2.0, 2.0)


@dataclass(frozen=True, eq=False)
class HeadPhantom:
    """A head's image with everything that is exactly known about it.

    Parameters
    ----------
    image : MedicalImage
        What the scanner shows: the clean image times the bias, with Rician noise.
    labels : MedicalImage
        Tissue at each voxel's centre; ``meta["labels"]`` names the numbers.
    landmarks : Landmarks
        Named points, mm LPS.
    bias : MedicalImage
        The receiver's smooth gain, around 1.
    clean : MedicalImage
        The image without bias and noise.
    """

    image: MedicalImage
    labels: MedicalImage
    landmarks: Landmarks
    bias: MedicalImage
    clean: MedicalImage


def mr_head(
    seed: int = 0, shape: Sequence[int] = HEAD_SHAPE, spacing: Sequence[float] = HEAD_SPACING
) -> HeadPhantom:
    """Make an MR-like (T1-weighted) head.

    Parameters
    ----------
    seed : int
        Which head; 0 or more. Anatomy, bias and landmarks follow from it alone, on any grid.
    shape : (int, int, int)
        Voxels along (z, y, x).
    spacing : (float, float, float)
        Voxel size along (z, y, x), mm.

    Returns
    -------
    HeadPhantom
        Image, labels, landmarks, bias and clean image.

    Raises
    ------
    ArgumentError
        If the seed is negative.

    Examples
    --------
    >>> head = mr_head(1, shape=(24, 30, 24), spacing=(8, 8, 8))
    >>> head.landmarks["anterior commissure"].shape
    (3,)
    """
    if seed < 0:
        raise ArgumentError(f"Found seed {seed}; needed 0 or more.")
    geometry = scan_geometry(shape, spacing)
    plan, pose = draw_head(seed)
    canvas = Canvas(geometry, pose, 4.0, max(0.8, float(np.sort(geometry.spacing)[1])))
    paint_outside(canvas, plan)
    paint_brain(canvas, plan, np.random.default_rng([seed, 13]))
    noise = np.random.default_rng([seed, 14])
    clean = _clean(canvas, plan, noise)
    gain = bias_field(geometry, plan, np.random.default_rng([seed, 15]))
    seen = np.round(_rician(clean * gain, plan.noise, noise))
    facts = {"modality": "MR", "phantom": {"seed": seed}}
    names = {"labels": {str(k): v for k, v in HEAD_LABELS.items()}, "phantom": {"seed": seed}}

    def image(array: FloatArray, name: str) -> MedicalImage:
        return MedicalImage(array.astype(np.float32), "zyx", geometry, name=name, meta=facts)

    return HeadPhantom(
        image=image(seen, "mr head"),
        labels=MedicalImage(canvas.labels, "zyx", geometry, "labels", "mr head tissues", names),
        landmarks=head_landmarks(plan, pose),
        bias=image(gain, "mr head bias"),
        clean=image(clean, "mr head clean"),
    )


def draw_head(seed: int) -> tuple[HeadPlan, Deformation]:
    """Draw the head of a seed: the plan, and the map from patient to anatomy."""
    return draw_plan(np.random.default_rng([seed, 11])), draw_pose(np.random.default_rng([seed, 12]))


def bias_field(geometry: Geometry, plan: HeadPlan, rng: np.random.Generator) -> FloatArray:
    """Evaluate the receiver's gain at the voxel centres.

    Its logarithm is a slope and three long waves in patient mm, so it does not depend on the grid.
    """
    points = grid_points(geometry) / 100.0
    log_gain = np.zeros(geometry.shape)
    for axis, weight in enumerate(rng.normal(0, 0.35, 3)):
        log_gain += weight * points[axis]
    for _ in range(3):
        wave = rng.normal(0, 1, 3)
        wave *= 2 * np.pi / rng.uniform(2.4, 4.5) / np.linalg.norm(wave)
        phase = rng.uniform(0, 2 * np.pi)
        log_gain += 0.6 * np.cos(np.einsum("i,i...->...", wave, points) + phase)
    return np.asarray(np.exp(plan.bias * log_gain))


def head_landmarks(plan: HeadPlan, pose: Deformation) -> Landmarks:
    """Give the named points of a head in patient mm; they need no image.

    Points in the depth are centres of drawn parts; nasion, inion and vertex lie on the skin, where a ray
    from the anterior commissure leaves the head.
    """
    eye, lens = (plan.eye_x, EYE_Y, EYE_Z), (plan.eye_x, EYE_Y - plan.eye_radius + 4.0, EYE_Z)
    points: dict[str, Sequence[float]] = {
        "anterior commissure": (0, 0, 0),
        "posterior commissure": POSTERIOR_COMMISSURE,
        "genu of corpus callosum": GENU,
        "splenium of corpus callosum": SPLENIUM,
        "pons": PONS,
        "fourth ventricle": FOURTH_VENTRICLE,
    }
    for name, point in (("eye", eye), ("lens", lens), ("frontal horn", FRONTAL_HORN), ("atrium", ATRIUM)):
        points[f"left {name}"] = point
        points[f"right {name}"] = (-point[0], point[1], point[2])
    skin = head_surface(plan)
    for name, ray in (("nasion", (0, -1, -0.2)), ("inion", (0, 1, -0.22)), ("vertex", (0, 0.15, 1))):
        points[name] = leave(skin, ray)
    inside = np.array(list(points.values()), dtype=float)
    return Landmarks(tuple(points), pose.to_patient(inside.T).T, name="mr head landmarks")


def leave(solid: Shape, ray: Sequence[float]) -> tuple[float, float, float]:
    """Find where a ray from the origin, inside the solid, crosses its surface (bisection, to 1e-9 mm)."""
    step = np.asarray(ray, float) / np.linalg.norm(ray)
    near, far = 0.0, 250.0
    while far - near > 1e-9:
        middle = (near + far) / 2
        outside = solid.distance((step * middle).reshape(3, 1))[0] > 0
        near, far = (near, middle) if outside else (middle, far)
    return float(step[0] * near), float(step[1] * near), float(step[2] * near)


def _clean(canvas: Canvas, plan: HeadPlan, rng: np.random.Generator) -> FloatArray:
    tissue = np.clip(canvas.values / 60, 0, 1)
    values = canvas.values + tissue * plan.texture * smooth_noise(rng, canvas.geometry, 8)
    return np.clip(blur(values, canvas.geometry, 0.35 * canvas.geometry.spacing), 0, None)


def _rician(signal: FloatArray, deviation: float, rng: np.random.Generator) -> FloatArray:
    """Magnitude of a signal with Gaussian noise in its real and its imaginary part."""
    real = signal + deviation * rng.standard_normal(signal.shape)
    return np.hypot(real, deviation * rng.standard_normal(signal.shape))
