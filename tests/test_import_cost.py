"""Importing the package, or listing its operations, loads no heavy library."""

import json
import subprocess
import sys

import pytest
from import_rules import HEAVY, VIEWER

UNWANTED = HEAVY | VIEWER


def loaded_after(code):
    """Top-level modules a fresh interpreter holds after running the code."""
    report = "\nimport json, sys\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    result = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import napari_medai", UNWANTED | {"numpy", "pydantic"}),
        ("from napari_medai import MedicalImage, Geometry, Landmarks", UNWANTED | {"pydantic"}),
        ("import napari_medai; napari_medai.operations()", UNWANTED),
    ],
)
def test_nothing_heavy_is_loaded_by(code, unwanted):
    loaded = loaded_after(code)
    assert "napari_medai" in loaded
    assert loaded.isdisjoint(unwanted), f"loaded {loaded & unwanted}"


def test_what_is_loaded_is_seen():
    assert "pydicom" in loaded_after("import pydicom")
