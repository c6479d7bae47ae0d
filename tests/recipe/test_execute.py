"""A recipe gives what its steps give, and says before it begins what cannot be."""

import json

import numpy as np
import pytest
from small_scans import small_scan

from napari_medai.core.errors import ArgumentError, ModelError
from napari_medai.core.progress import Cancelled
from napari_medai.measure import measure_regions
from napari_medai.preprocess import smooth_gaussian
from napari_medai.recipe import Recipe, run, save
from napari_medai.segment import threshold_otsu


def test_a_recipe_gives_what_its_steps_give(tmp_path, blobs):
    image = small_scan()
    mask = threshold_otsu(smooth_gaussian(image, sigma_mm=1.5))
    for recipe in (blobs, save(blobs, tmp_path / "r.yaml")):
        results = run(recipe, image)
        assert list(results) == ["mask", "regions"]
        np.testing.assert_array_equal(results["mask"].array, mask.array)
        assert results["regions"].equals(measure_regions(image, mask, shape=False))
        assert [r.operation for r in results["mask"].history] == ["smooth_gaussian", "threshold_otsu"]


def with_change(blobs, change):
    entry = json.loads(json.dumps(blobs.to_json()))
    change(entry)
    return Recipe.from_json(entry)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e["steps"][0].update(operation="smoth_gaussian"), "step smooth: .*mean smooth_gaussian?"),
        (lambda e: e["steps"][0]["options"].update(sigma_mm=-1), "step smooth: sigma_mm"),
        (lambda e: e["steps"][0].update(options={"sigma": 1}), "no option 'sigma'. Did you mean sigma_mm?"),
        (lambda e: e["steps"][1].update(inputs={"image": "smoth"}), "step mask: .*Did you mean smooth?"),
        (lambda e: e["steps"][0].update(inputs={"image": "mask"}), "'mask', which no input or earlier step"),
        (lambda e: e["steps"][1].update(inputs={"imge": "smooth"}), "no input 'imge'. Did you mean image?"),
        (lambda e: e["steps"][1].update(inputs={}), "the input image is missing"),
        (lambda e: e["steps"][1].update(id="smooth"), "'smooth' stands for two things"),
        (lambda e: e.update(outputs=["msk"]), "Did you mean mask?"),
    ],
)
def test_a_recipe_that_cannot_be_run_is_refused_before_the_first_step(blobs, change, message):
    def heard(step):
        raise AssertionError("a step began")

    with pytest.raises(ArgumentError, match=message):
        run(with_change(blobs, change), small_scan(), progress=heard)


def test_a_model_that_is_not_installed_is_named(blobs):
    step = {
        "id": "mask",
        "operation": "predict_labels",
        "inputs": {"image": "smooth"},
        "options": {"model": "nobodys-model@1.0.0#0123456789abcdef"},
    }
    recipe = with_change(blobs, lambda e: e["steps"].__setitem__(1, step))
    with pytest.raises(ModelError, match="nobodys-model"):
        run(recipe, small_scan())


def test_inputs_are_checked_by_name_number_and_kind(blobs):
    image = small_scan()
    labels = threshold_otsu(image)
    with pytest.raises(ArgumentError, match=r"no input 'imag'\. Did you mean image\?"):
        run(blobs, {"imag": image})
    with pytest.raises(ArgumentError, match="Found 2 inputs; the recipe needs 1: image"):
        run(blobs, [image, image])
    with pytest.raises(ArgumentError, match="'image' is missing"):
        run(blobs, {})
    with pytest.raises(ArgumentError, match="found an image of kind 'labels'; needed intensity"):
        run(blobs, labels)


def test_a_run_can_be_stopped_at_every_report(blobs):
    reports = []

    def stop_at(count):
        def heard(step):
            reports.append(step)
            if len(reports) >= count:
                raise Cancelled

        return heard

    run(blobs, small_scan(), progress=reports.append)
    total = len(reports)
    assert total > 3
    for count in range(1, total + 1):
        reports.clear()
        with pytest.raises(Cancelled):
            run(blobs, small_scan(), progress=stop_at(count))


def test_progress_only_grows(blobs):
    reports = []
    run(blobs, small_scan(), progress=reports.append)
    shares = [step.fraction for step in reports]
    assert shares == sorted(shares)


def test_results_are_let_go_after_their_last_use(blobs, monkeypatch):
    """The smoothed image is gone by the time the regions are measured."""
    import gc
    import weakref

    from napari_medai import catalog

    alive = []
    smooth, regions = catalog.find("smooth_gaussian"), catalog.find("measure_regions")
    first, last = smooth.function, regions.function

    def remember(*args, **kwargs):
        result = first(*args, **kwargs)
        alive.append(weakref.ref(result))
        return result

    def look(*args, **kwargs):
        gc.collect()
        alive.append(alive[0]())
        return last(*args, **kwargs)

    monkeypatch.setitem(vars(smooth), "function", remember)
    monkeypatch.setitem(vars(regions), "function", look)
    run(blobs, small_scan())
    assert alive[1] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e["inputs"]["image"].update(kind="labels"), "step smooth: .*which is labels; .*intensity"),
        (lambda e: e["inputs"]["image"].update(kind="landmarks"), "which is landmarks; needed an image"),
        (
            lambda e: e["steps"].append(
                {"id": "more", "operation": "smooth_gaussian", "inputs": {"image": "regions"}}
            ),
            "step more: .*'regions', which is a table; needed an image",
        ),
    ],
    ids=["labels for intensity", "points for an image", "a table for an image"],
)
def test_a_step_that_is_given_the_wrong_kind_is_refused_before_anything_is_read(blobs, change, message):
    with pytest.raises(ArgumentError, match=message):
        run(with_change(blobs, change), small_scan())


def test_an_input_of_either_kind_may_be_given_to_any_step(blobs):
    recipe = with_change(blobs, lambda e: e["inputs"]["image"].update(kind="image"))
    assert list(run(recipe, small_scan())) == ["mask", "regions"]
