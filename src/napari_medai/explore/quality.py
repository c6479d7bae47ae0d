"""A folder of images checked for what spoils a study, without stopping at the first fault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from napari_medai.core.operation import Advanced, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.explore.faults import faults_among, faults_within
from napari_medai.explore.inspect_files import inspect_folder

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explore", title="Check a folder's quality")
def check_quality(
    folder: Path,
    *,
    clipped_percent: Annotated[float, Interval(gt=0, le=100), Advanced()] = 0.5,
    outlier_deviations: Annotated[float, Interval(ge=3, le=100), Advanced()] = 8.0,
    progress: Progress = silent,
) -> DataFrame:
    """Look for faulty images in a folder and list them with the reason.

    Found are files that are unreadable or truncated, images that are constant, hold NaN or infinite
    values, are clipped at the top, lack slices, differ in size or voxel size from most others, differ in
    intensity from most others, or hold the same voxels as another.

    Parameters
    ----------
    folder : Path
        Searched deep. Every DICOM series is one image, every other file another.
    clipped_percent : float
        An image is clipped when this share of its voxels has the largest value and hardly any the values
        just below.
    outlier_deviations : float
        An image is an outlier when its median or 99th percentile lies this many robust standard
        deviations (1.4826 median absolute deviations, at least 5 % of the median) from those of the
        images of the same modality; looked for among 8 images or more.
    progress : Progress
        Hears one report an image.

    Returns
    -------
    pandas.DataFrame
        One row a fault: image (file or series), fault (its kind in a word or two) and reason. No row, no
        fault found.

    Raises
    ------
    ReadError
        If there is no such folder, or it holds no file at all.
    """
    from pandas import DataFrame

    findings, faults = inspect_folder(folder, progress)
    for finding in findings:
        faults += faults_within(finding, clipped_percent)
    faults += faults_among(findings, outlier_deviations)
    rows = [vars(f) for f in sorted(set(faults), key=lambda f: (f.image, f.fault))]
    return DataFrame(rows, columns=["image", "fault", "reason"])
