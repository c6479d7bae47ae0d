"""A landmark model trained in seconds from a folder and a table, as a person would."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from dot_pictures import NAMES, draw_dots, write_dots

from napari_medai import Geometry, Landmarks, MedAIError, MedicalImage
from napari_medai.cli.app import commands
from napari_medai.io.point_folder import read_marked_images
from napari_medai.landmarks import detect_landmarks
from napari_medai.landmarks.judging import judge_landmark_model
from napari_medai.train.journal import Epoch
from napari_medai.train.points.cases import PointCase, check_cases, outside_as_absent

pytest.importorskip("torch")

from napari_medai.models.check import check_model
from napari_medai.train.landmarks import case_of, mean_points, train_landmarks
from napari_medai.train.points.calibrate import best_threshold, covariance_scales
from napari_medai.train.points.fit import stage_minutes
from napari_medai.train.points.plan import plan_points
from napari_medai.train.result import Training

TINY = {
    "coarse_steps": 40, "fine_steps": 30, "coarse_widths": (8, 16, 24), "coarse_batch": 4,
    "fine_widths": (8, 16, 24), "fine_batch": 6, "window": (16, 16), "configuration": False, "rate": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = write_dots(tmp_path_factory.mktemp("dots") / "in", 14, size=0.5)
    cases = [case_of(m) for m in read_marked_images(folder)]
    out = folder.parent / "out"
    return (
        cases,
        train_landmarks(cases, out=out, plan=plan_points(cases, size="small", **TINY), minutes=None),
        out,
    )


def picture(seed, **geometry):
    array, places = draw_dots(seed)
    return MedicalImage(array, "yx", Geometry.from_spacing(array.shape, (0.5, 0.5), **geometry)), 0.5 * places


def test_it_finds_the_dots_of_a_picture_it_never_saw(trained):
    image, places = picture(99)
    found = detect_landmarks(image, trained[1])
    assert found.names == NAMES
    assert found.unit == "mm"
    assert np.linalg.norm(found.positions - places, axis=1).max() < 0.5  # a pixel
    assert found.covariance.shape == (3, 2, 2)
    assert not found.absent.any()


def test_the_answer_moves_with_the_image(trained):
    image, _places = picture(98)
    moved = image.replace(geometry=Geometry.from_spacing(image.spatial_shape, (0.5, 0.5), (100.0, -40.0)))
    one, two = detect_landmarks(image, trained[1]), detect_landmarks(moved, trained[1])
    np.testing.assert_allclose(two.positions - one.positions, [[100, -40]] * 3, atol=1e-3)


def test_grey_stored_as_colour_is_found_as_well(trained):
    image, _ = picture(97)
    colour = image.with_array(np.repeat(np.asarray(image.array)[..., None], 3, axis=-1), axes="yxs")
    one, two = detect_landmarks(image, trained[1]), detect_landmarks(colour, trained[1])
    np.testing.assert_allclose(one.positions, two.positions, atol=0.05)


def test_an_image_without_spacing_is_refused_where_millimetres_were_learnt(trained):
    image, _ = picture(96)
    with pytest.raises(MedAIError, match="unknown"):
        detect_landmarks(image.replace(geometry=Geometry.from_spacing(image.spatial_shape)), trained[1])


def test_a_picture_without_spacing_can_be_given_one(trained):
    image, _ = picture(96)
    plain = image.replace(geometry=Geometry.from_spacing(image.spatial_shape))
    told = detect_landmarks(plain, trained[1], spacing_mm=0.5)
    assert told.unit == "mm"
    np.testing.assert_allclose(told.positions, detect_landmarks(image, trained[1]).positions, atol=1e-4)
    kept = detect_landmarks(image, trained[1], spacing_mm=7)
    np.testing.assert_allclose(kept.positions, told.positions, atol=1e-4)


def test_the_model_passes_its_self_check_and_keeps_plan_and_curves(trained):
    _, model, out = trained
    assert check_model(model).passed
    assert (out / "plan.json").is_file()
    assert (out / "run" / "coarse" / "log.csv").is_file()
    assert "Trivial" in model.card
    assert model.spec.training["validation"]["mean_error"] > 0


def test_fine_tuning_keeps_names_grids_and_remembers_its_parent(trained, tmp_path):
    cases, model, _ = trained
    plan = plan_points(cases, size="small", **{**TINY, "coarse_steps": 2, "fine_steps": 2})
    tuned = train_landmarks(cases, out=tmp_path / "tuned", plan=plan, minutes=None, start=model)
    assert tuned.spec.parent == model.digest
    assert tuned.spec.points.window == model.spec.points.window


def test_a_training_is_not_overwritten_and_a_stopped_one_can_be_resumed(trained, tmp_path):
    cases, model, out = trained
    with pytest.raises(MedAIError, match="exists already"):
        train_landmarks(cases, out=out)
    with pytest.raises(MedAIError, match="is finished"):
        train_landmarks(cases, out=out, resume=True)
    stopped = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("model"))
    again = train_landmarks(cases, out=stopped, resume=True)
    assert again.spec.training["steps"] == model.spec.training["steps"] == {"coarse": 40, "fine": 30}
    for one, two in zip(model.network.parameters(), again.network.parameters(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_command_trains_from_a_folder_and_a_table_in_pixels(tmp_path):
    folder = write_dots(tmp_path / "dots", 5, wide=True)
    words = [
        "train-landmarks",
        str(folder),
        "-o",
        str(tmp_path / "m"),
        "--minutes",
        "0.01",
        "--size",
        "small",
    ]
    said = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "disc" in said.output
    assert (tmp_path / "m" / "model" / "model.json").is_file()
    image, _ = picture(3)
    found = detect_landmarks(
        image.replace(geometry=Geometry.from_spacing(image.spatial_shape)), tmp_path / "m" / "model"
    )
    assert found.unit == "pixel"


def test_a_model_is_judged_on_a_folder_of_marked_images(trained, tmp_path):
    import pandas as pd

    folder = write_dots(tmp_path / "in", 2, size=0.5)
    (folder / "points.csv").rename(folder / "first.csv")
    rows = pd.read_csv(folder / "first.csv")
    both = [rows.assign(reader="one"), rows.assign(reader="two", x=rows.x + 1)]
    pd.concat(both).to_csv(folder / "first.csv", index=False)
    out = tmp_path / "test.csv"
    words = ["judge-landmarks", str(trained[2] / "model"), str(folder), "-o", str(out)]
    said = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    cases = pd.read_csv(out)
    assert list(cases.image) == ["case0"] * 3 + ["case1"] * 3
    truth = 0.5 * np.concatenate([draw_dots(k)[1] + (0.5, 0) for k in range(2)])
    np.testing.assert_allclose(cases.error, np.linalg.norm(cases[["x", "y"]] - truth, axis=1), atol=1e-6)
    summary = pd.read_csv(tmp_path / "test-summary.csv").set_index("figure").value
    assert summary["readers_mean"] == pytest.approx(0.5)  # a pixel of half a mm
    assert summary["mean"] == pytest.approx(cases.error.mean(), abs=1e-6)


def test_judging_needs_the_same_readers_for_all_images(trained, tmp_path):
    from dataclasses import replace

    one, two = read_marked_images(write_dots(tmp_path / "in", 2, size=0.5))
    with pytest.raises(MedAIError, match="1 and 2 readers"):
        judge_landmark_model(trained[1], [one, replace(two, readers=two.readers * 2)])


def case(points, name="one", shape=(20, 20), unit="mm"):
    grid = Geometry.from_spacing(shape, (1.0,) * len(shape), unit=unit)
    return PointCase(MedicalImage(np.zeros(shape), "zyx"[-len(shape) :], grid), points, name)


def test_cases_that_do_not_fit_are_refused_by_name():
    good = Landmarks(("a", "b"), [[5, 5], [6, 6]])
    with pytest.raises(MedAIError, match="at least three"):
        check_cases([case(good)])
    outside = good.replace(positions=[[5, 5], [30, 6]])
    with pytest.raises(MedAIError, match=r"odd: the point 'b' .* outside"):
        check_cases([case(good), case(good), case(outside, "odd")])
    with pytest.raises(MedAIError, match="so do points of second, third"):
        check_cases([case(good), *(case(outside, name) for name in ("odd", "second", "third"))])
    with pytest.raises(MedAIError, match=r"'b' is marked in 1 of 3"):
        check_cases([case(good), case(good.selected(["a"])), case(good.selected(["a"]), "third")])
    with pytest.raises(MedAIError, match="pixel"):
        check_cases([case(good), case(good), case(good.replace(unit="pixel"), "odd")])
    with pytest.raises(MedAIError, match="3-D image with 2-D points"):
        check_cases([case(good), case(good), case(good, "odd", (4, 20, 20))])


def test_a_point_beyond_the_border_can_be_learnt_as_absent():
    good = Landmarks(("a", "b"), [[5, 5], [6, 6]])
    settled = outside_as_absent(case(good.replace(positions=[[5, 5], [30, 6]])))
    assert settled.points.absent.tolist() == [False, True]
    assert check_cases([case(good), case(good), settled]) == ("a", "b")
    inside = case(good)
    assert outside_as_absent(inside) is inside


def test_the_mean_of_readers_takes_whoever_placed_a_point():
    one = Landmarks(("a", "b"), [[0, 0], [4, 4]], absent=[False, True])
    two = Landmarks(("a", "b"), [[2, 0], [6, 6]], absent=[False, False])
    mean = mean_points([one, two])
    np.testing.assert_allclose(mean["a"], [1, 0])
    np.testing.assert_allclose(mean["b"], [6, 6])


def test_the_second_stage_has_the_time_that_the_first_has_left():
    def coarse(seconds):
        epoch = Epoch(1, 100, seconds, 0.0, 1.0, {})
        return Training(None, (epoch,), epoch, "epochs")

    assert stage_minutes(20, None) == pytest.approx(9)
    assert stage_minutes(20, coarse(240)) == pytest.approx(16)
    assert stage_minutes(20, coarse(600)) == pytest.approx(11)


def test_scales_make_the_90_percent_ellipse_hold_90_percent():
    from scipy.stats import chi2

    rng = np.random.default_rng(4)
    squares = rng.chisquare(2, (200, 3)) * np.array([4.0, 1.0, 0.25])
    scaled = squares / covariance_scales(squares, 2)
    assert np.mean(scaled <= chi2.ppf(0.9, 2)) == pytest.approx(0.9, abs=0.01)


def test_the_threshold_lies_between_points_that_are_there_and_points_that_are_not():
    assert 0.3 < best_threshold(np.array([0.1, 0.3, 0.8, 0.9]), np.array([False, False, True, True])) < 0.8
    assert best_threshold(np.array([0.9]), np.array([True])) == 0.5


def test_where_every_point_is_there_a_faint_one_is_not_called_absent():
    threshold = best_threshold(np.array([0.2, 0.9, 0.99]), np.array([True, True, True]))
    assert 0.2 <= threshold < 0.25
