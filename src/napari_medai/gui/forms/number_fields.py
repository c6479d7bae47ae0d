"""Fields for numbers, with their limits and the unit behind them."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QHBoxLayout, QSpinBox, QWidget

from napari_medai.core.parameter import Parameter
from napari_medai.gui.forms.field import Field

_LARGEST_INT = 2**31 - 1
_LARGEST = 1e12
_DECIMALS = 9
_JUST_ABOVE = 1e-6


class NumberBox(QDoubleSpinBox):
    """A spin box for any real number: shows as many digits as the value has, steps by its size."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(_DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setRange(-_LARGEST, _LARGEST)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        """Write a value without trailing zeros."""
        return str(self.locale().toString(float(value), "g", 10))


def whole_number(parameter: Parameter) -> Field:
    """Make a box for an integer."""
    box = QSpinBox()
    low = -_LARGEST_INT if parameter.minimum is None else int(parameter.minimum) + parameter.excludes_minimum
    high = _LARGEST_INT if parameter.maximum is None else int(parameter.maximum) - parameter.excludes_maximum
    box.setRange(max(low, -_LARGEST_INT), min(high, _LARGEST_INT))
    _tidy(box, parameter)
    return Field(box, box.value, lambda value: box.setValue(int(value)))


def number(parameter: Parameter) -> Field:
    """Make a box for a real number."""
    box = NumberBox()
    if parameter.minimum is not None:
        box.setMinimum(parameter.minimum + _JUST_ABOVE * parameter.excludes_minimum)
    if parameter.maximum is not None:
        box.setMaximum(parameter.maximum - _JUST_ABOVE * parameter.excludes_maximum)
    _tidy(box, parameter)
    return Field(box, box.value, lambda value: box.setValue(float(value)), box.valueChanged)


def numbers(parameter: Parameter, count: int) -> Field:
    """Make a row of boxes for a tuple of ``count`` real numbers."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    boxes = [NumberBox() for _ in range(count)]
    for box in boxes:
        _tidy(box, parameter)
        layout.addWidget(box)

    def put(values: Any) -> None:
        for box, value in zip(boxes, values, strict=True):
            box.setValue(float(value))

    return Field(row, lambda: tuple(box.value() for box in boxes), put)


def _tidy(box: Any, parameter: Parameter) -> None:
    box.setKeyboardTracking(False)
    if parameter.unit:
        box.setSuffix(f" {parameter.unit}")


def show_unit(widget: QWidget, unit: str) -> None:
    """Show another unit behind the numbers of a field that shows one."""
    for box in (widget, *widget.findChildren(QAbstractSpinBox)):
        if isinstance(box, (QSpinBox, QDoubleSpinBox)) and box.suffix():
            box.setSuffix(f" {unit}")
