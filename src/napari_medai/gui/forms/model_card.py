"""What a chosen model expects, finds and asks of its users, below the field where it is chosen."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtWidgets import QComboBox, QDialog, QLabel, QTextBrowser, QVBoxLayout, QWidget

from napari_medai.core.errors import MedAIError

_SIZE = (680, 620)
_LONGEST = 110


class ModelSummary(QLabel):
    """A few lines about the model that a list names now, and a link to its card.

    Parameters
    ----------
    combo : QComboBox
        Holds a model's name or the path of its folder.
    """

    def __init__(self, combo: QComboBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.setOpenExternalLinks(False)
        self._combo = combo
        self.linkActivated.connect(self.open_card)
        combo.currentTextChanged.connect(self.show_model)
        self.show_model(combo.currentText())

    def show_model(self, name: str) -> None:
        """Tell about another model; nothing where there is none of the name."""
        folder = folder_of(name)
        self.setVisible(folder is not None)
        if folder is not None:
            self.setText(_summary(folder))

    def open_card(self, *_: object) -> None:
        """Open the card of the model chosen now in a window."""
        folder = folder_of(self._combo.currentText())
        if folder is not None:
            CardWindow(folder, self).show()


class CardWindow(QDialog):
    """A model's card in a window: its facts, then its own README.

    Parameters
    ----------
    folder : pathlib.Path
        A model folder; its weights are not read.
    """

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        from napari_medai.models.card import model_card
        from napari_medai.models.folder import read_card
        from napari_medai.models.spec import read_spec

        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        spec = read_spec(folder / "model.json")
        self.setWindowTitle(f"{spec.name} {spec.version}")
        self.browser = _Closed()
        self.browser.setOpenExternalLinks(False)
        self.browser.setOpenLinks(False)  # a card comes from elsewhere: no picture or page of it is fetched
        self.browser.setMarkdown(model_card(spec, read_card(folder)))
        layout = QVBoxLayout(self)
        layout.addWidget(self.browser)
        self.resize(*_SIZE)


class _Closed(QTextBrowser):
    """Shows a text, and opens no file or address that it names."""

    def loadResource(self, kind: int, name: QUrl) -> None:  # noqa: N802 - Qt's own name
        """Give nothing: a picture could be a file of this machine, or of a stranger's."""


def with_summary(combo: QComboBox, field: QWidget) -> QWidget:
    """Put a summary below a field in which a model is chosen.

    Parameters
    ----------
    combo : QComboBox
        The list of models within the field.
    field : QWidget
        The whole field.
    """
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addWidget(field)
    column.addWidget(ModelSummary(combo))
    return box


def folder_of(name: str) -> Path | None:
    """Return the folder of a model by name or path."""
    from napari_medai.models.store import model_folders

    text = name.strip()
    folder = model_folders().get(text, Path(text) if text else None)
    return folder if folder is not None and (folder / "model.json").is_file() else None


def further_channels(name: str) -> tuple[str, ...]:
    """Return the names of a model's channels after the first; none where there is no such model."""
    from napari_medai.models.spec import read_spec

    folder = folder_of(name)
    if folder is None:
        return ()
    try:
        return read_spec(folder / "model.json").channels[1:]
    except MedAIError:
        return ()  # the summary says what is wrong


def _summary(folder: Path) -> str:
    """Say in a few lines what a person should know before the first use."""
    from html import escape

    from napari_medai.models.card import expects, finds
    from napari_medai.models.spec import read_spec

    try:
        spec = read_spec(folder / "model.json")
    except MedAIError as error:
        return escape(error.message)
    facts = {
        "Expects": expects(spec),
        "Finds": finds(spec),
        "Licence": spec.licence,
        "Cite": spec.citation,
    }
    lines = [f"<b>{name}</b> {escape(_shortened(text))}" for name, text in facts.items()]
    return "<small>" + "<br>".join(lines) + '<br><a href="card">The whole card</a></small>'


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"
