"""A curve that grows while work goes on."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QPointF
from qtpy.QtGui import QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

_HEIGHT, _MARGIN = 90, 6
_MOST_POINTS = 2000


class Curve(QWidget):
    """One number drawn over the reports that brought it.

    Parameters
    ----------
    parent : QWidget, optional
        Where it lies.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ""
        self.values: list[float] = []
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def clear(self) -> None:
        """Begin anew."""
        self.values = []
        self.update()

    def add(self, name: str, value: float) -> None:
        """Add the newest value; of very many every other one is dropped.

        Parameters
        ----------
        name : str
            What the number is.
        value : float
            The number.
        """
        self.name = name
        self.values.append(value)
        if len(self.values) > _MOST_POINTS:
            self.values = self.values[::2]
        self.setToolTip(f"{name}: {value:.3f}")
        self.update()

    def paintEvent(self, _: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the curve from its smallest to its largest value, and say the newest."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours = self.palette()
        painter.setPen(QPen(colours.mid().color(), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        if self.values:
            painter.setPen(QPen(colours.text().color(), 1))
            line = f"{self.name} {self.values[-1]:.3f}"
            painter.drawText(_MARGIN, _MARGIN + painter.fontMetrics().ascent(), line)
        if len(self.values) > 1:
            painter.setPen(QPen(colours.highlight().color(), 2))
            painter.drawPolyline(QPolygonF(self.points()))
        painter.end()

    def points(self) -> list[QPointF]:
        """Return where each value is drawn."""
        low, high = min(self.values), max(self.values)
        wide, tall = self.width() - 2 * _MARGIN, self.height() - 2 * _MARGIN
        across = wide / (len(self.values) - 1)
        up = tall / (high - low) if high > low else 0.0
        return [
            QPointF(_MARGIN + i * across, _MARGIN + tall - (value - low) * up)
            for i, value in enumerate(self.values)
        ]
