"""The DICOM browser, clicked through: look, tick, load, read and compare tags, identity hidden."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from dicom_files import counted, save, slice_dataset, write_series
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_medai.gui.dicom.browser import DicomBrowser

LEFT = Qt.MouseButton.LeftButton
WAIT_MS = 30000


@pytest.fixture
def folder(tmp_path):
    """Two series of one patient and a radiograph of another."""
    disc = tmp_path / "disc"
    write_series(disc / "a", counted((4, 8, 10)), series="thorax", WindowCenter=40, WindowWidth=400)
    write_series(disc / "b", counted((3, 6, 6)), series="knee", modality="MR")
    other = slice_dataset(counted((9, 9)), series="hand", modality="CR")
    other.PatientName, other.PatientID, other.StudyInstanceUID = "Other^Person", "77", "1.2.3.4"
    save(other, disc / "c.dcm")
    (disc / "notes.txt").write_text("no image")
    return disc


@pytest.fixture
def browser(make_napari_viewer, qtbot):
    panel = DicomBrowser(make_napari_viewer())
    qtbot.addWidget(panel)
    return panel


def look(browser, qtbot, path):
    browser.source.line.setText(str(path))
    with qtbot.waitSignal(browser.runner.finished, timeout=WAIT_MS):
        qtbot.mouseClick(browser.look_button, LEFT)
    qtbot.waitUntil(lambda: not browser.painter.running, timeout=WAIT_MS)


def rows(tree):
    found, items = [], [tree.topLevelItem(i) for i in range(tree.topLevelItemCount())]
    while items:
        item = items.pop(0)
        found.append(item)
        items = [item.child(i) for i in range(item.childCount())] + items
    return found


def row(browser, text):
    return next(
        item for item in rows(browser.tree) if item.text(0).startswith(text) and not item.childCount()
    )


def test_the_tree_shows_patients_by_number_with_studies_series_and_images(browser, qtbot, folder):
    look(browser, qtbot, folder)
    titles = [item.text(0) for item in rows(browser.tree)]
    assert [t for t in titles if t.startswith("Patient")] == ["Patient 1", "Patient 2"]
    assert sum("thorax" in t for t in titles) == 2
    assert row(browser, "thorax").text(1) == "4 × 8 × 10"
    assert "1 files are no DICOM images" in browser.status.text()
    assert not any("Secret" in t or "Other" in t for t in titles)
    assert not row(browser, "thorax").icon(0).isNull()


def test_the_tree_and_the_command_line_tell_of_the_same_images(browser, qtbot, folder):
    from napari_medai.io.describe import describe

    look(browser, qtbot, folder)
    assert sorted(s.name for s in browser.tree.stacks()) == sorted(d.name for d in describe(folder))


def test_identity_is_shown_only_to_who_asks(browser, qtbot, folder):
    look(browser, qtbot, folder)
    row(browser, "thorax").setSelected(True)
    shown = browser.tags.model.table
    assert "Secret^Name" not in set(shown["Value"])
    assert shown.loc[shown["Name"] == "Patient's Name", "Value"].tolist() == ["(hidden)"]
    qtbot.mouseClick(browser.identity, LEFT, pos=QPoint(8, browser.identity.height() // 2))
    assert browser.identity.isChecked()
    titles = {browser.tree.topLevelItem(i).text(0) for i in range(2)}
    assert titles == {"Secret^Name, SECRET-ID, 19700101", "Other^Person, 77, 19700101"}
    assert "Secret^Name" in set(browser.tags.model.table["Value"])
    browser.identity.setChecked(False)
    assert browser.tree.topLevelItem(0).text(0) == "Patient 1"


def test_what_is_ticked_is_loaded_and_nothing_else(browser, qtbot, folder):
    look(browser, qtbot, folder)
    assert not browser.load_button.isEnabled()
    for name in ("thorax", "knee"):
        row(browser, name).setCheckState(0, Qt.CheckState.Checked)
    assert browser.load_button.text() == "Load 2 images"
    with qtbot.waitSignal(browser.runner.finished, timeout=WAIT_MS):
        qtbot.mouseClick(browser.load_button, LEFT)
    assert {layer.name for layer in browser.viewer.layers} == {"thorax", "knee"}
    assert np.array_equal(browser.viewer.layers["thorax"].data, counted((4, 8, 10)))
    assert browser.viewer.layers["thorax"].contrast_limits == [-160, 240]
    assert "Secret" not in str(browser.viewer.layers["thorax"].metadata)


def test_a_series_in_an_archive_can_be_loaded_after_the_browser_went_elsewhere(
    browser, qtbot, folder, tmp_path
):
    packed = tmp_path / "disc.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((folder / "a").iterdir()):
            archive.write(path, path.name)
    look(browser, qtbot, packed)
    with qtbot.waitSignal(browser.runner.finished, timeout=WAIT_MS):
        qtbot.mouseClick(browser.load_button, LEFT)
    look(browser, qtbot, folder)
    assert np.array_equal(np.asarray(browser.viewer.layers[0].data), counted((4, 8, 10)))


def test_tags_are_searched_and_copied(browser, qtbot, folder):
    look(browser, qtbot, folder)
    row(browser, "thorax").setSelected(True)
    qtbot.keyClicks(browser.tags.search, "pixel spacing")
    assert browser.tags.model.rowCount() == 1
    qtbot.mouseClick(browser.tags.copy_button, LEFT)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == ["Tag", "Name", "VR", "Value"]
    assert lines[1].startswith("(0028,0030)\tPixel Spacing\tDS\t")


def test_two_series_are_compared_tag_by_tag(browser, qtbot, folder):
    look(browser, qtbot, folder)
    row(browser, "thorax").setSelected(True)
    row(browser, "knee").setSelected(True)
    tags = browser.tags
    table = tags.model.table.set_index("Tag")
    assert table.loc["(0008,0060)", ["First", "Second", "equal"]].tolist() == ["CT", "MR", False]
    assert table.loc["(0028,0100)", "equal"]
    marked = [
        tags.model.data(tags.model.index(i, 0), Qt.ItemDataRole.BackgroundRole) is not None
        for i in range(tags.model.rowCount())
    ]
    assert marked == [not same for same in tags.model.table["equal"]]
    tags.only_differences.setChecked(True)
    assert not tags.model.table["equal"].any()
    assert f"{len(tags.model.table)} elements differ" in tags.title.text()


def test_looking_can_be_cancelled_and_leaves_the_tree_as_it_was(browser, qtbot, folder, tmp_path):
    look(browser, qtbot, folder)
    before = [item.text(0) for item in rows(browser.tree)]
    write_series(tmp_path / "many", counted((400, 4, 4)), series="many")
    browser.source.line.setText(str(tmp_path / "many"))
    with qtbot.waitSignal(browser.runner.stopped, timeout=WAIT_MS):
        qtbot.mouseClick(browser.look_button, LEFT)
        qtbot.mouseClick(browser.cancel_button, LEFT)
    assert [item.text(0) for item in rows(browser.tree)] == before
    assert len(browser.viewer.layers) == 0


def test_a_folder_without_dicom_says_so(browser, qtbot, tmp_path):
    look(browser, qtbot, tmp_path)
    assert "Found no" in browser.status.text()
