"""The plan of a landmark training, from what the images are like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.models.points.looks import padded_shape
from napari_medai.models.spec import SCHEMA, ModelSpec, explain
from napari_medai.train.points.cases import PointCase, check_cases

Size = Literal["small", "standard"]
COARSE_SIDE = {2: 128, 3: 56}
FINE_SIDE = {2: 480, 3: 112}
"""Voxels along the longest side of the images, for the two stages."""
WINDOW = {2: 64, 3: 24}
WIDTHS: dict[tuple[int, str], tuple[tuple[int, ...], tuple[int, ...]]] = {
    (2, "small"): ((24, 32, 48, 64, 96), (24, 40, 64, 96)),
    (2, "standard"): ((32, 64, 96, 128, 160), (32, 64, 96, 128)),
    (3, "small"): ((12, 24, 48, 64), (12, 24, 48)),
    (3, "standard"): ((16, 32, 64, 96), (16, 32, 64)),
}
SIGMA_VOXELS = 1.2


class PointPlan(BaseModel):
    """How a landmark model is trained.

    Parameters
    ----------
    unit : {"mm", "pixel"}
        Of all lengths.
    points : tuple of str
        What is learnt.
    coarse_spacing, fine_spacing : tuple of float
        Voxel sizes of the two stages.
    tile : tuple of int
        Voxels of the coarse stage's view.
    window : tuple of int
        Voxels of the fine stage's windows.
    coarse_widths, fine_widths : tuple of int
        Feature channels of each level.
    configuration : bool
        Whether the coarse stage weighs the points' configuration (SCN) on top of a U-Net.
    coarse_batch, fine_batch : int
        Views in a batch.
    coarse_steps, fine_steps : int
        Steps of each stage.
    minutes : float or None
        Time budget of both together.
    patience : int or None
        Epochs without a smaller error on the cases kept aside after which a stage ends; None: never.
    rate : float
        Largest learning rate.
    context : float
        How much wider the fine stage sees each window a second time; 1: it does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    unit: Literal["mm", "pixel"]
    points: tuple[str, ...]
    coarse_spacing: tuple[float, ...]
    fine_spacing: tuple[float, ...]
    tile: tuple[int, ...]
    window: tuple[int, ...]
    coarse_widths: tuple[int, ...]
    fine_widths: tuple[int, ...]
    configuration: bool = True
    coarse_batch: Annotated[int, Field(ge=1)] = 8
    fine_batch: Annotated[int, Field(ge=1)] = 24
    coarse_steps: Annotated[int, Field(ge=1)] = 2000
    fine_steps: Annotated[int, Field(ge=1)] = 2000
    minutes: Annotated[float, Field(gt=0)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = 12
    rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    context: Annotated[float, Field(ge=1, le=16)] = 3.0

    def to_text(self) -> str:
        """Return the plan as YAML."""
        import yaml

        entries = self.model_dump(mode="json", exclude_none=True)
        return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, default_flow_style=None))

    def spec(self, name: str, licence: str, citation: str) -> ModelSpec:
        """Describe the model this plan leads to."""
        ndim = len(self.tile)
        kind = "scn" if self.configuration else "unet"
        return ModelSpec.model_validate(
            {
                "schema": SCHEMA,
                "name": name,
                "version": "1.0.0",
                "licence": licence,
                "citation": citation,
                "task": "landmarks",
                "network": {
                    "name": "heat-cascade",
                    "arguments": {
                        "coarse": {"kind": kind, "widths": list(self.coarse_widths)},
                        "fine": {
                            "kind": "unet",
                            "widths": list(self.fine_widths),
                            "context": self.context,
                        },
                    },
                },
                "channels": ["image"],
                "spacing": self.coarse_spacing,
                "intensity": [
                    {
                        "operation": "normalize_percentile",
                        "arguments": {"lower_percent": 0.5, "upper_percent": 99.5},
                    }
                ],
                "tile": self.tile,
                "outputs": {"points": self.points},
                "points": {
                    "unit": self.unit,
                    "sigma": SIGMA_VOXELS * self.coarse_spacing[0],
                    "fine_spacing": self.fine_spacing,
                    "fine_sigma": SIGMA_VOXELS * self.fine_spacing[0],
                    "window": self.window[:ndim],
                },
            }
        )


def plan_points(cases: Sequence[PointCase], *, size: Size = "standard", **changes: Any) -> PointPlan:
    """Make a plan from the cases' sizes and spacings.

    Parameters
    ----------
    cases : sequence of PointCase
        All that there is to learn from.
    size : {"standard", "small"}
        How wide the networks are.
    **changes
        Entries of :class:`PointPlan` to set otherwise.

    Raises
    ------
    ArgumentError
        If the cases do not fit together.
    """
    names = check_cases(cases)
    ndim = cases[0].image.spatial_ndim
    extents, spacings = _fingerprint(cases)
    longest = float(np.percentile(extents.max(axis=1), 90))
    finest = float(np.median(spacings.min(axis=1)))
    coarse = max(longest / COARSE_SIDE[ndim], finest)
    fine = max(longest / FINE_SIDE[ndim], finest)
    coarse_widths, fine_widths = WIDTHS[ndim, size]
    tile = padded_shape(
        tuple(int(np.ceil(e / coarse)) for e in np.percentile(extents, 90, axis=0)),
        2 ** (len(coarse_widths) - 1),
    )
    return PointPlan.model_validate(
        {
            "unit": cases[0].image.geometry.unit,
            "points": names,
            "coarse_spacing": (round(coarse, 4),) * ndim,
            "fine_spacing": (round(fine, 4),) * ndim,
            "tile": tile,
            "window": (WINDOW[ndim],) * ndim,
            "coarse_widths": coarse_widths,
            "fine_widths": fine_widths,
            "configuration": ndim == 2,
            "coarse_batch": 8 if ndim == 2 else 2,
            "fine_batch": 24 if ndim == 2 else 8,
            **changes,
        }
    )


def parse_point_plan(text: str, where: str = "plan") -> PointPlan:
    """Read a plan, YAML or JSON.

    Raises
    ------
    ArgumentError
        Naming every entry that is wrong or unknown.
    """
    import yaml

    try:
        return PointPlan.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ArgumentError(f"The plan is no YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        found = explain(error, where, tuple(PointPlan.model_fields))
        raise ArgumentError(found.message, "Correct the plan.") from error


def read_point_plan(path: Path) -> PointPlan:
    """Read the plan of a training that has begun."""
    return parse_point_plan(path.read_text(encoding="utf-8"), path.name)


def _fingerprint(cases: Sequence[PointCase]) -> tuple[FloatArray, FloatArray]:
    """Extents and spacings (cases, D) along the axes nearest to the patient's."""
    grids = [c.image.geometry for c in cases]
    upright = [g if g.ndim == 2 else g.nearest_axes().apply_geometry(g) for g in grids]
    spacings = np.array([g.spacing for g in upright])
    return np.array([g.shape for g in upright]) * spacings, spacings
