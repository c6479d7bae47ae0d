"""The history of a result, saved as a recipe, makes the same result again - also on another scan."""

import numpy as np
import pytest
from small_scans import small_scan

from napari_medai import MedicalImage, catalog, write
from napari_medai.core.errors import ArgumentError
from napari_medai.preprocess import normalize_zscore, resample_to, smooth_gaussian, smooth_median
from napari_medai.recipe import from_history, load, run, save
from napari_medai.segment import label_components, threshold_otsu


def five_steps(image):
    smooth = smooth_gaussian(image, sigma_mm=1.25)
    flat = normalize_zscore(smooth_median(smooth))
    return label_components(threshold_otsu(flat))


def test_five_steps_replay_to_the_same_array_on_this_and_another_scan(tmp_path):
    result = five_steps(small_scan())
    path = save(from_history(result, name="five"), tmp_path / "five.yaml")
    recipe = load(path)
    assert len(recipe.steps) == 5
    assert list(recipe.inputs) == ["image"]
    for number in range(2):
        (again,) = run(path, small_scan(number)).values()
        np.testing.assert_array_equal(again.array, five_steps(small_scan(number)).array)


def test_a_step_used_twice_is_taken_once():
    image = small_scan()
    smooth = smooth_gaussian(image, sigma_mm=1.0)
    result = label_components(threshold_otsu(smooth))
    both = from_history(result, threshold_otsu(smooth), smooth)
    assert [s.operation for s in both.steps] == ["smooth_gaussian", "threshold_otsu", "label_components"]
    assert both.outputs == ("label_components", "threshold_otsu", "smooth_gaussian")


def test_several_sources_become_several_inputs_named_after_their_use():
    image, other = small_scan(), small_scan(1)
    like = other.replace(geometry=other.geometry.with_spacing((4, 2, 2)), array=np.zeros((6, 10, 10)))
    result = resample_to(smooth_gaussian(image), like)
    recipe = from_history(result)
    operation = catalog.find("resample_to")
    names = [p.name for p in operation.inputs]
    assert list(recipe.inputs) == [names[0], names[1]]
    (again,) = run(recipe, {names[0]: image, names[1]: like}).values()
    np.testing.assert_array_equal(again.array, result.array)


def test_a_recipe_holds_no_path_no_name_and_no_voxels(tmp_path):
    from napari_medai import read

    path = write(small_scan().replace(name="Doe^Jane"), tmp_path / "Doe_Jane.nii.gz")
    text = save(from_history(five_steps(read(path)[0])), tmp_path / "r.yaml").read_text()
    assert "Doe" not in text
    assert str(tmp_path) not in text
    assert len(text) < 2000


def test_a_history_from_a_file_makes_the_same_recipe(tmp_path):
    from napari_medai import read

    result = five_steps(small_scan())
    again = read(write(result, tmp_path / "r.nii.gz"))[0]
    assert from_history(again) == from_history(result)


def test_a_long_history_is_followed_without_doubling():
    image = small_scan()
    for _ in range(40):
        image = smooth_gaussian(image, sigma_mm=0.1)
    assert len(from_history(image).steps) == 40


def test_an_image_that_was_only_read_has_no_recipe():
    with pytest.raises(ArgumentError, match="no history"):
        from_history(small_scan())
    with pytest.raises(ArgumentError, match="no result"):
        from_history()


def test_the_device_is_left_to_whoever_runs_it():
    from napari_medai.core.history import Record, Source

    record = Record("smooth_gaussian", "0", {"sigma_mm": 1.0, "device": "cuda"}, {"image": Source("x", "d")})
    image = small_scan()
    made = MedicalImage(image.array, "zyx", image.geometry, history=(record,))
    assert from_history(made).steps[0].options == {"sigma_mm": 1.0}
