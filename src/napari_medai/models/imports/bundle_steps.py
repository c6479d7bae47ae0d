"""The preparing steps of a MONAI bundle, as entries of a model description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_medai.core.errors import ModelError
from napari_medai.models.imports.bundle_network import refuse_expression

NOTHING = {
    "LoadImage",
    "EnsureChannelFirst",
    "AddChannel",
    "AsChannelFirst",
    "EnsureType",
    "ToTensor",
    "CastToType",
    "ToDevice",
}
"""Steps that do what is always done here."""


@dataclass
class Seen:
    """What a bundle's steps come to.

    Parameters
    ----------
    tile : list of int
        The window, in the network's axes.
    spacing : list of float or None
        Voxel size in the network's axes, mm.
    orientation : {"RAS", "LPS", "stored"}
        Which way the axes run.
    intensity : list of dict
        Steps of the intensity recipe.
    overlap : float
        Of the windows.
    """

    tile: list[int]
    spacing: list[float] | None = None
    orientation: str = "stored"
    intensity: list[dict[str, Any]] = field(default_factory=list)
    overlap: float = 0.5


def prepared_by(config: Mapping[str, Any], ndim: int, image: Mapping[str, Any]) -> Seen:
    """Read a bundle's preprocessing and its way of inference.

    Parameters
    ----------
    config : mapping
        ``inference.json``, its references resolved.
    ndim : int
        Dimensions of the network.
    image : mapping
        The input's entry in ``metadata.json``.

    Raises
    ------
    ModelError
        If a step is not known or has an expression.
    """
    inferer = config.get("inferer") or {}
    shape = inferer.get("roi_size") or image.get("spatial_shape")
    refuse_expression("inferer.roi_size", shape)
    if not isinstance(shape, list) or len(shape) != ndim or not all(isinstance(n, int) for n in shape):
        raise ModelError(f"The bundle's window is {shape!r}; needed {ndim} numbers (inferer.roi_size).")
    overlap = inferer.get("overlap", 0.5)
    refuse_expression("inferer.overlap", overlap)
    seen = Seen(shape, overlap=float(overlap))
    steps = config.get("preprocessing") or {}
    for step in steps.get("transforms", []):
        if not step.get("_disabled_", False):
            _add(seen, step)
    return seen


def _add(seen: Seen, step: Mapping[str, Any]) -> None:
    kind = str(step.get("_target_", "")).rpartition(".")[2].removesuffix("d")
    if kind in NOTHING:
        return
    for key, value in step.items():
        refuse_expression(f"{kind}.{key}", value)
    if kind == "Orientation":
        code = str(step.get("axcodes"))
        if code not in ("RAS", "LPS"):
            raise ModelError(f"The bundle turns images to {code}; known: RAS, LPS.")
        seen.orientation = code
    elif kind == "Spacing":
        seen.spacing = [float(n) for n in step["pixdim"]]
    elif kind == "ScaleIntensityRange":
        seen.intensity.append(_range(step))
    elif kind == "NormalizeIntensity":
        seen.intensity.append(_normalise(step))
    elif kind == "ScaleIntensity":
        limits = {"low": float(step.get("minv", 0.0)), "high": float(step.get("maxv", 1.0))}
        seen.intensity.append({"operation": "rescale_intensity", "arguments": limits})
    else:
        raise ModelError(
            f"The bundle prepares images by {kind}, which is not known here.",
            hint="Known: Orientation, Spacing, ScaleIntensity, ScaleIntensityRange, NormalizeIntensity.",
        )


def _range(step: Mapping[str, Any]) -> dict[str, Any]:
    if not step.get("clip", False):
        raise ModelError("The bundle's ScaleIntensityRange does not clip; only one that does is known here.")
    start, stop = float(step["a_min"]), float(step["a_max"])
    low, high = float(step.get("b_min", 0.0)), float(step.get("b_max", 1.0))
    values = {"center": (start + stop) / 2, "width": stop - start, "low": low, "high": high}
    return {"operation": "window_intensity", "arguments": {"preset": "custom", **values}}


def _normalise(step: Mapping[str, Any]) -> dict[str, Any]:
    others = {key: step[key] for key in ("subtrahend", "divisor") if step.get(key) is not None}
    if others:
        raise ModelError(f"The bundle normalises with {others}; only the image's own mean is known here.")
    region = "nonzero" if step.get("nonzero") else "whole"
    return {"operation": "normalize_zscore", "arguments": {"region": region}}
