"""The panel of explanations: maps made, looked at, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_medai.core.errors import MedAIError
from napari_medai.gui.explanations.cells import facts_of_map
from napari_medai.gui.explanations.maps import UNCHECKED, MapTools, made_by, mark_checked, name_of, source_of
from napari_medai.gui.explanations.verdict import show_verdict
from napari_medai.gui.forms.transform_picker import TransformPicker
from napari_medai.gui.panel import GroupPanel
from napari_medai.gui.results import Presentation

if TYPE_CHECKING:
    import napari


class ExplainPanel(GroupPanel):
    """Where a network looked, and whether that can be believed."""

    group = "explain"
    first = "explain_prediction"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.map_tools = MapTools(viewer, self.check_map, self)
        layout = self.layout()
        if layout is not None:
            layout.addWidget(self.map_tools)
        self._under_check: Any = None

    def check_map(self, layer: Any) -> None:
        """Check a map: the same question, method and image as it was made with."""
        step = made_by(layer)
        if self.runner.running or step is None:
            return
        self.choose("check_explanation")
        known = self.form.values()
        self.form.set_values({k: v for k, v in step.parameters.items() if k in known})
        for name in step.inputs:
            picker = self.form.pickers.get(name)
            source = source_of(layer, self.viewer.layers, name)
            if picker is not None and source is not None and not isinstance(picker, TransformPicker):
                picker.choose(source)
        self._under_check = layer
        self.run()

    def _show_result(self, shown: Presentation) -> None:
        super()._show_result(shown)
        for layer in self.viewer.layers:
            facts = facts_of_map(layer)
            if facts and not facts["checked"] and not layer.name.endswith(UNCHECKED):
                layer.name = name_of(layer) + UNCHECKED
                layer.blending, layer.opacity = "additive", 0.7
        if self.operation.name == "check_explanation":
            self._show_verdict({title.rsplit(" · ", 1)[-1]: table for title, table in shown.tables})
        self.map_tools.refresh()

    def _offer_layers(self, _: Any = None) -> None:
        """Let the form follow what is selected, unless that is a map: a map is not what is explained."""
        active = self.viewer.layers.selection.active
        if active is not None and facts_of_map(active):
            self.form.offer(list(self.viewer.layers), None)
        else:
            super()._offer_layers()

    def _follow_selection(self, event: Any) -> None:
        if event.value is None or not facts_of_map(event.value):
            super()._follow_selection(event)

    def _show_verdict(self, tables: dict[str, Any]) -> None:
        layer, self._under_check = self._under_check, None
        name = layer.name.removesuffix(UNCHECKED) if layer is not None else "Check of a map"
        show_verdict(self.viewer, name, tables["table"], tables["curves"])
        if layer is not None and layer in self.viewer.layers:
            last = tables["table"].iloc[-1]
            mark_checked(layer, "passed" if last["passed"] else f"failed {int(last['value'])} tests")

    def _show_stopped(self) -> None:
        self._under_check = None
        super()._show_stopped()

    def _show_failure(self, error: MedAIError | None) -> None:
        self._under_check = None
        super()._show_failure(error)
