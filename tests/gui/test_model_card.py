"""What a person reads of a model before its first use."""

from dataclasses import replace

import pytest
from qtpy.QtCore import QUrl
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QComboBox, QTextBrowser
from small_models import random_model

from napari_medai.gui.forms.model_card import CardWindow, ModelSummary
from napari_medai.models import save_folder
from napari_medai.models.store import model_folders


@pytest.fixture
def summary(qtbot):
    """The summary below a list of models."""
    combo = QComboBox()
    combo.setEditable(True)
    combo.addItems(["vessels-2d", "phantom-3d"])
    qtbot.addWidget(combo)
    summary = ModelSummary(combo)
    qtbot.addWidget(summary)
    return combo, summary


def test_the_summary_follows_the_list(summary, tmp_path):
    combo, label = summary
    assert "vessel" in label.text()
    assert "CC-BY-4.0" in label.text()
    combo.setCurrentText("phantom-3d")
    assert "liver" in label.text()
    assert "BSD-3-Clause" in label.text()
    combo.setCurrentText("no such model")
    assert label.isHidden()
    save_folder(random_model(licence="<b>Mine</b>"), tmp_path / "own")
    combo.setCurrentText(str(tmp_path / "own"))
    assert not label.isHidden()
    assert "&lt;b&gt;Mine" in label.text()
    (tmp_path / "own" / "model.json").write_text("{")
    combo.setCurrentText("")
    combo.setCurrentText(str(tmp_path / "own"))
    assert "not valid JSON" in label.text()


def test_the_link_opens_the_whole_card(summary, qtbot):
    _, label = summary
    label.open_card()
    window = label.findChild(CardWindow)
    text = window.findChild(QTextBrowser).toPlainText()
    for expected in ("vessels-2d 1.0.0", "Licence:", "CHASE_DB1", "Not a medical device"):
        assert expected in text
    window.close()


def test_a_card_fetches_nothing(qtbot):
    window = CardWindow(model_folders()["phantom-3d"])
    qtbot.addWidget(window)
    assert not window.browser.openLinks()


def test_a_card_shows_no_file_of_this_machine(qtbot, tmp_path):
    picture = tmp_path / "private.png"
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(0)
    assert image.save(str(picture))
    model = replace(random_model(), card=f"# tiny\n\n![here]({picture.as_uri()})\n")
    save_folder(model, tmp_path / "own")
    window = CardWindow(tmp_path / "own")
    qtbot.addWidget(window)
    url = QUrl(picture.as_uri())
    assert QTextBrowser().loadResource(2, url)
    assert window.browser.loadResource(2, url) is None
