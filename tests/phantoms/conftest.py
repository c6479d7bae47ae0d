"""The samples, written once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_medai import MedicalImage
from napari_medai.phantoms import SAMPLES, ct_torso, write_sample
from napari_medai.phantoms.head import HeadPhantom, mr_head
from napari_medai.phantoms.samples import OBLIQUE_SHAPE, OBLIQUE_SPACING, TORSO_SEED


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every sample, made just now."""
    folder = tmp_path_factory.mktemp("samples")
    for key in SAMPLES:
        write_sample(key, folder)
    return folder


@pytest.fixture(scope="session")
def made() -> dict[str, MedicalImage]:
    """The images that the two DICOM series hold, straight from the generator."""
    oblique, _ = ct_torso(TORSO_SEED, OBLIQUE_SHAPE, OBLIQUE_SPACING, oblique=True)
    return {"ct_torso": ct_torso(TORSO_SEED)[0], "ct_torso_oblique": oblique}


@pytest.fixture(scope="session")
def head() -> HeadPhantom:
    """A head on a coarse grid."""
    return mr_head(5, shape=(67, 86, 64), spacing=(3, 3, 3))
