"""The study tree of a scan: patients, studies, series and images, to be ticked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_medai.gui.dicom.scan import Found
from napari_medai.io.dicom.scan import Series
from napari_medai.io.dicom.stack import Stack

_STACK = Qt.ItemDataRole.UserRole
_HEADER = Qt.ItemDataRole.UserRole + 1
_PICTURE_SIZE = QSize(56, 56)
_UNCHECKED, _CHECKED = Qt.CheckState.Unchecked, Qt.CheckState.Checked


class StudyTree(QTreeWidget):
    """Patients by number, their studies, series and images; a tick chooses what to load."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setHeaderLabels(["Series and images", "Size"])
        self.setIconSize(_PICTURE_SIZE)
        self.setUniformRowHeights(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.header().setStretchLastSection(False)

    def show_scan(self, found: Found) -> None:
        """Show what was found, all unticked; a lone image is ticked."""
        self.clear()
        for patient in found.patients:
            top = _item(self, patient.title, "")
            for study in patient.studies:
                words = " ".join(part for part in (_date(study.date), study.description) if part)
                branch = _item(top, words or "Study", "")
                for series in study.series:
                    self._add_series(branch, series)
        self.expandAll()
        images = list(self._images())
        if len(images) == 1:
            images[0].setCheckState(0, _CHECKED)

    def chosen(self) -> list[Stack]:
        """Return the images that are ticked, in the tree's order."""
        return [item.data(0, _STACK) for item in self._images() if item.checkState(0) == _CHECKED]

    def headers(self) -> list[Any]:
        """Return a header of each selected row that has one: its first image's, of the middle slice."""
        found = [item.data(0, _HEADER) for item in self.selectedItems()]
        return [header for header in found if header is not None]

    def stacks(self) -> list[Stack]:
        """Return every image of the tree."""
        return [item.data(0, _STACK) for item in self._images()]

    def show_identity(self, titles: list[str]) -> None:
        """Name the patients by these titles."""
        for index, title in enumerate(titles):
            self.topLevelItem(index).setText(0, title)

    def show_picture(self, index: int, picture: QImage) -> None:
        """Show a thumbnail beside the image of this number."""
        for number, item in enumerate(self._images()):
            if number == index:
                item.setIcon(0, QIcon(QPixmap.fromImage(picture)))

    def _add_series(self, branch: QTreeWidgetItem, series: Series) -> None:
        number = f"{series.number}  " if series.number else ""
        title = f"{number}{series.name}  ({series.modality})"
        row = _item(branch, title, f"{len(series.headers)} files")
        row.setData(0, _HEADER, series.headers[len(series.headers) // 2])
        if series.problem:
            row.setText(1, "not readable")
            row.setToolTip(0, str(series.problem))
            return
        row.setFlags(row.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate)
        for stack in series.stacks:
            _add_image(row, stack)

    def _images(self) -> Iterator[QTreeWidgetItem]:
        rows = [self.topLevelItem(i) for i in range(self.topLevelItemCount())]
        while rows:
            row = rows.pop(0)
            if row.data(0, _STACK) is not None:
                yield row
            rows = [row.child(i) for i in range(row.childCount())] + rows


def _add_image(row: QTreeWidgetItem, stack: Stack) -> None:
    item = _item(row, stack.name, _size(stack))
    item.setData(0, _STACK, stack)
    item.setData(0, _HEADER, stack.volumes[0][len(stack.volumes[0]) // 2].header)
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(0, _UNCHECKED)
    item.setToolTip(0, "\n".join(stack.notices) or stack.name)


def _item(parent: Any, title: str, size: str) -> QTreeWidgetItem:
    return QTreeWidgetItem(parent, [title, size])


def _size(stack: Stack) -> str:
    """Return volumes, slices, rows and columns, without those that are one."""
    first = stack.first
    counts = [len(stack.volumes), len(stack.volumes[0]), first.rows, first.columns]
    return " × ".join(str(n) for n in (*[n for n in counts[:2] if n > 1], *counts[2:]))


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text
