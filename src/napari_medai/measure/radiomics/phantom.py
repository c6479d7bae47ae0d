"""The digital phantom of the image biomarker standard: 5 x 4 x 4 voxels of 2 mm with known features.

References
----------
Zwanenburg et al., Radiology 295(2):328-338, 2020; reference manual arXiv:1612.07003, section 5.1.
Phantom: Alex Zwanenburg, Image Biomarker Standardisation Initiative, CC BY 4.0.
"""

from __future__ import annotations

import numpy as np

from napari_medai.core.geometry import Geometry
from napari_medai.core.image import MedicalImage

_SPACING_MM = (2.0, 2.0, 2.0)
_SLICES = (
    ("14411", "14611", "41641", "44641"),
    ("14411", "11611", "-1311", "44611"),
    ("144--", "11111", "11-11", "11611"),
    ("144--", "11111", "11111", "11611"),
)
"""The intensities, row by row; a dash lies outside the region."""

_BRIGHT_OUTSIDE = (2, 2, 2)
"""A voxel of intensity 9 outside the region; the others outside have 1."""


def digital_phantom() -> tuple[MedicalImage, MedicalImage]:
    """Return the phantom's image and its region."""
    signs = np.array([[list(row) for row in rows] for rows in _SLICES])
    inside = signs != "-"
    values = np.where(inside, signs, "1").astype(np.float64)
    values[_BRIGHT_OUTSIDE] = 9
    grid = Geometry.from_spacing(values.shape, _SPACING_MM)
    return (
        MedicalImage(values, "zyx", grid, name="IBSI-1 digital phantom"),
        MedicalImage(inside.astype(np.uint8), "zyx", grid, "labels", meta={"labels": {"1": "region"}}),
    )
