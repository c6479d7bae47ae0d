"""The reference page of an operation, in a window."""

from __future__ import annotations

from qtpy.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

from napari_medai.core.operation import Operation
from napari_medai.core.reference import operation_page

_SIZE = (760, 640)
_LINES = "table { border-collapse: collapse; } td, th { padding: 3px 6px; }"


class HelpPage(QDialog):
    """A window with what an operation does, its settings and sources: its section of ``docs/reference``.

    Parameters
    ----------
    operation : Operation
        What the page is about.
    """

    def __init__(self, operation: Operation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(operation.title)
        self.browser = QTextBrowser()
        self.browser.setOpenExternalLinks(False)
        self.browser.document().setDefaultStyleSheet(_LINES)
        self.browser.setMarkdown(operation_page(operation))
        layout = QVBoxLayout(self)
        layout.addWidget(self.browser)
        self.resize(*_SIZE)
