"""Maps of real volumes lie where the image lies: every corner in the same place of the world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import napari_medai as medai
from napari_medai import Geometry, MedicalImage
from napari_medai.explain import explain_prediction
from napari_medai.models.model import Model
from napari_medai.models.networks import build_network
from napari_medai.models.spec import ModelSpec

SPEC = {
    "schema": "napari-medai/model/1",
    "name": "eyes",
    "version": "1.0.0",
    "licence": "BSD-3-Clause",
    "citation": "none",
    "task": "segmentation",
    "network": {"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2, 2]}},
    "channels": ["image"],
    "spacing": [4.0, 4.0, 4.0],
    "intensity": [{"operation": "normalize_percentile", "arguments": {}}],
    "tile": [32, 32, 32],
    "outputs": {"labels": ["background", "left", "right"]},
}
SHOWN = (
    "segmentation/totalseg_examples/example_ct_sm.nii.gz",
    "segmentation/totalseg_examples/example_mr_sm.nii.gz",
)
REACH_MM = 48.0
"""Three cells of 16 mm: neighbours see the same; the volumes are 90 to 370 mm wide."""


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    spec = ModelSpec.model_validate(SPEC)
    return Model(spec, build_network(spec).eval())


def corners(geometry: Geometry) -> np.ndarray:
    """The world places of the corner voxels, (2^D, D)."""
    ends = [(0, n - 1) for n in geometry.shape]
    return geometry.index_to_world(np.stack(np.meshgrid(*ends, indexing="ij"), -1).reshape(-1, geometry.ndim))


def tilted(image: MedicalImage) -> MedicalImage:
    """The same voxels of a patient who lies askew: turned by 25 and 15 degrees, and moved."""
    a, b = np.deg2rad((25.0, 15.0))
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3] = about_x @ about_z @ image.geometry.affine[:3]
    affine[:3, 3] += (17.0, -40.0, 9.0)
    return image.replace(geometry=Geometry(image.geometry.shape, affine, image.geometry.unit))


def at_a_place(image: MedicalImage, share: tuple[float, float, float]) -> tuple[MedicalImage, np.ndarray]:
    """A region of a few voxels around a place, and where in the world it is."""
    index = np.array([round(s * (n - 1)) for s, n in zip(share, image.geometry.shape, strict=True)])
    marks = np.zeros(image.geometry.shape, np.uint8)
    marks[tuple(slice(max(0, i - 2), i + 3) for i in index)] = 1
    return image.with_array(marks, kind="labels"), image.geometry.index_to_world(index[None])[0]


def assert_in_place(image: MedicalImage, model: Model) -> None:
    """The map has the image's corners, and what is asked about one place lights up around that place."""
    for share in ((0.2, 0.3, 0.7), (0.8, 0.6, 0.25)):
        region, place = at_a_place(image, share)
        heat = explain_prediction(
            image, model, region, target="left", method="hires_cam", overlap=0.0, device="cpu"
        )
        assert np.allclose(corners(heat.geometry), corners(image.geometry), atol=1e-6)
        values = np.asarray(heat.array)
        assert values.shape == image.geometry.shape
        lit = heat.geometry.index_to_world(np.argwhere(values > 0.5))
        assert np.linalg.norm(lit - place, axis=1).max() < REACH_MM


def phantom() -> MedicalImage:
    array = np.random.default_rng(0).normal(size=(40, 48, 44)).astype(np.float32)
    return MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, (5.0, 3.0, 3.5), (-60.0, 20.0, 5.0)))


@pytest.mark.parametrize("oblique", [False, True])
def test_the_map_of_a_made_up_volume_is_in_place(model: Model, oblique: bool):
    image = tilted(phantom()) if oblique else phantom()
    assert_in_place(image, model)


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("oblique", [False, True])
def test_the_map_of_a_real_volume_is_in_place(model: Model, real_data: Path, shown: str, oblique: bool):
    if not (real_data / shown).is_file():
        pytest.skip(f"no {shown} in NAPARI_MEDAI_DATA")
    (image,) = medai.read(real_data / shown)
    assert_in_place(tilted(image) if oblique else image, model)
