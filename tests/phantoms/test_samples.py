"""The list of samples, and the files of them that come with the sources."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from napari_medai import Landmarks, MedAIError, MedicalImage, read
from napari_medai.phantoms import SAMPLES, load_sample
from napari_medai.phantoms.head import mr_head
from napari_medai.phantoms.samples import HEAD_SEED

COMMITTED = Path(__file__).parents[2] / "sample_data"
VOLUMES = ("ct_torso", "ct_torso.nii.gz", "ct_torso_labels.nii.gz", "ct_torso_oblique",
           "ct_torso_oblique_labels.nii.gz", "mr_head.nii.gz", "mr_head_labels.nii.gz",
           "cephalogram.nrrd")  # fmt: skip


def read_landmarks(path: Path) -> dict[str, list[float]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# frame: LPS, unit: mm"
    return {r["name"]: [float(r[c]) for c in "xyz"] for r in csv.DictReader(lines[1:])}


@pytest.mark.parametrize("key", list(SAMPLES))
def test_a_sample_is_one_world_of_image_labels_and_points(key: str) -> None:
    image, *rest = load_sample(key)
    assert image.kind == "intensity"
    assert image.geometry.unit == "mm"
    assert rest
    for labels in [item for item in rest if isinstance(item, MedicalImage)]:
        assert labels.kind == "labels"
        image.require_same_grid(labels)
        numbers = {str(n) for n in np.unique(labels.array) if n}
        assert numbers == set(labels.meta["labels"])
    for landmarks in [item for item in rest if isinstance(item, Landmarks)]:
        indices = image.geometry.world_to_index(landmarks.positions)
        assert np.all((indices >= 0) & (indices <= np.array(image.spatial_shape) - 1))


@pytest.mark.parametrize(
    ("key", "name"), [("ct-torso", "ct_torso"), ("ct-torso-oblique", "ct_torso_oblique")]
)
def test_a_torso_comes_through_the_dicom_reader_unchanged(
    made: dict[str, MedicalImage], key: str, name: str
) -> None:
    seen, _ = load_sample(key)
    assert seen.meta["source"]["format"] == "dicom"
    assert np.array_equal(seen.array, made[name].array)
    assert seen.geometry.is_close(made[name].geometry, 1e-5)


def test_an_unknown_sample_is_named_with_the_known_ones() -> None:
    with pytest.raises(MedAIError, match="no sample 'ct'") as caught:
        load_sample("ct")
    assert "mr-head" in caught.value.hint


def test_committed_samples_take_less_than_ten_megabytes() -> None:
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 10e6


def test_every_committed_file_is_made_by_the_script(samples: Path) -> None:
    made = {str(p.relative_to(samples)) for p in samples.rglob("*") if p.is_file()}
    found = {str(p.relative_to(COMMITTED)) for p in COMMITTED.rglob("*") if p.is_file()}
    assert {f for f in found if "__pycache__" not in f} == made | {"README.md", "make.py"}


@pytest.mark.parametrize("name", VOLUMES)
def test_committed_volumes_are_what_the_generator_makes(samples: Path, name: str) -> None:
    (committed,), (made,) = read(COMMITTED / name), read(samples / name)
    assert committed.geometry.is_close(made.geometry, 1e-4)
    assert committed.kind == made.kind
    assert dict(committed.meta.get("labels", {})) == dict(made.meta.get("labels", {}))
    different = np.asarray(committed.array, int) - made.array
    # another processor may round the last bit of a sine differently
    assert (different != 0).mean() <= 1e-4
    if committed.kind == "intensity":
        assert np.abs(different).max() <= 1


def test_committed_landmarks_are_what_the_generator_makes() -> None:
    committed = read_landmarks(COMMITTED / "mr_head_landmarks.csv")
    landmarks = mr_head(HEAD_SEED, (6, 8, 6), (30, 30, 30)).landmarks
    assert list(committed) == list(landmarks.names)
    assert np.array(list(committed.values())) == pytest.approx(landmarks.positions, abs=2e-6)


def test_the_nifti_and_the_dicom_torso_are_the_same_scan() -> None:
    (nifti,), (dicom,) = read(COMMITTED / "ct_torso.nii.gz"), read(COMMITTED / "ct_torso")
    assert np.array_equal(nifti.array, dicom.array)
    # NIfTI holds its affine in single precision
    assert nifti.geometry.is_close(dicom.geometry, 1e-4)
