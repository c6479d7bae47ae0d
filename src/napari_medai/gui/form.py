"""The form of an operation, made from its signature and docstring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from napari_medai.core.operation import Operation
from napari_medai.core.parameter import Parameter
from napari_medai.core.transform import SpatialTransform
from napari_medai.gui.facts import finest_spacing, modality_of, unit_on
from napari_medai.gui.forms.channels import ChannelsPicker
from napari_medai.gui.forms.field import Field
from napari_medai.gui.forms.fields import make_field
from napari_medai.gui.forms.number_fields import show_unit
from napari_medai.gui.forms.pickers import LayerPicker, LayersPicker
from napari_medai.gui.forms.transform_picker import TransformPicker

Picker = LayerPicker | LayersPicker | ChannelsPicker | TransformPicker
_FEW = 2
"""More inputs that may be left out than this are folded away."""


class OperationForm(QWidget):
    """Layer pickers and option fields of one operation.

    Parameters
    ----------
    operation : Operation
        What the form is for.
    """

    def __init__(self, operation: Operation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.operation = operation
        self.pickers: dict[str, Picker] = {p.name: _picker(p) for p in operation.inputs}
        self.fields: dict[str, Field] = {p.name: make_field(p) for p in operation.options}
        self._labels: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        spare = [p for p in operation.inputs if p.optional]
        folded = spare if len(spare) > _FEW else []
        shown = [p for p in operation.parameters if not p.advanced and p not in folded]
        layout.addLayout(self._rows(shown))
        self._suggested: dict[str, Any] = {}
        self.more_inputs = self._folded("More inputs", folded)
        self.advanced = self._folded("Advanced", [p for p in operation.parameters if p.advanced])
        for part in (self.more_inputs, self.advanced):
            if part is not None:
                layout.addWidget(part)
        primary = self.primary
        if primary is not None:
            primary.changed.connect(self._adapt)
        self._relate()

    @property
    def primary(self) -> Picker | None:
        """The picker of the first input, next to which the result goes."""
        return next(iter(self.pickers.values()), None)

    def offer(self, layers: list[Any], active: Any = None) -> None:
        """Fill the layer pickers.

        Parameters
        ----------
        layers : list of napari layers
            As napari keeps them, the bottom one first.
        active : napari layer, optional
            Chosen for the first input that it fits.
        """
        for picker in self.pickers.values():
            picker.offer(layers)
        self.follow(active)
        self._spread()
        self._adapt()

    def follow(self, active: Any) -> None:
        """Choose the layer a person has just selected for the first input that it fits."""
        for picker in self.pickers.values():
            if isinstance(picker, LayerPicker) and not picker.parameter.optional and picker.offers(active):
                picker.choose(active)
                return

    def layers(self) -> dict[str, Any]:
        """Return the chosen layer of each input.

        Raises
        ------
        ArgumentError
            If an input that is needed has none.
        """
        return {name: picker.value() for name, picker in self.pickers.items()}

    def values(self) -> dict[str, Any]:
        """Return the value of each option; the operation itself checks them.

        Raises
        ------
        ArgumentError
            If a text is not what its field needs.
        """
        return {name: field.get() for name, field in self.fields.items()}

    def show_row(self, name: str, shown: bool) -> None:
        """Show or hide one input or option with its name."""
        widget = self.pickers[name] if name in self.pickers else self.fields[name].widget
        for part in (self._labels[name], widget):
            part.setVisible(shown)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values of options; others stay as they are."""
        for name, value in values.items():
            self.fields[name].set(value)

    def reset(self) -> None:
        """Show the defaults again."""
        self.set_values({p.name: p.default for p in self.operation.options if not p.required})

    def _adapt(self) -> None:
        """Fit units and suggestions to the chosen layer; what a person has set stays."""
        layer = self.primary.layer() if isinstance(self.primary, LayerPicker) else None
        if layer is None or not hasattr(layer, "units"):
            return
        for parameter in self.operation.options:
            unit = parameter.unit if parameter.calibrates else unit_on(layer, parameter.unit)
            show_unit(self.fields[parameter.name].widget, unit)
        for name, value in self._fitting(layer).items():
            parameter = next(p for p in self.operation.options if p.name == name)
            if self.fields[name].get() == self._suggested.get(name, parameter.default):
                self._suggested[name] = value
                self.fields[name].set(value)

    def _fitting(self, layer: Any) -> dict[str, Any]:
        """Return what suits a layer better than the defaults: its spacing, and what is for its modality."""
        modality = modality_of(layer)
        found = {
            p.name: p.for_modality.get(modality, p.default) for p in self.operation.options if p.for_modality
        }
        spacing = next((p for p in self.operation.options if p.name == "spacing_mm"), None)
        if spacing is not None and isinstance(spacing.default, tuple):
            found["spacing_mm"] = finest_spacing(layer)
        return found

    def _relate(self) -> None:
        """Let the fields that depend on another one come and go with its value."""
        for other in {p.when.option for p in self.operation.options if p.when is not None}:
            changed = self.fields[other].changed
            if changed is not None:
                changed.connect(self._show_what_matters)
        self._show_what_matters()

    def _show_what_matters(self, _: Any = None) -> None:
        for parameter in self.operation.options:
            when = parameter.when
            if when is not None:
                matters = self.fields[when.option].get() in when.values
                self._labels[parameter.name].setVisible(matters)
                self.fields[parameter.name].widget.setVisible(matters)

    def _rows(self, parameters: list[Parameter]) -> QFormLayout:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for parameter in parameters:
            name = parameter.name
            widget = self.pickers[name] if name in self.pickers else self.fields[name].widget
            label = self._labels[name] = QLabel(parameter.label)
            for part in (label, widget):
                part.setToolTip(tooltip(parameter))
            rows.addRow(label, widget)
        return rows

    def _folded(self, title: str, parameters: list[Parameter]) -> Folded | None:
        return Folded(title, self._rows(parameters)) if parameters else None

    def _spread(self) -> None:
        """Give two inputs of one kind different layers, while nobody has chosen otherwise."""
        taken: list[Any] = []
        for picker in self._single_pickers():
            layer = picker.layer()
            if layer is not None and layer in taken and not picker.chosen_by_hand:
                picker.choose_other(taken)
            taken.append(picker.layer())

    def _single_pickers(self) -> Iterator[LayerPicker]:
        return (p for p in self.pickers.values() if isinstance(p, LayerPicker))


class Folded(QWidget):
    """Fields behind a button that opens and closes them.

    Parameters
    ----------
    title : str
        What the button says.
    rows : QFormLayout
        The fields; closed at first.
    """

    def __init__(self, title: str, rows: QFormLayout) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.toggled.connect(self.open)
        self.content = QWidget()
        self.content.setLayout(rows)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.content)
        self.open(False)

    def open(self, opened: bool = True) -> None:
        """Show or hide the fields."""
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self.content.setVisible(opened)


def tooltip(parameter: Parameter) -> str:
    """Say what a parameter is and which values it may have, as wrapping rich text."""
    from html import escape

    facts = escape(parameter.description.replace("``", "")) or escape(parameter.label)
    limits = _limits(parameter)
    return f"<p>{facts}</p>{f'<p><i>{escape(limits)}</i></p>' if limits else ''}"


def _limits(parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    parts = []
    if parameter.minimum is not None:
        parts.append(
            f"{'more than' if parameter.excludes_minimum else 'at least'} {parameter.minimum:g}{unit}"
        )
    if parameter.maximum is not None:
        parts.append(
            f"{'less than' if parameter.excludes_maximum else 'at most'} {parameter.maximum:g}{unit}"
        )
    return ", ".join(parts)


def _picker(parameter: Parameter) -> Picker:
    if parameter.input_type is SpatialTransform:
        return TransformPicker(parameter)
    if parameter.name == "channels":
        return ChannelsPicker(parameter)
    return LayersPicker(parameter) if parameter.many else LayerPicker(parameter)
