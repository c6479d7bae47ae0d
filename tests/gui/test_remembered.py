"""A panel begins with what was last run, also in the next session; nothing that names a place is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Interval
from qtpy.QtCore import QSettings

from napari_medai import MedicalImage, catalog
from napari_medai.core.operation import IntensityImage, operation
from napari_medai.gui.forms.remembered import REMEMBERED, _store
from napari_medai.gui.panel import OperationPanel


@operation(group="tests", title="Much to remember")
def much_to_remember(
    image: IntensityImage,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.5,
    method: Literal["fast", "good"] = "good",
    percents: tuple[float, ...] = (5.0, 95.0),
    seed: int | None = None,
    folder: Path = Path("models"),
    model: str = "phantom-3d",
) -> MedicalImage:
    """Take options of many kinds.

    Parameters
    ----------
    image : MedicalImage
        The image.
    sigma_mm : float
        A number.
    method : str
        A choice.
    percents : tuple of float
        Several.
    seed : int, optional
        Perhaps.
    folder : Path
        A place.
    model : str
        A name, or a place.
    """
    return image


MUCH = much_to_remember.operation
DEFAULTS = {p.name: p.default for p in MUCH.options}
CHOSEN = {
    **DEFAULTS,
    "sigma_mm": 3.25,
    "method": "fast",
    "percents": (1.0, 2.5, 99.0),
    "seed": 7,
    "folder": Path("/data/Smith^John"),
}


def test_the_next_session_begins_with_the_values_last_run():
    REMEMBERED.keep(MUCH, CHOSEN)
    assert REMEMBERED.values(MUCH) == CHOSEN
    REMEMBERED.end_session()
    kept = REMEMBERED.values(MUCH)
    assert kept == {"sigma_mm": 3.25, "method": "fast", "percents": (1.0, 2.5, 99.0), "seed": 7}


@pytest.mark.parametrize("name", ["folder", "model"])
def test_a_place_on_the_disk_is_not_written_down(name, tmp_path):
    REMEMBERED.keep(MUCH, {**CHOSEN, "model": "/data/Smith^John/model"})
    REMEMBERED.end_session()
    assert name not in REMEMBERED.values(MUCH)
    assert "Smith" not in Path(_store().fileName()).read_text()
    assert str(tmp_path) in _store().fileName()


def test_what_was_set_back_to_the_default_is_the_default_next_time():
    REMEMBERED.keep(MUCH, CHOSEN)
    REMEMBERED.keep(MUCH, DEFAULTS)
    REMEMBERED.end_session()
    assert REMEMBERED.values(MUCH) == {}


def test_one_operation_or_all_can_be_forgotten():
    other = catalog.find("smooth_gaussian")
    for one in (MUCH, other):
        REMEMBERED.keep(one, {"sigma_mm": 9.0})
    REMEMBERED.forget(MUCH)
    assert REMEMBERED.values(MUCH) == {}
    assert REMEMBERED.values(other) == {"sigma_mm": 9.0}
    REMEMBERED.forget()
    REMEMBERED.end_session()
    assert REMEMBERED.values(other) == {}


@pytest.mark.parametrize(
    "text",
    ["{nonsense", "[1, 2]", '{"sigma_mm": 500.0}', '{"method": "slow"}', '{"gone": 1}', '{"sigma_mm": "x"}'],
)
def test_a_value_that_no_longer_fits_is_left_out(text):
    _store().setValue("operations/much_to_remember", text)
    assert REMEMBERED.values(MUCH) == {}


def test_a_panel_opened_in_another_session_shows_them_and_reset_takes_them_away(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((4, 5, 6), "float32"))
    panel = OperationPanel(viewer, [MUCH])
    qtbot.addWidget(panel)
    panel.form.set_values({"sigma_mm": 4.0, "method": "fast"})
    with qtbot.waitSignal(panel.runner.finished, timeout=20_000):
        panel.run()
    REMEMBERED.end_session()
    later = OperationPanel(viewer, [MUCH])
    qtbot.addWidget(later)
    assert later.form.values() == {**DEFAULTS, "sigma_mm": 4.0, "method": "fast"}
    assert [a.text() for a in later.more.actions()][:2] == ["Reset to defaults", "Reset all operations"]
    later.more.actions()[0].trigger()
    assert later.form.values() == DEFAULTS
    REMEMBERED.end_session()
    assert REMEMBERED.values(MUCH) == {}


def test_settings_are_a_file_of_their_own():
    assert Path(_store().fileName()).name == "panels.ini"
    assert _store().format() == QSettings.Format.IniFormat
