"""An nnU-Net plan as a model description."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from napari_medai.core.errors import ModelError
from napari_medai.models.spec import SCHEMA, ModelSpec

Plain = Mapping[str, Any]

NETWORKS = {"PlainConvUNet": False, "ResidualEncoderUNet": True}
"""The architectures that are known, and whether they are residual."""
EPSILON = 1e-8


def configuration_of(plans: Plain, name: str) -> dict[str, Any]:
    """Return one configuration of the plans, with what it inherits.

    Raises
    ------
    ModelError
        If there is none of the name, or it is one that cannot be carried over.
    """
    known = plans.get("configurations", {})
    found: dict[str, Any] = {}
    heir: Any = name
    for _ in range(10):
        if heir not in known:
            raise ModelError(f"The plans have no configuration {heir!r}; they have {', '.join(known)}.")
        found = {**known[heir], **found}
        heir = known[heir].get("inherits_from")
        if heir is None:
            break
    _refuse_others(found)
    return found


def describe(
    plans: Plain, about: Plain, configuration: Plain, mirror_axes: Sequence[int], members: int, **words: str
) -> ModelSpec:
    """Describe a trained nnU-Net.

    Parameters
    ----------
    plans, about : mapping
        What ``plans.json`` and ``dataset.json`` hold.
    configuration : mapping
        The one that was trained.
    mirror_axes : sequence of int
        The axes it may be mirrored along.
    members : int
        Folds.
    **words
        ``name``, ``version``, ``licence`` and ``citation``.
    """
    channels = list(about.get("channel_names", about.get("modality", {})).values())
    pictures = "Natural" in str(plans.get("image_reader_writer", ""))
    tile = list(configuration["patch_size"])
    slicewise = len(tile) == 2 and not pictures
    outputs = outputs_of(about)
    entries = {
        "schema": SCHEMA,
        **words,
        "task": "segmentation",
        "network": {"name": "nnunet", "arguments": network_arguments(configuration)},
        "channels": channels,
        "spacing": None if pictures else configuration["spacing"],
        "intensity": intensity_steps(plans, configuration, len(channels)),
        "tile": tile,
        "outputs": outputs,
        "previous": _previous(configuration, outputs),
        "training": {"made_with": "nnU-Net v2", "dataset": str(plans.get("dataset_name", ""))},
        "members": members,
        "mirror_axes": list(mirror_axes),
        "windows": {"spread": "even", "padding": "zero", "blending": "peaked"},
        "preparation": _preparation(plans, configuration, pictures, slicewise),
    }
    return ModelSpec.model_validate(entries)


def outputs_of(about: Plain) -> dict[str, list[Any]]:
    """Return the name of each label in order, and the label that each region paints; ignore is none."""
    labels = {str(name): value for name, value in about["labels"].items() if name != "ignore"}
    if any(isinstance(value, list | tuple) and len(value) > 1 for value in labels.values()):
        return _regions(labels, about.get("regions_class_order") or ())
    names = {int(_only(value)): name for name, value in labels.items()}
    if sorted(names) != list(range(len(names))):
        raise ModelError(f"The labels are numbered {sorted(names)}; needed 0, 1, 2 and so on.")
    return {"labels": [names[k] for k in range(len(names))]}


def _regions(labels: Mapping[str, Any], order: Sequence[int]) -> dict[str, list[Any]]:
    """Name each label after the region that paints it."""
    regions = [name for name, value in labels.items() if value not in (0, [0], (0,))]
    if len(order) != len(regions):
        raise ModelError(
            f"There are {len(regions)} regions ({', '.join(regions)}), and regions_class_order has "
            f"{len(order)} entries; needed as many."
        )
    names = dict(zip(map(int, order), regions, strict=True))
    unused = [names.get(k, f"unused {k}") for k in range(1, max(names) + 1)]
    return {"labels": ["background", *unused], "regions": [int(value) for value in order]}


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list | tuple) else value


def _previous(configuration: Plain, outputs: Plain) -> list[str]:
    """Return the labels of a cascade's first stage, which the second one gets as masks."""
    if not configuration.get("previous_stage"):
        return []
    names = list(outputs["labels"][1:])
    if any(name.startswith("unused ") for name in names):
        raise ModelError("A cascade of regions that leave labels out cannot be carried over.")
    return names


def network_arguments(configuration: Plain) -> dict[str, Any]:
    """Return the arguments of our builder for a plan's network, in its present or its older spelling."""
    if "architecture" not in configuration:
        return _older_arguments(configuration)
    kind = str(configuration["architecture"]["network_class_name"]).rpartition(".")[2]
    arguments = configuration["architecture"]["arch_kwargs"]
    if kind not in NETWORKS:
        raise ModelError(f"The network is a {kind}; known: {', '.join(NETWORKS)}.")
    _check_layers(arguments)
    residual = NETWORKS[kind]
    levels = arguments["n_stages"]
    ndim = len(configuration["patch_size"])
    norm = arguments.get("norm_op_kwargs") or {}
    return {
        "widths": _each(arguments["features_per_stage"], levels),
        "strides": [_axes(s, ndim) for s in _each(arguments["strides"], levels)],
        "kernels": [_axes(k, ndim) for k in _each(arguments["kernel_sizes"], levels)],
        "encoder": _each(arguments["n_blocks_per_stage" if residual else "n_conv_per_stage"], levels),
        "decoder": _each(arguments["n_conv_per_stage_decoder"], levels - 1),
        "residual": residual,
        "bias": bool(arguments.get("conv_bias", False)),
        "affine": bool(norm.get("affine", False)),
        "epsilon": float(norm.get("eps", 1e-5)),
    }


def _older_arguments(configuration: Plain) -> dict[str, Any]:
    """Read the spelling of plans before version 2.4."""
    kind = str(configuration.get("UNet_class_name"))
    if kind not in NETWORKS:
        raise ModelError(f"The network is a {kind}; known: {', '.join(NETWORKS)}.")
    strides = [list(s) for s in configuration["pool_op_kernel_sizes"]]
    first, most = configuration["UNet_base_num_features"], configuration["unet_max_num_features"]
    return {
        "widths": [min(first * 2**k, most) for k in range(len(strides))],
        "strides": strides,
        "kernels": [list(k) for k in configuration["conv_kernel_sizes"]],
        "encoder": list(configuration["n_conv_per_stage_encoder"]),
        "decoder": list(configuration["n_conv_per_stage_decoder"]),
        "residual": NETWORKS[kind],
        "bias": True,
        "affine": True,
        "epsilon": 1e-5,
    }


def intensity_steps(plans: Plain, configuration: Plain, count: int) -> list[dict[str, Any]]:
    """Return the intensity recipe: one step for all channels where they are treated alike."""
    schemes = configuration["normalization_schemes"]
    masked = configuration.get("use_mask_for_norm") or [False] * count
    known = plans.get("foreground_intensity_properties_per_channel", {})
    steps = [_step(schemes[k], bool(masked[k]), known.get(str(k), {})) for k in range(count)]
    if all(step == steps[0] for step in steps):
        return [steps[0]] if steps[0] else []
    return [{**step, "channels": [k]} for k, step in enumerate(steps) if step]


def _step(scheme: str, masked: bool, known: Plain) -> dict[str, Any]:
    if scheme == "ZScoreNormalization":
        region = "nonzero" if masked else "whole"
        return {"operation": "normalize_zscore", "arguments": {"region": region}}
    if scheme == "RescaleTo01Normalization":
        limits = {"lower_percent": 0.0, "upper_percent": 100.0}
        return {"operation": "normalize_percentile", "arguments": limits}
    if scheme == "RGBTo01Normalization":
        return _window(0.0, 255.0, 0.0, 1.0)
    if scheme == "CTNormalization":
        low, high = float(known["percentile_00_5"]), float(known["percentile_99_5"])
        mean, deviation = float(known["mean"]), max(float(known["std"]), EPSILON)
        return _window(low, high, (low - mean) / deviation, (high - mean) / deviation)
    if scheme == "NoNormalization":
        return {}
    raise ModelError(f"The intensities are normalised by {scheme}, which is not known.")


def _window(start: float, stop: float, low: float, high: float) -> dict[str, Any]:
    values = {"center": (start + stop) / 2, "width": stop - start, "low": low, "high": high}
    return {"operation": "window_intensity", "arguments": {"preset": "custom", **values}}


def _preparation(plans: Plain, configuration: Plain, pictures: bool, slicewise: bool) -> dict[str, Any]:
    turned = "Reorient" in str(plans.get("image_reader_writer", ""))
    axes = list(plans.get("transpose_forward", (0, 1, 2)))
    image = configuration.get("resampling_fn_data_kwargs", {})
    scores = configuration.get("resampling_fn_probabilities_kwargs", {})
    separate = {None: "auto", True: "always", False: "never"}[image.get("force_separate_z")]
    return {
        "orientation": "RAS" if turned else "stored",
        "axes": None if pictures or axes == [0, 1, 2] else axes,
        "crop": "nonzero",
        "intensity_first": True,
        "resampling": {
            "scheme": "edges",
            "image_order": image.get("order", 3),
            "image_order_across": image.get("order_z", 0),
            "scores_order": scores.get("order", 1),
            "scores_order_across": scores.get("order_z", 0),
            "separate": separate,
        },
        "slicewise": slicewise,
    }


def _refuse_others(configuration: Plain) -> None:
    known = {
        "preprocessor_name": "DefaultPreprocessor",
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
    }
    for key, needed in known.items():
        found = configuration.get(key, needed)
        if found != needed:
            raise ModelError(f"The plans' {key} is {found}; only {needed} can be carried over.")


def _check_layers(arguments: Plain) -> None:
    ends = {"conv_op": r"Conv[23]d", "norm_op": r"InstanceNorm[23]d", "nonlin": r"LeakyReLU"}
    for key, pattern in ends.items():
        found = str(arguments.get(key)).rpartition(".")[2]
        if not re.fullmatch(pattern, found):
            raise ModelError(f"The network's {key} is {found}; only {pattern} can be carried over.")
    slope = (arguments.get("nonlin_kwargs") or {}).get("negative_slope", 0.01)
    others = [k for k in ("bottleneck_channels", "squeeze_excitation") if arguments.get(k)]
    if slope != 0.01 or others:
        raise ModelError(
            f"The network has a slope of {slope} and {others or 'no further blocks'}; needed 0.01."
        )


def _each(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] * count


def _axes(value: Any, ndim: int) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value] * ndim
