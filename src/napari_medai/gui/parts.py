"""Small widgets that panels are put together from."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from napari_medai.gui.activity import TICKS


def button(text: str, tooltip: str) -> QPushButton:
    """Return a button that says what it does."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    return made


def in_row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side, without a margin of their own."""
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return box


def words(text: str = "", selectable: bool = False) -> QLabel:
    """Return a text that is wrapped to the panel's width."""
    label = QLabel(text)
    label.setWordWrap(True)
    if selectable:
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def hidden_bar() -> QProgressBar:
    """Return a bar of ``TICKS`` steps that is shown while work is under way."""
    bar = QProgressBar()
    bar.setRange(0, TICKS)
    bar.setTextVisible(False)
    bar.setVisible(False)
    return bar


def keep_narrow(box: QComboBox, characters: int = 8) -> None:
    """Let a box be narrower than its longest entry, which would widen the whole panel."""
    box.setMinimumContentsLength(characters)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
