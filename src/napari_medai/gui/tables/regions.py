"""The way from a row of a table to the region it speaks of in the viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.geometry import FloatArray
from napari_medai.gui.placement import geometry_of, layer_matrix

if TYPE_CHECKING:
    import napari

_UNITS = ("mm", "pixel")


class Regions:
    """A viewer and the Labels layers in it that a table was made from.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        It is moved to the regions.
    layers : sequence of napari.layers.Layer
        What went in. The layers are not kept from being removed.
    """

    def __init__(self, viewer: napari.viewer.Viewer, layers: Sequence[Any] = ()) -> None:
        self.viewer = viewer
        self._all = [ref(layer) for layer in layers]

    @classmethod
    def of_inputs(cls, viewer: napari.viewer.Viewer, inputs: Mapping[str, Any]) -> Regions:
        """Take the layers of a form: each input a layer, several, or none."""
        values = [v for value in inputs.values() for v in (value if isinstance(value, list) else [value])]
        return cls(viewer, [layer for layer in values if layer is not None])

    @property
    def labels(self) -> list[Any]:
        """The Labels layers that are still in the viewer, in the order they went in."""
        return [layer for layer in self._layers if layer._type_string == "labels"]

    def show(self, row: Mapping[str, Any]) -> bool:
        """Centre the view on the region of a row, and make it the selected label.

        Parameters
        ----------
        row : mapping
            With the columns ``centroid_x_mm`` ..., or else a ``label`` that is looked up in the layer;
            ``time`` is the number of a frame.

        Returns
        -------
        bool
            Whether the row tells a place.
        """
        layers = self._layers
        if not layers:
            return False
        label = int(row["label"]) if _is_known(row.get("label")) else None
        home = next((layer for layer in self.labels), layers[0])
        centre, unit = centroid_of(row) or (None, "")
        if centre is None and label is not None and self.labels:
            found = ((layer, centre_of_label(layer, label)) for layer in self.labels)
            home, (centre, unit) = next((f for f in found if f[1][0] is not None), (home, (None, "")))
        if centre is None:
            return False
        self._move(home, centre, unit, row.get("time"))
        for layer in self.labels:
            if label is not None and 0 < label <= np.iinfo(layer.data.dtype).max:
                layer.selected_label = label
        return True

    @property
    def _layers(self) -> list[Any]:
        alive = (entry() for entry in self._all)
        return [layer for layer in alive if layer is not None and layer in self.viewer.layers]

    def _move(self, layer: Any, centre: FloatArray, unit: str, time: Any) -> None:
        dims = self.viewer.dims
        point, first = list(dims.point), dims.ndim - len(centre)
        units = list(getattr(dims, "units", None) or layer.units)[-len(centre) :]
        for axis, (value, shown) in enumerate(zip(centre[::-1], units, strict=True), first):
            point[axis] = value * _factor(unit, shown)
        if _is_known(time) and layer.ndim > len(centre):
            axis = dims.ndim - layer.ndim
            point[axis] = float(layer.data_to_world([float(time)] + [0.0] * (layer.ndim - 1))[0])
        dims.set_point(range(dims.ndim), point)
        displayed = [point[axis] for axis in dims.displayed]
        camera_of(self.viewer).center = (0.0,) * (3 - len(displayed)) + tuple(displayed)


def camera_of(viewer: Any) -> Any:
    """Return the camera, which napari 0.9 moved into the viewer's scene."""
    return getattr(viewer, "scene", viewer).camera


def centroid_of(row: Mapping[str, Any]) -> tuple[FloatArray, str] | None:
    """Return the centroid a row gives, world (x, y) or (x, y, z), and its unit; nothing without one."""
    for unit in _UNITS:
        values = [row[name] for axis in "xyz" if (name := f"centroid_{axis}_{unit}") in row]
        if len(values) >= 2 and all(map(_is_known, values)):
            return np.array(values, dtype=float), unit
    return None


def centre_of_label(layer: Any, label: int) -> tuple[FloatArray | None, str]:
    """Return where the voxels of a label are on average, world (x, y, z), and the unit; in this frame.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of more than three axes the last three are space; of the others the step shown is taken.
    label : int
        The label.
    """
    data, state, _ = layer.as_layer_data_tuple()
    data = data[0] if layer.multiscale else data
    ndim = min(data.ndim, 3)
    lead = data.ndim - ndim
    step = np.round(layer.world_to_data(layer._slice_input.world_slice.point)).astype(int)[:lead]
    frame = tuple(np.clip(step, 0, np.array(data.shape[:lead], dtype=int) - 1))
    places = np.nonzero(np.asarray(data[frame] == label))
    if len(places[0]) == 0:
        return None, ""
    units = list(state.get("units") or ["pixel"] * data.ndim)[lead:]
    grid = geometry_of(layer_matrix(state, data.ndim), data.shape[lead:], units)
    return grid.index_to_world([float(axis.mean()) for axis in places]), grid.unit


def rows_by_label(table: Any) -> Any:
    """Return a table with one row a label, indexed by label; rows without a region are left out.

    Raises
    ------
    ArgumentError
        If there is no column of labels, or a label has several rows.
    """
    if "label" not in table:
        raise ArgumentError("The table has no column 'label', so its rows belong to no region.")
    numbered = table[table["label"].notna()]
    numbered = numbered[numbered["label"].astype(int) > 0]
    numbered = numbered.set_index(numbered["label"].astype(int))
    if numbered.index.has_duplicates:
        raise ArgumentError(
            "A label has several rows in the table; needed one.",
            hint="Filter the table first, by a time point or a feature.",
        )
    return numbered


def _factor(unit: str, shown: Any) -> float:
    """Return how many of the viewer's units one of the table's is."""
    if unit != "mm":
        return 1.0
    import pint

    registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]
    wanted = registry.Unit(str(shown))
    millimetre = registry.Quantity(1.0, "mm")
    return float(millimetre.to(wanted).magnitude) if millimetre.is_compatible_with(wanted) else 1.0


def _is_known(value: Any) -> bool:
    """Tell whether a cell holds a finite number."""
    if value is None or isinstance(value, str) or type(value).__name__ == "NAType":
        return False
    return bool(np.isfinite(float(value)))
