"""The dock "Table": every table measured in a viewer, one shown at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from napari_medai.gui.tables.region_features import keep_features
from napari_medai.gui.tables.regions import Regions
from napari_medai.gui.tables.table import TablePanel

if TYPE_CHECKING:
    import napari

DOCK = "Table"


class TableDock(QWidget):
    """The tables of a viewer, the latest on top; a list chooses another, × discards the one shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice, self.stack = QComboBox(), QStackedWidget()
        self.choice.setToolTip("The tables measured so far")
        self.choice.currentIndexChanged.connect(self.stack.setCurrentIndex)
        self.discard_button = QToolButton()
        self.discard_button.setText("×")
        self.discard_button.setToolTip("Discard this table")
        self.discard_button.clicked.connect(self.discard)
        top = QHBoxLayout()
        top.addWidget(self.choice, 1)
        top.addWidget(self.discard_button)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.stack, 1)

    @property
    def current(self) -> TablePanel | None:
        """The table that is shown."""
        widget = self.stack.currentWidget()
        return widget if isinstance(widget, TablePanel) else None

    def add(self, panel: TablePanel) -> None:
        """Add a table and show it."""
        self.stack.addWidget(panel)
        self.choice.addItem(f"{self.choice.count() + 1}  {panel.title}")
        self.choice.setCurrentIndex(self.choice.count() - 1)

    def discard(self) -> None:
        """Take the table that is shown away."""
        panel, row = self.current, self.choice.currentIndex()
        if panel is None:
            return
        self.stack.removeWidget(panel)
        panel.deleteLater()
        self.choice.removeItem(row)


def show_tables(tables: Sequence[tuple[str, Any]], regions: Regions) -> None:
    """Show new tables in the viewer's dock, and keep their values with the labels they speak of.

    Parameters
    ----------
    tables : sequence of (title, pandas.DataFrame)
        Nothing happens where there is none.
    regions : Regions
        The viewer and the layers that went in.
    """
    if not tables:
        return
    dock = table_dock(regions.viewer)
    for title, table in tables:
        dock.add(TablePanel(title, table, regions))
        for layer in regions.labels:
            keep_features(layer, table)


def table_dock(viewer: napari.viewer.Viewer) -> TableDock:
    """Return the viewer's dock of tables, made and shown where there is none yet."""
    found = viewer.window.dock_widgets.get(DOCK)
    if isinstance(found, TableDock):
        found.parent().show()
        return found
    dock = TableDock()
    viewer.window.add_dock_widget(dock, name=DOCK, area="bottom", add_vertical_stretch=False)
    return dock
