"""A recipe and cases to run it on."""

import pytest
from small_scans import small_scan

from napari_medai import write
from napari_medai.recipe import Recipe


@pytest.fixture
def blobs():
    """Smooth, part, keep the regions of one image."""
    return Recipe.from_json(
        {
            "schema": "napari-medai/recipe/1",
            "name": "blobs",
            "inputs": {"image": {"kind": "intensity"}},
            "steps": [
                {
                    "id": "smooth",
                    "operation": "smooth_gaussian",
                    "inputs": {"image": "image"},
                    "options": {"sigma_mm": 1.5},
                },
                {"id": "mask", "operation": "threshold_otsu", "inputs": {"image": "smooth"}},
                {
                    "id": "regions",
                    "operation": "measure_regions",
                    "inputs": {"image": "image", "labels": "mask"},
                    "options": {"shape": False},
                },
            ],
            "outputs": ["mask", "regions"],
        }
    )


@pytest.fixture
def scans(tmp_path):
    """A folder with four scans."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(4):
        write(small_scan(number), folder / f"p{number}.nii.gz")
    return folder
