"""Connected pieces of a label, counted and sorted."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from napari_medai.core.image import MedicalImage
from napari_medai.core.operation import LabelsImage, operation
from napari_medai.core.progress import Progress, silent
from napari_medai.preprocess.arrays import Volume, new_meta, smallest_labels
from napari_medai.preprocess.background import in_background
from napari_medai.preprocess.slabs import map_with_progress

Connectivity: TypeAlias = Literal["faces", "edges", "corners"]
_REACH = {"faces": 1, "edges": 2, "corners": 3}


@operation(group="segment", title="Connected components")
def label_components(
    labels: LabelsImage,
    *,
    connectivity: Connectivity = "faces",
    min_size_mm3: Annotated[float, Ge(0)] = 0.0,
    progress: Progress = silent,
) -> MedicalImage:
    """Give every connected piece of the labelled region a number of its own, the largest first.

    Parameters
    ----------
    labels : MedicalImage
        What is not zero is one region, whatever its number.
    connectivity : {"faces", "edges", "corners"}
        Which neighbours belong together: those that share a face, an edge or a corner.
    min_size_mm3 : float
        Pieces smaller than this are left out. Square millimetres in 2-D; voxels where the image has no
        spacing.
    progress : Progress
        Hears one report a volume.

    Returns
    -------
    MedicalImage
        Labels 1, 2, 3 ... from the largest piece to the smallest; none at all if nothing is labelled.

    Examples
    --------
    >>> from napari_medai import Geometry
    >>> array = np.array([[1, 0, 1, 1]])
    >>> row = MedicalImage(array, "yx", Geometry.from_spacing((1, 4), (1, 1)), kind="labels")
    >>> label_components(row).array.tolist()
    [[2, 0, 1, 1]]
    """
    smallest = min_size_mm3 / labels.geometry.voxel_volume

    def one(volume: Volume, report: Progress) -> Volume:
        return in_background(lambda: sorted_components(volume > 0, connectivity, smallest), report)

    array = map_with_progress(labels, one, progress, "Labelling pieces")
    return labels.with_array(smallest_labels(array), meta=new_meta(labels, "labels"))


def sorted_components(
    region: NDArray[np.bool_], connectivity: Connectivity, min_voxels: float = 0.0
) -> NDArray[np.int32]:
    """Number the connected pieces of a region by falling size.

    Parameters
    ----------
    region : ndarray of bool
        Shape (z, y, x) or (y, x).
    connectivity : {"faces", "edges", "corners"}
        Which neighbours belong together.
    min_voxels : float
        Smaller pieces become 0.
    """
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(region.ndim, min(_REACH[connectivity], region.ndim))
    pieces, count = ndimage.label(region, structure, output=np.int32)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    order = np.argsort(-sizes[1:], kind="stable") + 1
    numbers = np.zeros(count + 1, dtype=np.int32)
    kept = order[sizes[order] >= max(min_voxels * (1 - 1e-9), 1)]
    numbers[kept] = np.arange(1, len(kept) + 1)
    return np.asarray(numbers[pieces])
