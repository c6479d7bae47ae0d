"""The verdict on a map, shown beside it: the tests, the curves, and a button to keep them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_medai.explain.verdict import ABOUT, curve_plots, verdict_table, write_verdict

if TYPE_CHECKING:
    import napari

WIDTH = 450
DOCK = "Verdict on the map"


class VerdictPanel(QScrollArea):
    """One verdict.

    Parameters
    ----------
    title : str
        What was checked.
    table, curves : pandas.DataFrame
        Of an ``ExplanationCheck``.
    """

    def __init__(self, title: str, table: Any, curves: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title, self.table, self.curves = title, table, curves
        self.save_button = QPushButton("Save as HTML …")
        self.save_button.clicked.connect(self._choose_file)
        content = QWidget()
        column = QVBoxLayout(content)
        column.addWidget(_words(f"<b>{title}</b>{_coloured(verdict_table(table, notes=False))}"))
        for svg in curve_plots(curves).values():
            label = QLabel()
            label.setPixmap(_drawn(svg))
            column.addWidget(label)
        column.addWidget(_words(ABOUT))
        column.addWidget(self.save_button)
        column.addStretch()
        self.setMinimumWidth(WIDTH)
        self.setWidgetResizable(True)
        self.setWidget(content)

    def save(self, path: str | Path) -> None:
        """Write the verdict as an HTML page."""
        write_verdict(self.table, self.curves, path, self.title)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the verdict", "verdict.html", "HTML (*.html)")
        if path:
            self.save(path)


def show_verdict(viewer: napari.viewer.Viewer, title: str, table: Any, curves: Any) -> VerdictPanel:
    """Show a verdict in a dock at the right, in the place of the one before."""
    old = viewer.window.dock_widgets.get(DOCK)
    if old is not None:
        viewer.window.remove_dock_widget(old)
    panel = VerdictPanel(title, table, curves)
    viewer.window.add_dock_widget(panel, name=DOCK, area="right", tabify=True)
    return panel


def _words(html: str) -> QLabel:
    label = QLabel(html)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setWordWrap(True)
    return label


def _coloured(html: str) -> str:
    """Colour what Qt's rich text does not by classes, and make room between columns."""
    coloured = html.replace("class='yes'", "style='color:#3fa45b'").replace(
        "class='no'", "style='color:#e0605a'"
    )
    return coloured.replace("<table>", "<table cellpadding='2'>")


def _drawn(svg: str) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    picture = QPixmap(renderer.defaultSize())
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    renderer.render(painter)
    painter.end()
    return picture
