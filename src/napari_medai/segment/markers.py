"""Operations that let painted strokes flood or diffuse over the image."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, as_float, grey, labels_image
from napari_medai.preprocess.background import in_background
from napari_medai.segment.between_slices import BetweenSlices
from napari_medai.segment.steepness import steepness
from napari_medai.segment.strokes import check_strokes, names_of


@operation(group="segment", title="Watershed from strokes")
def watershed(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    sigma_mm: Annotated[float, Interval(ge=0, le=20)] = 1.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Let painted labels flood the image; they meet where intensities change most.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken.
    strokes : MedicalImage
        Two or more painted labels on the same grid, one of them in the background.
    sigma_mm : float
        Gaussian before the gradient, which is taken per millimetre.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Every voxel with the number of a stroke.

    Raises
    ------
    ArgumentError
        If fewer than two labels are painted, or values are not finite.
    GeometryError
        If the strokes lie on another grid.

    References
    ----------
    Beucher and Meyer 1993, The morphological approach to segmentation: the watershed transformation.
    """
    from skimage.segmentation import watershed as flood

    image = grey(image)
    painted = check_strokes(image, strokes, "watershed")
    volume = as_float(np.asarray(image.array))
    fine = BetweenSlices.of(volume.shape, image.geometry.spacing)
    spacing = fine.spacing(image.geometry.spacing)

    def run() -> Volume:
        edges = steepness(fine.values(volume), spacing, sigma_mm)
        return fine.back(flood(edges, fine.marks(painted)))

    return labels_image(image, in_background(run, progress, "Watershed"), names_of(strokes))


@operation(group="segment", title="Random walker from strokes")
def random_walker(
    image: IntensityImage,
    strokes: LabelsImage,
    *,
    edge_strength: Annotated[float, Gt(0)] = 90.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Give every voxel the stroke that a random walk over like voxels reaches first.

    Parameters
    ----------
    image : MedicalImage
        2-D or 3-D, without time or channels; of a colour image the luminance is taken. Up to a few
        million voxels; crop larger ones.
    strokes : MedicalImage
        Two or more painted labels on the same grid, one of them in the background.
    edge_strength : float
        How hard it is to cross a change of intensity; the image is scaled to deviation 1 for it.
    progress : Progress
        Hears reports while it works.

    Returns
    -------
    MedicalImage
        Every voxel with the number of a stroke.

    Raises
    ------
    ArgumentError
        If fewer than two labels are painted, or the image is constant or not finite.
    GeometryError
        If the strokes lie on another grid.

    References
    ----------
    Grady 2006, Random walks for image segmentation, doi 10.1109/TPAMI.2006.233.
    """
    from skimage.segmentation import random_walker as walk

    image = grey(image)
    painted = check_strokes(image, strokes, "random_walker").astype(np.int64)
    volume = np.asarray(image.array, dtype=np.float64)
    volume = volume / volume.std()
    spacing = image.geometry.spacing / image.geometry.spacing.min()

    def run() -> Volume:
        # Only the largest share is used, so the solver may stop early.
        return np.asarray(
            walk(volume, painted, edge_strength, mode="cg_j", tol=1e-4, prob_tol=0.1, spacing=spacing)
        )

    return labels_image(image, in_background(run, progress, "Random walker"), names_of(strokes))
