"""Files written whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_medai.core.errors import WriteError


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Yield a path in the same folder to write to; rename it to ``path`` when all went well.

    Parameters
    ----------
    path : Path
        Where the file (or folder) shall be in the end.

    Raises
    ------
    WriteError
        If the folder does not exist or the disk refuses. Nothing is left behind.
    """
    if not path.parent.is_dir():
        raise WriteError(
            f"Found no folder {path.parent.name!r} to write {path.name} into.", hint="Create it first."
        )
    partial = path.with_name(f".partial-{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise WriteError(
            f"{path.name} could not be written: {error.strerror or type(error).__name__}.",
            hint="Check the free space, and whether the folder may be written to.",
        ) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in one stroke: whoever reads it finds the old one or the new one, whole.

    Raises
    ------
    WriteError
        If the folder does not exist or the disk refuses; an old file stays as it was.
    """
    with written_beside(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")
