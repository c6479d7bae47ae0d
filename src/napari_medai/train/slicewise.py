"""A plan for images of which only some slices are marked: a 3-D network that looks at one slice at a time."""

from __future__ import annotations

from typing import Any

from napari_medai.core.errors import ArgumentError
from napari_medai.models.spec import NetworkSpec
from napari_medai.train.plan import Plan

DEPTH = 8
"""Slices in a patch: the fewest a window may have."""

RATE = 0.01
"""Learning rate. Few slices are learnt in few steps: of 0.003, 0.006 and 0.01 the last labels new volumes
best (balls in noise, five painted volumes, three unseen ones each)."""


def slice_by_slice(plan: Plan, axis: int = 0, thickness: float | None = None) -> Plan:
    """Let a plan's network see each slice by itself.

    Two marked slices teach what a slice looks like, and nothing of how slices follow each other: a
    network that looks across slices would invent what lies beyond them.

    Parameters
    ----------
    plan : Plan
        For 3-D images.
    axis : int
        Across which axis (of z, y, x) the slices lie on each other.
    thickness : float, optional
        Voxel size across the slices as they were marked (mm). The plan keeps it: coarser, a marked slice
        would be blended with its neighbours, which nobody marked.

    Returns
    -------
    Plan
        The same where it sees slices already; else its network's kernels and strides are one voxel along
        ``axis``, its patch is a few slices thick, and it learns at a higher rate.

    Raises
    ------
    ArgumentError
        If the plan is not for 3-D images, or its network has no strides that could be kept.

    References
    ----------
    Çiçek et al. 2016, 3D U-Net: learning dense volumetric segmentation from sparse annotation,
    doi 10.1007/978-3-319-46723-8_49 (few marked slices; the rest is unknown).
    """
    if plan.slicewise:
        return plan
    arguments: Any = plan.network.arguments
    if len(plan.patch) != 3 or "strides" not in arguments or "widths" not in arguments:
        raise ArgumentError("Slice by slice needs a plan for 3-D images with widths and strides.")
    across = [1 if k == axis else 2 for k in range(3)]
    levels = len(arguments["widths"])
    step = 2 ** (levels - 1)
    network: dict[str, Any] = {
        "widths": arguments["widths"],
        "strides": [[1, 1, 1], *[across] * (levels - 1)],
        "kernels": [[1 if k == axis else 3 for k in range(3)]] * levels,
        "encoder": [2] * levels,
        "decoder": [2] * (levels - 1),
    }
    patch = tuple(DEPTH if k == axis else max(8, step * -(-n // step)) for k, n in enumerate(plan.patch))
    update: dict[str, Any] = {"network": NetworkSpec(name="nnunet", arguments=network), "patch": patch}
    if plan.spacing is not None and thickness is not None:
        update["spacing"] = tuple(thickness if k == axis else s for k, s in enumerate(plan.spacing))
    return plan.model_copy(update=update).with_loop(rate=RATE)
