"""Headers that a coverage-guided fuzzer came up with: each is read, or refused in words.

``scripts/fuzz_headers.py`` began from small made files and kept the inputs that reach most code, and those
that once led to an unexpected exception.
"""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_medai.core.errors import MedAIError
from napari_medai.io.describe import describe
from napari_medai.io.points import read_points
from napari_medai.io.read import read

CORPUS = Path(__file__).parent / "corpus" / "headers.zip"
SECONDS = 5.0


def names():
    with zipfile.ZipFile(CORPUS) as packed:
        return packed.namelist()


def families():
    """Suffixes of the corpus, each tested in one go."""
    return sorted({name[name.index(".") :] for name in names()})


@pytest.mark.parametrize("suffix", families())
def test_every_kept_header_is_read_or_refused(tmp_path, suffix):
    with zipfile.ZipFile(CORPUS) as packed:
        for name in (n for n in packed.namelist() if n[n.index(".") :] == suffix):
            path = tmp_path / name
            path.write_bytes(packed.read(name))
            start = time.perf_counter()
            for reader in (read_points,) if suffix == ".fcsv" else (describe, read):
                check(reader, path)
            assert time.perf_counter() - start < SECONDS, name
            path.unlink()


def check(reader, path):
    said, found = "", []
    try:
        found = reader(path)
    except MedAIError as error:
        said = str(error)
    assert str(path.parent) not in said
    if reader is read:
        assert all(np.all(np.isfinite(image.geometry.affine)) for image in found)


def test_the_corpus_is_small_and_covers_every_format():
    assert CORPUS.stat().st_size < 300_000
    assert {".dcm", ".nii", ".nrrd", ".mha", ".mgh", ".mnc", ".hdr", ".par", ".head", ".gipl"} <= set(
        families()
    )
