"""What every test may use: the optional folder of real images, and patience on a busy machine."""

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# Two threads that wait for each other on a busy machine are many times slower than one; the inputs are small.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What probes measure in tests is no business of the person who runs them.
PROBES = tempfile.TemporaryDirectory(prefix="napari-medai-")
os.environ["NAPARI_MEDAI_PROBES"] = str(Path(PROBES.name) / "probes.json")

WITHOUT_TORCH = find_spec("torch") is None
# What is about networks cannot be tested where torch was left out; everything else works there and is tested.
collect_ignore = ["explain", "models", "register", "train", "test_readme.py"] if WITHOUT_TORCH else []
collect_ignore_glob = ["*/reference/*"]  # scripts that write what peers say, run in the peers' environment

# The same examples at every run, so that a failure is the change's own; "explore" looks for new ones.
settings.register_profile("patient", settings.default, deadline=None, derandomize=True)
settings.register_profile("explore", settings.default, deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images named by NAPARI_MEDAI_DATA."""
    folder = os.environ.get("NAPARI_MEDAI_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NAPARI_MEDAI_DATA names no folder of real images")
    return Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip, where torch was left out, a test that meets what needs it."""
    try:
        return (yield)
    except Exception as error:
        if WITHOUT_TORCH and ("needs PyTorch" in str(error) or getattr(error, "name", None) == "torch"):
            pytest.skip("needs PyTorch")
        raise
