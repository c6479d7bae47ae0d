"""The field of a form that fits an option, found from its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QWidget,
)

from napari_medai.core.errors import ArgumentError
from napari_medai.core.parameter import Parameter
from napari_medai.gui.forms.field import Field
from napari_medai.gui.forms.model_card import with_summary
from napari_medai.gui.forms.number_fields import number, numbers, whole_number

DEVICES = ("auto", "cpu", "cuda", "mps")
_ROWS_SHOWN = 6


def make_field(parameter: Parameter) -> Field:
    """Make the field for one option, showing its default.

    Parameters
    ----------
    parameter : Parameter
        An option of an operation.
    """
    field = _optional(parameter) if parameter.optional else _plain(parameter)
    if not parameter.required:
        field.set(parameter.default)
    return field


def _plain(parameter: Parameter) -> Field:
    kind = parameter.value_type
    if parameter.choices:
        return _choice(parameter)
    if _takes_model(parameter):
        return _model()
    if parameter.name == "device":
        return _editable_choice(list(DEVICES))
    if parameter.types == (bool,):
        return _checkbox()
    if parameter.types == (int,):
        return whole_number(parameter)
    if set(parameter.types) <= {int, float}:
        return number(parameter)
    if kind is Path or any(_is_object(t) for t in parameter.types):
        return _path(parameter)
    if len(parameter.types) == 1 and _fixed_numbers(kind):
        return numbers(parameter, len(get_args(kind)))
    if len(parameter.types) == 1 and _several_choices(kind):
        return _ticks(_several_choices(kind))
    return _text(parameter)


def _optional(parameter: Parameter) -> Field:
    """Put a check box before a field: not checked means ``None``."""
    inner = _plain(parameter)
    box = QWidget()
    check = QCheckBox()
    check.setToolTip("Not ticked: left to the operation.")
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(check)
    row.addWidget(inner.widget, 1)
    check.toggled.connect(inner.widget.setEnabled)
    inner.widget.setEnabled(False)

    def put(value: Any) -> None:
        check.setChecked(value is not None)
        if value is not None:
            inner.set(value)

    return Field(box, lambda: inner.get() if check.isChecked() else None, put)


def _choice(parameter: Parameter) -> Field:
    combo = QComboBox()
    combo.setMinimumContentsLength(8)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    for choice in parameter.choices:
        combo.addItem(str(choice).replace("_", " "), choice)
    return Field(
        combo,
        combo.currentData,
        lambda value: combo.setCurrentIndex(parameter.choices.index(value)),
        combo.currentIndexChanged,
    )


def _editable_choice(words: list[str]) -> Field:
    combo = QComboBox()
    combo.setEditable(True)
    combo.addItems(words)
    return Field(combo, lambda: combo.currentText().strip(), lambda value: combo.setCurrentText(str(value)))


def _model() -> Field:
    """A list of the models at hand, and a button for a folder that holds another."""
    from napari_medai.models.store import list_models

    combo = QComboBox()
    combo.setEditable(True)
    for name, spec in list_models().items():
        combo.addItem(name)
        combo.setItemData(combo.count() - 1, _about(spec), 3)
    box, button = _with_button(combo, "…", "Choose a model folder")

    def browse() -> None:
        folder = QFileDialog.getExistingDirectory(box, "Choose a model folder")
        if folder:
            combo.setCurrentText(folder)

    button.clicked.connect(browse)
    field = with_summary(combo, box)
    return Field(
        field,
        lambda: combo.currentText().strip(),
        lambda value: combo.setCurrentText(str(value)),
        combo.currentTextChanged,
    )


def _about(spec: Any) -> str:
    facts = [getattr(spec, name, "") for name in ("title", "description", "licence")]
    return "\n".join(str(fact) for fact in facts if fact)


def _ticks(choices: tuple[Any, ...]) -> Field:
    """A list of choices of which several can be ticked."""
    rows = QListWidget()
    for choice in choices:
        item = QListWidgetItem(str(choice).replace("_", " "), rows)
        item.setCheckState(Qt.CheckState.Unchecked)
    rows.setMaximumHeight(_ROWS_SHOWN * rows.sizeHintForRow(0))

    def get() -> tuple[Any, ...]:
        return tuple(c for i, c in enumerate(choices) if rows.item(i).checkState() == Qt.CheckState.Checked)

    def put(values: Any) -> None:
        for i, choice in enumerate(choices):
            state = Qt.CheckState.Checked if choice in values else Qt.CheckState.Unchecked
            rows.item(i).setCheckState(state)

    return Field(rows, get, put)


def _checkbox() -> Field:
    check = QCheckBox()
    return Field(check, check.isChecked, lambda value: check.setChecked(bool(value)), check.toggled)


def _path(parameter: Parameter) -> Field:
    line = QLineEdit()
    box, button = _with_button(line, "…", "Choose on the disk")
    folder = any(word in parameter.name for word in ("folder", "directory", "out"))

    def browse() -> None:
        if folder:
            chosen = QFileDialog.getExistingDirectory(box, parameter.label)
        else:
            chosen = QFileDialog.getOpenFileName(box, parameter.label)[0]
        if chosen:
            line.setText(chosen)

    def get() -> Path:
        if not line.text().strip():
            raise ArgumentError(f"{parameter.label}: nothing is chosen.", hint="Choose it with the … button.")
        return Path(line.text().strip()).expanduser()

    button.clicked.connect(browse)
    return Field(box, get, lambda value: line.setText(str(value)))


def _text(parameter: Parameter) -> Field:
    """A line of text: words, or numbers with commas between them; JSON for anything deeper."""
    line = QLineEdit()
    several = any(get_origin(t) in (tuple, list) for t in parameter.types)
    numeric = several or any(t in (int, float) for t in parameter.types)
    if several:
        line.setPlaceholderText("numbers with commas between them")

    def get() -> Any:
        text = line.text().strip()
        return _parsed(parameter, text, several) if numeric else text

    return Field(line, get, lambda value: line.setText(_as_text(value)))


def _parsed(parameter: Parameter, text: str, several: bool) -> Any:
    if text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ArgumentError(
                f"{parameter.label}: found {text!r}, which is not JSON: {error.msg}."
            ) from error
    words = [word.strip() for word in text.split(",") if word.strip()]
    values = [_number_or_word(word) for word in words]
    return tuple(values) if several or len(values) != 1 else values[0]


def _number_or_word(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _as_text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        flat = all(isinstance(v, (int, float, str)) for v in value)
        return (
            ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value)
            if flat
            else json.dumps(value)
        )
    return f"{value:g}" if isinstance(value, float) else str(value)


def _fixed_numbers(kind: Any) -> bool:
    inner = [_bare(a) for a in get_args(kind)]
    return get_origin(kind) is tuple and len(inner) in (2, 3) and all(a is float for a in inner)


def _several_choices(kind: Any) -> tuple[Any, ...]:
    """Return the choices of a tuple of any length whose entries are a ``Literal``."""
    inner = [_bare(a) for a in get_args(kind)]
    if get_origin(kind) is not tuple or len(inner) != 2 or inner[1] is not Ellipsis:
        return ()
    return get_args(inner[0]) if get_origin(inner[0]) is Literal else ()


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_object(kind: Any) -> bool:
    """Tell whether a type is one of the package's own classes, which a file holds."""
    return isinstance(kind, type) and kind.__module__.startswith("napari_medai.")


def _takes_model(parameter: Parameter) -> bool:
    return any(getattr(t, "__module__", "").startswith("napari_medai.models") for t in parameter.types)


def _with_button(widget: QWidget, text: str, tooltip: str) -> tuple[QWidget, QToolButton]:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    row.addWidget(widget, 1)
    row.addWidget(button)
    return box, button
