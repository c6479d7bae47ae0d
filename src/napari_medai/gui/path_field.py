"""A path to type, or to choose from a menu of dialogs."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget


class PathField(QWidget):
    """A path to type, or to choose.

    Parameters
    ----------
    choices : mapping of str to callable
        What a menu offers: a label, and a dialog that returns a path or nothing.
    tooltip : str
        What belongs here.
    """

    def __init__(self, choices: dict[str, Callable[[QWidget], str]], tooltip: str) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.line.setToolTip(tooltip)
        button = QToolButton()
        button.setText("…")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(button)
        if len(choices) == 1:
            (ask,) = choices.values()
            button.clicked.connect(lambda: self._choose(ask))
        else:
            menu = QMenu(button)
            for label, ask in choices.items():
                menu.addAction(label, lambda ask=ask: self._choose(ask))
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    @property
    def path(self) -> str:
        """What stands in the line."""
        return str(self.line.text()).strip()

    def _choose(self, ask: Callable[[QWidget], str]) -> None:
        path = ask(self)
        if path:
            self.line.setText(path)


def ask_file(title: str, kinds: str) -> Callable[[QWidget], str]:
    """Return a dialog for an existing file."""
    return lambda parent: QFileDialog.getOpenFileName(parent, title, "", kinds)[0]


def ask_folder(title: str) -> Callable[[QWidget], str]:
    """Return a dialog for a folder."""
    return lambda parent: QFileDialog.getExistingDirectory(parent, title)
