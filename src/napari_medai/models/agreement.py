"""Whether the entries of a model's description agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medai.models.spec import ModelSpec

OUTPUTS_OF = {
    "segmentation": "labels",
    "classification": "classes",
    "landmarks": "points",
    "regression": "values",
    "registration": "displacement",
}
"""Which entry of :class:`napari_medai.models.entries.Outputs` a task fills."""


def check_dimensions(spec: ModelSpec) -> None:
    """Raise ValueError where entries have different numbers of axes."""
    if spec.spacing is not None and len(spec.spacing) != len(spec.tile):
        raise ValueError(f"spacing has {len(spec.spacing)} axes, tile has {len(spec.tile)}")
    if any(axis >= len(spec.tile) for axis in spec.mirror_axes):
        raise ValueError(f"mirror_axes are {spec.mirror_axes}, tile has {len(spec.tile)} axes")
    if spec.preparation.slicewise and len(spec.tile) != 2:
        raise ValueError("preparation.slicewise is for a network of 2 axes")
    if spec.preparation.neighbours and not spec.preparation.slicewise:
        raise ValueError("preparation.neighbours is for a network that goes slice by slice (slicewise)")
    axes = spec.preparation.axes
    if axes is not None and sorted(axes) != list(range(spec.image_ndim)):
        raise ValueError(f"preparation.axes are {axes}; needed the {spec.image_ndim} axes in some order")


def check_outputs(spec: ModelSpec) -> None:
    """Raise ValueError where the outputs are not those of the task."""
    wanted = OUTPUTS_OF[spec.task]
    filled = [name for name in OUTPUTS_OF.values() if getattr(spec.outputs, name)]
    if filled != [wanted]:
        found = ", ".join(filled) or "nothing"
        raise ValueError(f"outputs name {found}; a {spec.task} model names its {wanted} alone")
    if spec.task in ("segmentation", "classification") and len(spec.outputs.names) < 2:
        raise ValueError(f"outputs.{wanted} name one class; needed two or more")


def check_regions(spec: ModelSpec) -> None:
    """Raise ValueError where regions paint no label, or a first stage is named outside segmentation."""
    regions, labels = spec.outputs.regions, spec.outputs.labels
    most = len(labels) - 1
    if regions and (max(regions) >= len(labels) or len(set(regions)) < len(regions)):
        raise ValueError(f"outputs.regions are {regions}; needed labels from 1 to {most}, each once")
    if spec.previous and spec.task != "segmentation":
        raise ValueError(f"previous is for segmentation models; this one is for {spec.task}")


def check_points(spec: ModelSpec) -> None:
    """Raise ValueError where what is said of points does not fit their number."""
    if spec.points is None:
        return
    if spec.task != "landmarks":
        raise ValueError(f"points is for landmark models; this one is for {spec.task}")
    count = len(spec.outputs.points)
    for name in ("scale", "floor", "shape", "spread"):
        found = len(getattr(spec.points, name))
        if found not in (0, count):
            raise ValueError(f"points.{name} has {found} entries for {count} points")
