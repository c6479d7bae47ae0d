"""Statistics of the intensities inside a region."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

Percent: TypeAlias = Annotated[float, Interval(ge=0, le=100)]
Percentiles: TypeAlias = tuple[Percent, ...]


def intensity_entries(values: NDArray[Any], percentiles: tuple[float, ...]) -> dict[str, float]:
    """Summarise intensities.

    Parameters
    ----------
    values : (N,) array
        Intensities; NaN and infinities are counted and left out.
    percentiles : tuple of float
        Which percentiles to give, 0 to 100; linear interpolation.

    Returns
    -------
    dict
        ``mean``, ``sd`` (population), ``min``, ``max``, ``median``, ``p5`` ..., ``sum``,
        ``non_finite``. NaN where no finite value is left.
    """
    finite = values.astype(np.float64)
    if values.dtype.kind == "f":
        finite = finite[np.isfinite(finite)]
    names = [f"p{p:g}" for p in percentiles]
    if len(finite) == 0:
        stats = dict.fromkeys(["mean", "sd", "min", "max", "median", *names], float("nan"))
        return {**stats, "sum": 0.0, "non_finite": len(values)}
    cuts = np.percentile(finite, [0, 100, 50, *percentiles])
    stats = {"mean": float(finite.mean()), "sd": float(finite.std())}
    stats |= dict(zip(["min", "max", "median", *names], cuts.tolist(), strict=True))
    return {**stats, "sum": float(finite.sum()), "non_finite": len(values) - len(finite)}
