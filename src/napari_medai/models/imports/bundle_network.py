"""MONAI's networks by their class and arguments, as entries of our table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_medai.core.errors import ModelError

Arguments = dict[str, Any]


@dataclass(frozen=True)
class _Known:
    """One class of MONAI: our name, its arguments' names here, and values that may stand but say nothing."""

    ours: str
    names: Mapping[str, str]
    usual: Mapping[str, tuple[Any, ...]]
    inputs: str = "in_channels"
    outputs: str = "out_channels"
    task: str = "segmentation"


_DROPOUT = {"dropout": (0, 0.0)}
KNOWN: dict[str, _Known] = {
    "UNet": _Known(
        "unet",
        {"channels": "widths", "strides": "strides", "num_res_units": "residual_units", "norm": "norm"},
        {**_DROPOUT, "kernel_size": (3,), "up_kernel_size": (3,), "act": ("PRELU", "prelu"), "bias": (True,)},
    ),
    "DynUNet": _Known(
        "dynunet",
        {"filters": "widths", "strides": "strides", "res_block": "residual", "norm_name": "norm"},
        {"dropout": (None, 0, 0.0), "deep_supervision": (False,), "trans_bias": (False,)},
    ),
    "SegResNet": _Known(
        "segresnet",
        {
            "init_filters": "width",
            "blocks_down": "blocks",
            "blocks_up": "blocks_up",
            "dropout_prob": "dropout",
        },
        {"upsample_mode": ("nontrainable",), "num_groups": (8,), "use_conv_final": (True,)},
    ),
    "AttentionUnet": _Known(
        "attention-unet",
        {"channels": "widths", "strides": "strides", "dropout": "dropout"},
        {"kernel_size": (3,)},
    ),
    "BasicUNetPlusPlus": _Known(
        "unet++", {"features": "widths", "dropout": "dropout"}, {"deep_supervision": (False,)}
    ),
    "VNet": _Known("vnet", {"bias": "bias"}, {"dropout_prob": (0.5,)}),
    "SwinUNETR": _Known(
        "swin-unetr",
        {"feature_size": "width", "depths": "depths", "num_heads": "heads", "window_size": "window"},
        {"img_size": (...,), "use_checkpoint": (True, False), "drop_rate": (0, 0.0), "use_v2": (False,)},
    ),
    "DenseNet": _Known(
        "densenet",
        {
            "init_features": "width",
            "growth_rate": "growth",
            "block_config": "blocks",
            "dropout_prob": "dropout",
        },
        {},
        task="classification",
    ),
    "DenseNet121": _Known("densenet", {}, {"pretrained": (False,)}, task="classification"),
    "EfficientNetBN": _Known(
        "efficientnet",
        {"model_name": "size"},
        {"pretrained": (False,)},
        outputs="num_classes",
        task="classification",
    ),
}
"""The classes of MONAI that bundles may name."""


def our_network(definition: Mapping[str, Any]) -> tuple[str, int, int, Arguments, str]:
    """Find the network of our table that a bundle's network block asks for.

    Parameters
    ----------
    definition : mapping
        ``_target_`` and the arguments, as plain data.

    Returns
    -------
    name : str
        In our table.
    ndim, inputs : int
        Dimensions and input channels.
    arguments : dict
        Of our builder.
    task : str
        What it does.

    Raises
    ------
    ModelError
        If the class is not known, an argument is an expression, or says what our builder cannot.
    """
    target = str(definition.get("_target_", ""))
    name = target.rpartition(".")[2]
    if name not in KNOWN or not re.fullmatch(r"(monai\.networks\.nets\.(\w+\.)?)?\w+", target):
        raise ModelError(
            f"The bundle's network is {target or 'not named'}; known: {', '.join(KNOWN)}.",
            hint="Code that a bundle brings along is not run.",
        )
    known = KNOWN[name]
    given = {key: value for key, value in definition.items() if not key.startswith("_")}
    for key, value in given.items():
        refuse_expression(f"network_def.{key}", value)
    ndim = int(given.pop("spatial_dims", 3))
    inputs = int(given.pop(known.inputs, 1))
    given.pop(known.outputs, None)
    arguments = {known.names[key]: value for key, value in given.items() if key in known.names}
    for key, value in given.items():
        if key not in known.names:
            _check_usual(name, key, value, known, given)
    return known.ours, ndim, inputs, _tidied(known.ours, arguments), known.task


def refuse_expression(place: str, value: Any) -> None:
    """Refuse a text that MONAI would evaluate as Python or look up elsewhere.

    Raises
    ------
    ModelError
        Naming the place and the text.
    """
    for entry in value if isinstance(value, list | tuple) else [value]:
        if isinstance(entry, str) and entry[:1] in ("$", "@", "%"):
            raise ModelError(
                f"{place} is an expression: {entry[:80]!r}. Expressions are programs, and none is run here.",
                hint="Write the value itself into the bundle's configuration, and import it again.",
            )


def _check_usual(name: str, key: str, value: Any, known: _Known, given: Mapping[str, Any]) -> None:
    if key in ("kernel_size", "upsample_kernel_size") and name == "DynUNet":
        wanted = 3 if key == "kernel_size" else None
        flat = [n for entry in value for n in (entry if isinstance(entry, list) else [entry])]
        if (wanted and set(flat) == {3}) or (not wanted and value == given["strides"][1:]):
            return
    usual = known.usual.get(key, ())
    if ... in usual or value in usual:
        return
    needed = f"needed {' or '.join(map(repr, usual))}" if usual else "which is not known here"
    raise ModelError(f"The bundle's {name} has {key} = {value!r}; {needed}.")


def _tidied(ours: str, arguments: Arguments) -> Arguments:
    norm = arguments.get("norm")
    if norm is not None:
        word = str(norm[0] if isinstance(norm, list | tuple) else norm).lower()
        plain = not isinstance(norm, list | tuple) or len(norm) < 2 or norm[1] == {"affine": True}
        if word not in ("batch", "instance") or not plain:
            raise ModelError(f"The bundle's network normalises by {norm!r}; known: batch, instance.")
        arguments["norm"] = word
    elif ours == "unet":
        arguments["norm"] = "instance"
    elif ours == "dynunet":
        raise ModelError("The bundle's DynUNet does not say its norm_name.", hint="State it there.")
    if ours == "dynunet" and "widths" not in arguments:
        raise ModelError("The bundle's DynUNet does not say its filters.", hint="State them there.")
    if ours == "efficientnet":
        arguments["size"] = str(arguments.get("size", "")).removeprefix("efficientnet-")
    if arguments.get("dropout", 0) is None:
        del arguments["dropout"]
    return arguments
