"""What every test may use: the optional folder of real images, and patience on a busy machine."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images named by NAPARI_MEDAI_DATA."""
    folder = os.environ.get("NAPARI_MEDAI_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NAPARI_MEDAI_DATA names no folder of real images")
    return Path(folder)
