"""The layers of a model that can be looked at, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.core.operation import operation
from napari_medai.core.progress import Progress, Step, silent
from napari_medai.models.store import ModelArgument, as_model

if TYPE_CHECKING:
    from pandas import DataFrame


@operation(group="explain", title="List a model's layers")
def list_model_layers(model: ModelArgument = "phantom-3d", *, progress: Progress = silent) -> DataFrame:
    """List the layers of a model at which a class-activation map can be made.

    Layers of few cells see far and tell what; layers of many cells see near and tell where.

    Parameters
    ----------
    model : str or path or Model
        A model of any task.
    progress : Progress
        Hears one report before the network runs.

    Returns
    -------
    pandas.DataFrame
        One row a layer, in the order in which they end. Columns: layer (the name to choose it by),
        kind, maps, cells ("6x8x8 cells" for one window), cell_size (along each axis, in mm, or in pixels
        where the model knows no spacing), default.

    Examples
    --------
    >>> table = list_model_layers()
    >>> table[table["default"]]["cells"].tolist()
    ['6x8x8 cells']
    """
    from pandas import DataFrame

    from napari_medai.explain.layers import default_layer
    from napari_medai.explain.question import DENSE
    from napari_medai.explain.subject import model_layers

    loaded = as_model(model)
    progress(Step(0, 1, "Running the network"))
    layers = model_layers(loaded)
    chosen = default_layer(layers, dense=loaded.spec.task in DENSE)
    tile = loaded.spec.tile
    spacing = loaded.spec.spacing or (1.0,) * len(tile)
    return DataFrame(
        {
            "layer": [layer.name for layer in layers],
            "kind": [layer.kind for layer in layers],
            "maps": [layer.channels for layer in layers],
            "cells": ["x".join(map(str, layer.cells)) + " cells" for layer in layers],
            "cell_size": [
                " x ".join(f"{s * t / c:g}" for s, t, c in zip(spacing, tile, layer.cells, strict=True))
                for layer in layers
            ],
            "default": [layer is chosen for layer in layers],
        }
    )
