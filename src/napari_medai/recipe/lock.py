"""One run at a time in a folder: a lock that the system lets go of even when the run is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medai.core.errors import WriteError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs.

    Parameters
    ----------
    folder : Path
        Gets a hidden file ``.lock``.

    Raises
    ------
    WriteError
        If another process holds it.
    """
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            _lock(handle)
        except OSError as error:
            raise WriteError(
                f"Another run is at work in {folder}.", hint="Wait for it, or choose another folder."
            ) from error
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
