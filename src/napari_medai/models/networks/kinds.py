"""What the arguments of networks may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from napari_medai.core.errors import ModelError

Width = Annotated[int, Field(ge=1, le=1024)]
Stride = Annotated[int, Field(ge=1, le=8)]
AxisStride = Stride | Annotated[tuple[Stride, ...], Field(min_length=2, max_length=3)]
"""One step for every axis, or one for each."""
Kernel = Annotated[tuple[Annotated[int, Field(ge=1, le=9)], ...], Field(min_length=2, max_length=3)]
Widths = Annotated[tuple[Width, ...], Field(min_length=2, max_length=8)]
Strides = Annotated[tuple[Stride, ...], Field(min_length=1, max_length=8)]
Blocks = Annotated[tuple[Annotated[int, Field(ge=1, le=16)], ...], Field(min_length=1, max_length=10)]
Norm = Literal["batch", "instance"]
Share = Annotated[float, Field(ge=0, lt=1)]


def require(holds: bool, found: str, needed: str) -> None:
    """Raise a :class:`ModelError` of what was found and needed unless something holds."""
    if not holds:
        raise ModelError(f"Found {found}; needed {needed}.")


def require_strides(widths: Sequence[int], strides: Sequence[Any], fewer: int) -> None:
    """Check that there are as many strides as widths, or so many fewer."""
    needed = "one fewer strides" if fewer else "as many strides"
    found = f"{len(widths)} widths and {len(strides)} strides"
    require(len(strides) == len(widths) - fewer, found, needed)


def per_axis(strides: Sequence[int | Sequence[int]], ndim: int) -> list[tuple[int, ...]]:
    """Return each stride as one number an axis."""
    full = [(s,) * ndim if isinstance(s, int) else tuple(s) for s in strides]
    wrong = [s for s in full if len(s) != ndim]
    require(not wrong, f"the stride {wrong[0] if wrong else ''}", f"{ndim} numbers, one an axis")
    return full
