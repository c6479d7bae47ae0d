"""The command line starts at once: help and version wait for nothing heavy."""

import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "monai", "SimpleITK", "pydantic", "scipy", "pandas", "pydicom", "nibabel", "napari", "qtpy")
PROBE = """
import sys
from napari_medai.cli import main
try:
    main([{word!r}])
except SystemExit as end:
    assert end.code == 0, end.code
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("word", ["--help", "--version", "-h"])
def test_help_and_version_load_nothing_heavy(word):
    probe = PROBE.format(word=word, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "napari-medai" in done.stdout


def test_help_is_there_within_two_seconds():
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "napari_medai.cli", "--help"], check=True, stdout=subprocess.DEVNULL
    )
    assert time.perf_counter() - start < 2  # measured 0.1 s; the rest is for a busy machine


def test_listing_operations_loads_no_torch():
    probe = PROBE.format(word="list", heavy=("torch", "monai", "SimpleITK", "scipy", "napari"))
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "smooth-gaussian" in done.stdout
