"""Forms made from a signature and a docstring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Gt, Interval
from napari.layers import Image, Labels, Points
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSpinBox

from napari_medai import Landmarks, MedicalImage, catalog
from napari_medai.core.errors import ArgumentError
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.gui.form import OperationForm, tooltip
from napari_medai.gui.forms.number_fields import NumberBox


@operation(group="tests", title="All kinds")
def all_kinds(
    image: IntensityImage,
    labels: LabelsImage,
    mask: LabelsImage | None = None,
    points: Landmarks | None = None,
    others: list[MedicalImage] | None = None,
    *,
    sigma_mm: Annotated[float, Interval(gt=0, le=20)] = 1.5,
    rounds: Annotated[int, Interval(ge=1, le=9)] = 3,
    method: Literal["fast", "very_good"] = "very_good",
    keep: bool = True,
    seed: int | None = None,
    threshold_hu: float | None = -350.0,
    axes: str = "x",
    shift_mm: tuple[float, float, float] = (0.0, -1.5, 1e-4),
    percents: tuple[Annotated[float, Gt(0)], ...] = (5.0, 97.5),
    folder: Path = Path("models"),
    device: str = "auto",
    families: tuple[Literal["shape", "first_order"], ...] = ("first_order",),
    range_percent: tuple[
        Annotated[float, Interval(ge=0, le=100)], Annotated[float, Interval(ge=0, le=100)]
    ] = (
        0.0,
        97.5,
    ),
    tiny: Annotated[float, Advanced()] = 1e-5,
) -> MedicalImage:
    """Take every kind of parameter.

    Parameters
    ----------
    image : MedicalImage
        The image.
    labels : MedicalImage
        The labels.
    mask : MedicalImage, optional
        A mask.
    points : Landmarks, optional
        Points.
    others : list of MedicalImage, optional
        Others.
    sigma_mm : float
        Width of the bell <curve>.
    rounds : int
        How often.
    method : str
        How.
    keep : bool
        Whether.
    seed : int, optional
        A seed.
    threshold_hu : float, optional
        A value.
    axes : str
        Letters.
    shift_mm : tuple of float
        A shift.
    percents : tuple of float
        Several.
    folder : Path
        Where.
    device : str
        Which.
    families : tuple of str
        Which.
    range_percent : tuple of float
        From and to.
    tiny : float
        Small.
    """
    return image


@pytest.fixture
def form(qtbot):
    widget = OperationForm(all_kinds.operation)
    qtbot.addWidget(widget)
    return widget


def a_layer(kind, name="scan"):
    return kind(np.zeros((3, 4, 5), "uint8"), name=name)


def test_form_begins_with_the_defaults_exactly(form):
    defaults = {p.name: p.default for p in all_kinds.operation.options}
    assert form.values() == defaults


@pytest.mark.parametrize("operation_", list(catalog.operations().values()), ids=lambda o: o.name)
def test_untouched_form_of_every_operation_gives_what_its_defaults_mean(qtbot, operation_):
    widget = OperationForm(operation_)
    qtbot.addWidget(widget)
    for parameter in operation_.options:
        if parameter.required or parameter.name == "model":
            continue
        shown = parameter.validate(widget.fields[parameter.name].get())
        assert shown == parameter.validate(parameter.default), parameter.name


def test_values_set_come_back(form):
    wanted = {
        "sigma_mm": 0.1, "rounds": 7, "method": "fast", "keep": False, "seed": 42, "threshold_hu": None,
        "axes": "zy", "shift_mm": (1.0, 2.0, 3.0), "percents": (1.0, 2.0, 3.5), "folder": Path("elsewhere"),
        "device": "cpu", "families": ("shape", "first_order"), "range_percent": (5.0, 10.0), "tiny": 0.25,
    }  # fmt: skip
    form.set_values(wanted)
    assert form.values() == wanted
    form.reset()
    assert form.values()["sigma_mm"] == 1.5
    assert form.values()["seed"] is None


def test_numbers_keep_to_their_limits_and_show_their_unit(form):
    box = form.fields["sigma_mm"].widget
    assert isinstance(box, NumberBox)
    assert box.suffix() == " mm"
    assert box.text() == "1.5 mm"
    form.set_values({"sigma_mm": 99.0})
    assert form.values()["sigma_mm"] == 20
    form.set_values({"sigma_mm": -5.0})
    assert all_kinds.operation.parameters[5].validate(form.values()["sigma_mm"]) > 0
    rounds = form.fields["rounds"].widget
    assert isinstance(rounds, QSpinBox)
    assert (rounds.minimum(), rounds.maximum()) == (1, 9)


def test_choices_are_shown_in_words(form):
    combo = form.fields["method"].widget
    assert isinstance(combo, QComboBox)
    assert [combo.itemText(i) for i in range(combo.count())] == ["fast", "very good"]


def test_advanced_options_are_folded_away(form, qtbot):
    form.show()
    field = form.fields["tiny"].widget
    assert not field.isVisible()
    assert form.fields["sigma_mm"].widget.isVisible()
    qtbot.mouseClick(form.advanced.button, Qt.MouseButton.LeftButton)
    assert field.isVisible()


def test_tooltip_says_what_it_is_and_the_limits(form):
    said = form.fields["sigma_mm"].widget.toolTip()
    assert "Width of the bell &lt;curve&gt;." in said
    assert "more than 0 mm, at most 20 mm" in said
    assert tooltip(all_kinds.operation.parameters[0]) == "<p>The image.</p>"


def test_pickers_offer_only_layers_that_fit(form):
    image, labels, points = a_layer(Image), a_layer(Labels, "liver"), Points(np.zeros((1, 3)), name="marks")
    form.offer([image, labels, points])
    assert form.layers() == {"image": image, "labels": labels, "mask": None, "points": None, "others": []}
    assert [form.pickers["mask"].itemText(i) for i in range(2)] == ["none", "liver"]
    assert form.pickers["others"].count() == 2


def test_missing_layer_is_said_with_a_way_out(form):
    form.offer([a_layer(Image)])
    with pytest.raises(ArgumentError, match="Labels: there is no labels layer") as caught:
        form.layers()
    assert "Open Sample" in caught.value.hint


def test_choice_stays_when_layers_come_and_go(form):
    first, second = a_layer(Image, "first"), a_layer(Image, "second")
    form.offer([first, second])
    form.pickers["image"].choose(first)
    form.offer([first, second, a_layer(Image, "third")])
    assert form.pickers["image"].layer() is first
    form.offer([second])
    assert form.pickers["image"].layer() is second


def test_the_selected_layer_becomes_the_first_input(form):
    layers = [a_layer(Image, str(i)) for i in range(3)]
    form.offer(layers, active=layers[1])
    assert form.pickers["image"].layer() is layers[1]
    form.follow(layers[0])
    assert form.pickers["image"].layer() is layers[0]


def test_selecting_labels_leaves_an_optional_mask_alone(form):
    labels = a_layer(Labels)
    form.offer([a_layer(Image), labels], active=labels)
    assert form.layers()["mask"] is None


@operation(group="tests", title="Two images")
def two_images(fixed: IntensityImage, moving: IntensityImage) -> MedicalImage:
    """Take two.

    Parameters
    ----------
    fixed, moving : MedicalImage
        Two images.
    """
    return fixed


def test_two_inputs_of_a_kind_get_different_layers(qtbot):
    widget = OperationForm(two_images.operation)
    qtbot.addWidget(widget)
    below, above = a_layer(Image, "below"), a_layer(Image, "above")
    widget.offer([below, above], active=below)
    assert widget.layers() == {"fixed": below, "moving": above}


def test_ticked_layers_of_a_list_come_in_order(form):
    layers = [a_layer(Image, "a"), a_layer(Labels, "b"), a_layer(Image, "c")]
    form.offer(layers)
    form.pickers["others"].choose(layers[0])
    form.pickers["others"].choose(layers[1])
    form.offer(layers)
    assert form.pickers["others"].value() == [layers[1], layers[0]]


def test_text_that_is_no_list_is_refused(form):
    form.fields["percents"].widget.setText("[1, 2")
    with pytest.raises(ArgumentError, match="not JSON"):
        form.values()


def test_lengths_are_in_pixels_where_the_layer_knows_no_millimetres(form):
    form.offer([Image(np.zeros((3, 4, 5)), units=("pixel",) * 3, contrast_limits=(0, 1))])
    assert form.fields["sigma_mm"].widget.text() == "1.5 px"
    form.offer([Image(np.zeros((3, 4, 5)), units=("mm",) * 3, contrast_limits=(0, 1))])
    assert form.fields["sigma_mm"].widget.text() == "1.5 mm"


def test_spacing_is_suggested_from_the_layer_until_a_person_sets_it(qtbot):
    form = OperationForm(catalog.find("resample_to_spacing"))
    qtbot.addWidget(form)
    coarse = Image(np.zeros((3, 4, 5)), scale=(5, 0.7, 0.7), units=("mm",) * 3, contrast_limits=(0, 1))
    fine = Image(np.zeros((3, 4, 5)), scale=(0.5, 0.7, 0.7), units=("mm",) * 3, contrast_limits=(0, 1))
    form.offer([coarse])
    assert form.values()["spacing_mm"] == (0.7,)
    form.offer([coarse, fine], active=fine)
    assert form.values()["spacing_mm"] == (0.5,)
    form.set_values({"spacing_mm": (2.0, 1.0, 1.0)})
    form.follow(coarse)
    assert form.values()["spacing_mm"] == (2.0, 1.0, 1.0)


def rows_shown(form):
    """The options whose label and field both stand in the form."""
    return {
        name
        for name, field in form.fields.items()
        if not field.widget.isHidden() and not form._labels[name].isHidden()
    }


def test_fields_that_depend_on_another_come_and_go_with_it(qtbot):
    form = OperationForm(catalog.find("window_intensity"))
    qtbot.addWidget(form)
    assert rows_shown(form) == {"preset", "low", "high"}
    form.fields["preset"].set("custom")
    assert rows_shown(form) == {"preset", "center", "width", "low", "high"}
    form.fields["center"].set(7.0)
    form.fields["preset"].set("lung")
    assert rows_shown(form) == {"preset", "low", "high"}
    assert form.values()["center"] == 7.0  # what was typed is still there when it is shown again


def test_a_tick_is_a_choice_on_which_fields_depend(qtbot):
    form = OperationForm(catalog.find("live_wire"))
    qtbot.addWidget(form)
    assert "fill" in rows_shown(form)
    form.fields["closed"].set(False)
    assert "fill" not in rows_shown(form)


def image_layer(modality, name):
    from napari.layers import Layer

    from napari_medai import Geometry
    from napari_medai.gui.layers import layers_from_image

    grid = Geometry.from_spacing((3, 4, 5), (2, 1, 1))
    values = np.zeros((3, 4, 5), "float32")
    image = MedicalImage(values, "zyx", grid, name=name, meta={"modality": modality} if modality else {})
    return Layer.create(*layers_from_image(image)[0])


def test_defaults_follow_the_modality_of_the_chosen_layer_until_a_person_chooses(qtbot):
    form = OperationForm(catalog.find("mask_object"))
    qtbot.addWidget(form)
    layers = [image_layer(m, n) for m, n in (("CT", "ct"), ("MR", "mr"), ("", "unknown"))]
    for layer, expected in zip(layers, ["body", "head", "foreground"], strict=True):
        form.offer(layers, layer)
        assert form.values()["kind"] == expected
    form.fields["kind"].set("head")
    form.offer(layers, layers[0])
    assert form.values()["kind"] == "head"
