"""How an image is prepared before radiomics, and the five preparations the standard names A to E."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from napari_medai.measure.radiomics.discretise import Discretisation

Configuration: TypeAlias = Literal["A", "B", "C", "D", "E"]


@dataclass(frozen=True)
class Settings:
    """Everything that decides a radiomics value besides image and region.

    Parameters
    ----------
    by_slice : bool
        Work within slices (the image's first spatial axis counts them), not in space.
    spacing_mm : float, optional
        Resample to this voxel size; within the slice only with ``by_slice``. Not at all when absent.
    interpolation : {"linear", "cubic"}
        For the intensities; regions are always interpolated linearly and cut at one half.
    round_intensities : bool
        Round intensities to whole numbers after resampling (CT).
    lowest, highest : float, optional
        Only intensities within this range count.
    outlier_sd : float, optional
        Only intensities within so many standard deviations of the region's mean count.
    discretisation : {"fixed_size", "fixed_number", "none"}
        How intensities become grey levels.
    bins : float
        Width of the bins, or their number.
    ivh_discretisation : {"fixed_size", "fixed_number", "none"}
        The same for the intensity-volume histogram.
    ivh_bins : float
        Width of its bins, or their number.
    """

    by_slice: bool = False
    spacing_mm: float | None = None
    interpolation: Literal["linear", "cubic"] = "linear"
    round_intensities: bool = False
    lowest: float | None = None
    highest: float | None = None
    outlier_sd: float | None = None
    discretisation: Discretisation = "fixed_number"
    bins: float = 32
    ivh_discretisation: Discretisation = "none"
    ivh_bins: float = 1000

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


CONFIGURATIONS: dict[str, Settings] = {
    "A": Settings(by_slice=True, lowest=-500, highest=400, discretisation="fixed_size", bins=25),
    "B": Settings(True, 2.0, "linear", True, -500, 400, None, "fixed_number", 32),
    "C": Settings(False, 2.0, "linear", True, -1000, 400, None, "fixed_size", 25, "fixed_size", 2.5),
    "D": Settings(False, 2.0, "linear", True, None, None, 3.0, "fixed_number", 32),
    "E": Settings(False, 2.0, "cubic", True, -1000, 400, 3.0, "fixed_number", 32, "fixed_number", 1000),
}
"""The processing configurations of the IBSI-1 CT data set (reference manual, chapter 5)."""
