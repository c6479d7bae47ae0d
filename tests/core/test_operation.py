"""One declaration: what is read from it, what it checks, what it records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pytest
from annotated_types import Gt, Interval

from napari_medai import Cancelled, Geometry, Landmarks, MedAIError, MedicalImage, replay
from napari_medai.core import operation as module
from napari_medai.core.errors import ArgumentError
from napari_medai.core.history import Record
from napari_medai.core.operation import Advanced, IntensityImage, LabelsImage, operation
from napari_medai.core.progress import Progress, Step, silent, track


class Pair(NamedTuple):
    low: MedicalImage
    high: MedicalImage


@dataclass(frozen=True)
class Result:
    warped: MedicalImage
    score: float


GRID = Geometry.from_spacing((2, 3, 4), (3.0, 1.0, 1.0))


def image(value: float = 1.0, name: str = "scan") -> MedicalImage:
    return MedicalImage(np.full((2, 3, 4), value), "zyx", GRID, name=name)


def labels() -> MedicalImage:
    return MedicalImage(np.ones((2, 3, 4), np.uint8), "zyx", GRID, kind="labels", name="organs")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REGISTRY", dict(module._REGISTRY))


@pytest.fixture
def scale():
    @operation(group="preprocess", title="Scale")
    def scale_for_test(
        image: IntensityImage,
        mask: LabelsImage | None = None,
        *,
        factor: Annotated[float, Interval(gt=0, le=20)] = 2.0,
        reach_mm: Annotated[float, Gt(0), Advanced()] = 1.0,
        mode: Literal["all", "mask"] = "all",
        progress: Progress = silent,
    ) -> MedicalImage:
        """Scale the values.

        More words.

        Parameters
        ----------
        image : MedicalImage
            What is scaled.
        mask : MedicalImage, optional
            Where.
        factor : float
            How much,
            no unit.
        reach_mm : float
            How far.
        mode : {"all", "mask"}
            Which voxels.
        """
        for _ in track(range(3), progress, "Scaling"):
            pass
        return image.with_array(image.array * factor)

    return scale_for_test


def test_parameters_say_what_a_form_needs(scale):
    declared = scale.operation
    image_, mask, factor, reach, mode = declared.parameters
    assert [p.name for p in declared.inputs] == ["image", "mask"]
    assert (image_.image_kind, image_.required, image_.optional) == ("intensity", True, False)
    assert (mask.image_kind, mask.required, mask.optional) == ("labels", False, True)
    assert (factor.value_type, factor.minimum, factor.maximum) == (float, 0.0, 20.0)
    assert (factor.excludes_minimum, factor.excludes_maximum) == (True, False)
    assert factor.description == "How much, no unit."
    assert (reach.unit, reach.label, reach.advanced) == ("mm", "Reach", True)
    assert mode.choices == ("all", "mask")
    assert declared.summary == "Scale the values."
    assert declared.description == "More words."
    assert declared.reports_progress


def test_the_step_is_recorded_and_replays(scale):
    first = scale(image(), factor=3)
    second = scale(first, labels(), mode="mask")
    assert [r.operation for r in second.history] == ["scale_for_test"] * 2
    assert second.history[0].parameters == {"factor": 3.0, "reach_mm": 1.0, "mode": "all"}
    assert set(second.history[1].inputs) == {"image", "mask"}
    again = replay(second.history, [labels(), image()])
    assert np.array_equal(again.array, second.array)
    with pytest.raises(MedAIError, match="'scan' of this history is not among"):
        replay(second.history, [image(5.0), labels()])


def test_a_history_survives_json(scale):
    result = scale(scale(image(), factor=3), labels())
    text = json.dumps([r.to_json() for r in result.history])
    again = tuple(Record.from_json(entry) for entry in json.loads(text))
    assert [r.to_json() for r in again] == json.loads(text)
    assert np.array_equal(replay(again, [image(), labels()]).array, result.array)


def test_a_processed_second_input_carries_its_own_history(scale):
    @operation(group="preprocess", title="Add")
    def add_for_test(image: MedicalImage, other: MedicalImage) -> MedicalImage:
        """Add."""
        return image.with_array(image.array + other.array)

    result = add_for_test(scale(image(1.0, "a")), scale(image(2.0, "b"), factor=5))
    again = replay(result.history, [image(2.0), image(1.0)])
    assert np.array_equal(again.array, result.array)


def test_several_results_are_told_apart():
    @operation(group="preprocess", title="Split")
    def split_for_test(image: MedicalImage) -> Pair:
        """Split."""
        return Pair(image.with_array(image.array - 1), image.with_array(image.array + 1))

    @operation(group="preprocess", title="Both")
    def both_for_test(image: MedicalImage) -> Result:
        """Both."""
        return Result(image.with_array(image.array * 7), 0.5)

    pair = split_for_test(image())
    assert pair.high.history[0].output == "high"
    assert np.array_equal(replay(pair.high.history, [image()]).array, pair.high.array)
    result = both_for_test(image())
    assert result.score == 0.5
    assert np.array_equal(replay(result.warped.history, [image()]).array, result.warped.array)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"factor": -1}, "factor: found -1; needed.*greater than 0"),
        ({"factor": float("nan")}, "factor: found nan"),
        ({"factor": "lots"}, "factor: found 'lots'"),
        ({"faktor": 2}, "no parameter 'faktor'. Did you mean factor"),
        ({"mode": "none"}, "mode: found 'none'.*'all' or 'mask'"),
        ({"mask": image()}, "mask: found an image of kind 'intensity'; needed a labels image"),
        ({"image": np.zeros(3)}, "image: found ndarray; needed MedicalImage. A bare array"),
        ({"image": Landmarks(["a"], [[0, 0, 0]])}, "image: found Landmarks"),
    ],
)
def test_wrong_arguments_are_named(scale, arguments, said):
    with pytest.raises(ArgumentError, match=f"scale_for_test.*{said}"):
        scale(**{"image": image(), **arguments})


def test_a_missing_input_is_named(scale):
    with pytest.raises(ArgumentError, match="missing a required argument: 'image'"):
        scale()


def test_every_report_is_a_chance_to_stop(scale):
    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        scale(image(), progress=stop)


def test_many_inputs():
    @operation(group="preprocess", title="Mean")
    def mean_for_test(images: list[IntensityImage]) -> MedicalImage:
        """Mean."""
        return images[0].with_array(np.mean([i.array for i in images], axis=0))

    declared = mean_for_test.operation.inputs[0]
    assert (declared.many, declared.image_kind) == (True, "intensity")
    result = mean_for_test([image(1.0), image(3.0)])
    assert result.array.max() == 2.0
    assert np.array_equal(replay(result.history, [image(3.0), image(1.0)]).array, result.array)
    with pytest.raises(ArgumentError, match="kind 'labels'"):
        mean_for_test([image(), labels()])


def test_two_operations_cannot_share_a_name(scale):
    def scale_for_test(image: MedicalImage) -> MedicalImage:
        """Another."""
        return image

    scale_for_test.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="Two operations"):
        operation(group="preprocess", title="Scale")(scale_for_test)


def test_the_device_is_resolved_and_recorded():
    @operation(group="preprocess", title="Device")
    def device_for_test(image: MedicalImage, *, device: str = "cpu") -> MedicalImage:
        """Device."""
        return image.with_array(image.array + 0, name=device)

    result = device_for_test(image())
    assert (result.name, result.history[0].device) == ("cpu", "cpu")
    with pytest.raises(ArgumentError, match="'cuda:9' is not available here"):
        device_for_test(image(), device="cuda:9")
