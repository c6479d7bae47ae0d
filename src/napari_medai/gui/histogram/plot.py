"""A histogram drawn as curves, with two lines that can be dragged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPolygonF
from qtpy.QtWidgets import QWidget

COLOURS = ("#7aa6da", "#e78c45", "#8abd5b", "#c678dd", "#d9bf4e", "#59c2c9", "#d75f5f", "#a08672")
_MARGIN, _FOOT, _GRIP = 8, 18, 8


@dataclass(frozen=True)
class Curve:
    """How often intensities occur in one region.

    Parameters
    ----------
    name : str
        Of the region.
    edges : (N + 1,) ndarray
        Of the bins.
    counts : (N,) ndarray
        In each bin.
    """

    name: str
    edges: NDArray[np.float64]
    counts: NDArray[np.float64]


class HistogramPlot(QWidget):
    """Curves over intensities; two lines show the contrast limits and set them when dragged.

    Signals
    -------
    dragged(float, float)
        The new limits, while a line is moved.
    """

    dragged = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: tuple[Curve, ...] = ()
        self.limits: tuple[float, float] | None = None
        self.log_scale = True
        self._held: int | None = None
        self.setMinimumHeight(140)
        self.setMaximumHeight(320)
        self.setMouseTracking(True)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Draw these curves, all on the same range of intensities."""
        self.curves = tuple(curves)
        self.update()

    def show_limits(self, limits: tuple[float, float] | None) -> None:
        """Draw the two lines here; none where there are no limits."""
        self.limits = None if limits is None else (float(limits[0]), float(limits[1]))
        self.update()

    def show_log(self, log_scale: bool) -> None:
        """Draw the logarithm of the counts, or the counts."""
        self.log_scale = log_scale
        self.update()

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest intensity drawn."""
        if not self.curves:
            return (0.0, 1.0)
        edges = self.curves[0].edges
        return float(edges[0]), float(edges[-1])

    def place_of(self, value: float) -> float:
        """Return where across the widget an intensity is drawn; beyond the range, at its end."""
        low, high = self.range
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return float(_MARGIN + share * (self.width() - 2 * _MARGIN))

    def value_at(self, place: float) -> float:
        """Return the intensity drawn at a place across the widget."""
        low, high = self.range
        share = min(max((place - _MARGIN) / max(self.width() - 2 * _MARGIN, 1), 0.0), 1.0)
        return float(low + share * (high - low))

    def paintEvent(self, _event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the curves, the lines and the ends of the range."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = max((self._heights(curve).max(initial=0.0) for curve in self.curves), default=0.0)
        for number, curve in enumerate(self.curves):
            self._draw(painter, curve, top, COLOURS[number % len(COLOURS)])
        painter.setPen(self.palette().text().color())
        for limit in self.limits or ():
            place = int(self.place_of(limit))
            painter.drawLine(place, 0, place, self.height() - _FOOT)
        ends = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
        for value, side in zip(self.range, ends, strict=True):
            painter.drawText(self.rect(), side | Qt.AlignmentFlag.AlignBottom, f"{value:.5g}")
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of the line under the pointer."""
        self._held = self._line_at(event.pos().x())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move the line that is held; the two never pass one another."""
        place = event.pos().x()
        over = self._held if self._held is not None else self._line_at(place)
        self.setCursor(Qt.CursorShape.ArrowCursor if over is None else Qt.CursorShape.SizeHorCursor)
        if self._held is None or self.limits is None:
            return
        low, high = self.limits
        least = (self.range[1] - self.range[0]) / 1000
        value = self.value_at(place)
        moved = (min(value, high - least), high) if self._held == 0 else (low, max(value, low + least))
        self.show_limits(moved)
        self.dragged.emit(*moved)

    def mouseReleaseEvent(self, _event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go of the line."""
        self._held = None

    def _line_at(self, place: float) -> int | None:
        if self.limits is None or not self.curves:
            return None
        gaps = [abs(self.place_of(limit) - place) for limit in self.limits]
        nearest = 0 if gaps[0] < gaps[1] else 1
        return nearest if gaps[nearest] <= _GRIP else None

    def _heights(self, curve: Curve) -> NDArray[np.float64]:
        return np.asarray(np.log10(1 + curve.counts) if self.log_scale else curve.counts, dtype=float)

    def _draw(self, painter: QPainter, curve: Curve, top: float, colour: str) -> None:
        base = self.height() - _FOOT
        heights = base - self._heights(curve) / (top or 1.0) * (base - 4)
        points = [QPointF(self.place_of(float(curve.edges[0])), base)]
        for left, right, height in zip(curve.edges[:-1], curve.edges[1:], heights, strict=True):
            points += [QPointF(self.place_of(left), height), QPointF(self.place_of(right), height)]
        points.append(QPointF(self.place_of(float(curve.edges[-1])), base))
        fill = QColor(colour)
        painter.setPen(fill)
        fill.setAlpha(90)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(points))
