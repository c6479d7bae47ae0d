"""The same step clicked and called gives the same voxels and numbers, bit for bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from contract_inputs import CHEAPER, arguments, grids
from napari.layers import Layer
from qtpy.QtCore import Qt

from napari_medai import Landmarks, MedAIError, MedicalImage, catalog
from napari_medai.gui.forms.channels import ChannelsPicker
from napari_medai.gui.forms.pickers import LayersPicker
from napari_medai.gui.layers import image_of, layers_from_image, split_channels
from napari_medai.gui.panel import OperationPanel
from napari_medai.gui.points import landmarks_from_layer, layer_from_landmarks
from napari_medai.gui.tables.dock import table_dock
from napari_medai.gui.tables.table import TablePanel
from napari_medai.recipe.results import parts_of

GROUPS = [group for group in catalog.GROUPS if catalog.of_group(group)]


def can_be_clicked(operation) -> bool:
    """Whether everything it needs can be chosen among layers and defaults."""
    shown = all(p.input_type in (MedicalImage, Landmarks) or not p.required for p in operation.inputs)
    return bool(operation.inputs) and shown and not any(p.required for p in operation.options)


def open_layer(viewer, value) -> Layer:
    data = layer_from_landmarks(value) if isinstance(value, Landmarks) else layers_from_image(value)[0]
    return viewer.add_layer(Layer.create(*data))


def as_input(layer):
    if layer._type_string == "points":
        return landmarks_from_layer(*layer.as_layer_data_tuple()[:2])
    return image_of(layer)


def choose_nothing(picker) -> None:
    if isinstance(picker, LayersPicker):
        picker.clearSelection()
    elif isinstance(picker, ChannelsPicker):
        assert not picker.layers()
    else:
        picker.setCurrentIndex(0)


def choose(panel, layers) -> None:
    for name, picker in panel.form.pickers.items():
        if name not in layers:
            choose_nothing(picker)
        else:
            picker.choose(layers[name])


def shown_as(value):
    """An image's channels are shown in a layer each."""
    return split_channels(value) if isinstance(value, MedicalImage) else [value]


def try_operation(qtbot, viewer, panel, operation, given):
    """Click and call; return a complaint, or nothing."""
    viewer.layers.clear()
    layers = {
        name: [open_layer(viewer, v) for v in value] if isinstance(value, list) else open_layer(viewer, value)
        for name, value in given.items()
    }
    panel.choose(operation.name)
    panel.form.set_values(CHEAPER.get(operation.name, {}))
    choose(panel, layers)
    if {k: v for k, v in panel.form.layers().items() if v not in (None, [])} != layers:
        return f"the form chose {panel.form.layers()}"
    data = {k: [as_input(x) for x in v] if isinstance(v, list) else as_input(v) for k, v in layers.items()}
    called = operation.function(**data, **panel.form.values())
    before = list(viewer.layers)
    with qtbot.waitSignal(panel.runner.finished, timeout=60_000):
        qtbot.mouseClick(panel.run_button, Qt.MouseButton.LeftButton)
    new = [layer for layer in viewer.layers if layer not in before]
    return compare(parts_of(called).values(), new, panel)


def compare(values, new, panel):
    for value in [part for result in values for part in shown_as(result)]:
        if isinstance(value, MedicalImage):
            found = [image_of(layer) for layer in new if layer._type_string in ("image", "labels")]
            if not any(
                np.array_equal(f.array, value.array) and f.geometry.is_close(value.geometry) for f in found
            ):
                return f"no new layer holds {value!r}; there are {found}, and {panel.status.text()!r}"
        elif isinstance(value, pd.DataFrame):
            tables = [t.table for t in table_dock(panel.viewer).findChildren(TablePanel)]
            if not any(value.equals(t) or value.reset_index().equals(t) for t in tables):
                return f"no table shows {list(value.columns)}"
    return None


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_clicked_and_called_give_the_same(qtbot, make_napari_viewer, tmp_path, group):
    viewer = make_napari_viewer()
    operations = [o for o in catalog.of_group(group) if can_be_clicked(o)]
    panel = OperationPanel(viewer, operations)
    viewer.window.add_dock_widget(panel, name=group)
    wrong, tried = {}, 0
    for operation in operations:
        for geometry in grids().values():
            given = {
                k: v for k, v in arguments(operation, geometry, tmp_path).items()
                if k in {p.name for p in operation.inputs}
            }  # fmt: skip
            try:
                complaint = try_operation(qtbot, viewer, panel, operation, given)
            except MedAIError:
                continue
            tried += 1
            if complaint:
                wrong[operation.name] = complaint
            break
    assert not wrong, wrong
    assert tried
