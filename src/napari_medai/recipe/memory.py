"""How much memory a case will take."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from napari_medai.recipe.inputs import Spec, files_of

BASE = 600_000_000
"""What a process holds once the libraries are loaded."""
_PER_BYTE = 30
_COMPRESSED = (".gz", ".png", ".jpg", ".jpeg", ".zip")


def estimate_bytes(inputs: Iterable[Spec], per_byte: float = _PER_BYTE) -> int:
    """Estimate what a case will hold at its peak, from the size of its files.

    Parameters
    ----------
    inputs : iterable of str or tuple of str
        Where they lie; for a folder, all its files.
    per_byte : float
        Working memory for each byte of input; a compressed byte counts three times. Learned while
        a batch runs.
    """
    return BASE + int(per_byte * sum(input_bytes(spec) for spec in inputs))


def input_bytes(spec: Spec) -> int:
    """Return the size of an input as if it were not compressed, roughly; 0 where there is none."""
    return sum(_size(path) for path in files_of(spec))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    if not path.is_file():
        return 0
    return path.stat().st_size * (3 if path.suffix.lower() in _COMPRESSED else 1)


def peak_bytes() -> int:
    """Return the most memory this process has held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
