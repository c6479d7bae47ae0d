"""The command line run inside the test: exit code, what it said, where."""

import logging
from dataclasses import dataclass

import pytest
from small_scans import small_scan

from napari_medai import write
from napari_medai.cli.app import commands
from napari_medai.cli.failure import guarded


@dataclass(frozen=True)
class Said:
    """How one run of the command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capfd):
    """Run the command line with some words."""

    def run(*words):
        capfd.readouterr()
        code = guarded(commands, [str(word) for word in words])
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    yield run
    logging.captureWarnings(False)


@pytest.fixture
def scan(tmp_path):
    """A small image on disk."""
    return write(small_scan(), tmp_path / "scan.nii.gz")
