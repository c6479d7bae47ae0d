"""A classifier trained from a folder with one subfolder a class, by code and by command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import napari_medai as medai
from napari_medai import Geometry, MedicalImage
from napari_medai.cli.app import commands
from napari_medai.core.errors import ArgumentError, Cancelled, ReadError
from napari_medai.core.progress import Step
from napari_medai.explain import classify_image, explain_prediction
from napari_medai.io.class_folder import find_classed, read_classed
from napari_medai.models.check import check_model
from napari_medai.train.classes.cases import ClassCase, class_cases, hold_back
from napari_medai.train.classes.figures import ClassFigures
from napari_medai.train.classes.plan import plan_classes
from napari_medai.train.classifier import plain_name, train_image_classifier

SIDE = 40


def picture(of: str, seed: int, ndim: int = 2, colour: bool = False) -> MedicalImage:
    """A bright disc, or a bright bar, somewhere on noise: of about equal brightness."""
    rng = np.random.default_rng([seed, of == "bar"])
    shape = (SIDE, SIDE - 8) if ndim == 2 else (16, SIDE, SIDE)
    place = np.indices(shape) - rng.uniform(14, 18, ndim).reshape(-1, *[1] * ndim)
    if of == "disc":
        inside = (place[-2:] ** 2).sum(axis=0) < 36
    else:
        inside = (np.abs(place[-2]) < 2) & (np.abs(place[-1]) < 14)
    array = (60 + 20 * rng.standard_normal(shape) + 120 * inside).clip(0, 255).astype(np.uint8)
    axes = "zyx"[-ndim:]
    if colour:
        array, axes = np.repeat(array[..., None], 3, axis=-1), axes + "s"
    return MedicalImage(array, axes, Geometry.from_spacing(shape), name=f"p{seed // 2}_{seed}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    for of, count in (("disc", 24), ("bar", 12)):
        (root / of).mkdir()
        for seed in range(count):
            medai.write(picture(of, seed), root / of / f"p{seed // 2}_{seed}.png")
    blank = picture("disc", 0)
    medai.write(blank.with_array(np.full_like(blank.array, 25)), root / "disc" / "p99_99.png")
    (root / "README.md").write_text("not an image")
    (root / "disc" / "notes.txt").write_text("not an image")
    (root / ".hidden").mkdir()
    return root


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("runs") / "Shapes of 2"
    plan = plan_classes([picture("disc", 0)], ("bar", "disc"), epochs=2, steps=40, batch=16)
    return train_image_classifier(folder, out=out, plan=plan, citation="this test", device="cpu"), out


def test_images_of_a_folder_are_found_by_class(folder: Path):
    items = find_classed(folder)
    assert [items[0].of, items[-1].of] == ["bar", "disc"]
    assert len(items) == 37
    assert read_classed(items[0]).axes == "yx"


def test_the_model_tells_unseen_images_apart_and_its_map_points_at_what_differs(trained):
    model, _ = trained
    right = []
    for seed in range(100, 120):
        of = ("bar", "disc")[seed % 2]
        table = classify_image(picture(of, seed), model, device="cpu")
        right.append(table.loc[table["chosen"], "class"].item() == of)
    assert np.mean(right) >= 0.9
    heat = np.asarray(explain_prediction(picture("disc", 101), model, target="disc", device="cpu").array)
    assert heat.shape == (SIDE, SIDE - 8)


def test_card_and_summary_set_the_figures_beside_the_trivial_ones(trained):
    model, out = trained
    figures = model.spec.training["figures"]
    assert figures["accuracy"] >= 0.85
    assert figures["accuracy_of_the_usual_class"] == pytest.approx(5 / 7, abs=1e-3)  # 5 discs and 2 bars held
    assert model.spec.training["images"] == {"train": 29, "held_back": 7, "blank_left_out": 1}
    assert "Trivial: always\nsaying disc" in model.card
    assert model.spec.name == "shapes-of-2"
    assert check_model(model).passed
    assert "p0_0" not in (out / "model" / "model.json").read_text(encoding="utf-8")
    assert (out / "run" / "log.csv").is_file()


def test_a_training_is_not_overwritten_and_a_stopped_one_goes_on(folder: Path, trained, tmp_path: Path):
    _, out = trained
    with pytest.raises(ArgumentError, match="exists already"):
        train_image_classifier(folder, out=out)
    plan = plan_classes([picture("disc", 0)], ("bar", "disc"), epochs=2, steps=3, batch=4)
    place = tmp_path / "stopped"

    def stop(step: Step) -> None:
        if "Epoch 2" in step.message:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_image_classifier(folder, out=place, plan=plan, device="cpu", progress=stop)
    assert not (place / "model").exists()
    model = train_image_classifier(folder, out=place, resume=True, device="cpu")
    assert model.spec.training["steps"] == 6


@pytest.mark.parametrize(("ndim", "colour"), [(3, False), (2, True)])
def test_volumes_and_colour_pictures_are_learnt_from_as_well(ndim: int, colour: bool, tmp_path: Path):
    cases = {of: [picture(of, seed, ndim, colour) for seed in range(3)] for of in ("bar", "disc")}
    images = [image for some in cases.values() for image in some]
    plan = plan_classes(images, tuple(cases), epochs=1, steps=2, batch=2)
    model = train_image_classifier(cases, out=tmp_path / "m", plan=plan, device="cpu")
    assert model.spec.ndim == ndim
    assert len(model.spec.channels) == (3 if colour else 1)
    table = classify_image(images[0], model, device="cpu")
    assert table["probability"].sum() == pytest.approx(1)


def test_a_fifth_of_each_class_is_held_back_and_no_subject_is_on_both_sides(folder: Path):
    cases = class_cases(folder, r"^(p\d+)")
    learn, held = hold_back(cases, seed=0)
    assert not {c.subject for c in learn} & {c.subject for c in held}
    assert {c.of for c in learn} == {c.of for c in held} == {"bar", "disc"}
    assert 0.1 <= len(held) / len(cases) <= 0.35


def test_what_cannot_be_learnt_from_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(ReadError, match="no folder"):
        find_classed(tmp_path / "nowhere")
    (tmp_path / "only").mkdir()
    medai.write(picture("disc", 1), tmp_path / "only" / "a.png")
    with pytest.raises(ReadError, match="Found 1 classes"):
        find_classed(tmp_path)
    with pytest.raises(ArgumentError, match="'bar' has one image"):
        class_cases({"disc": [picture("disc", k) for k in range(3)], "bar": [picture("bar", 1)]})
    with pytest.raises(ArgumentError, match="not found in the name"):
        class_cases(folder, r"^(q\d+)")
    with pytest.raises(ArgumentError, match="all of one kind"):
        plan_classes([picture("disc", 1), picture("disc", 1, 3)], ("a", "b"))
    plan = plan_classes([picture("disc", 1)], ("a", "b"))
    with pytest.raises(ArgumentError, match="The plan is for a, b; the images are bar, disc"):
        train_image_classifier(folder, out=tmp_path / "m", plan=plan)


def test_figures_follow_from_the_confusion_and_names_are_made_plain():
    figures = ClassFigures(np.array([[8, 2], [0, 0]]), usual=1)
    assert figures.summary == {
        "accuracy": 0.8,
        "balanced_accuracy": 0.8,
        "accuracy_of_the_usual_class": 0.0,
    }
    assert plain_name("Ärzte & Co_1") == "rzte---co_1"
    assert plain_name("...") == "classifier"


def test_the_command_trains_from_a_folder(folder: Path, tmp_path: Path):
    words = [
        "train-image-classifier",
        str(folder),
        "-o",
        str(tmp_path / "m"),
        "--minutes",
        "0.01",
        "--device",
        "cpu",
    ]
    said = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "Tells apart 2 classes of 2-D images: bar, disc." in said.output
    assert (tmp_path / "m" / "model" / "model.json").is_file()


def test_subjects_with_two_classes_go_to_one_side():
    image = picture("disc", 0)
    cases = [ClassCase(image, of, f"s{k}") for k in range(6) for of in ("a", "b")]
    learn, held = hold_back(cases, seed=3)
    assert len(held) == 2
    assert {c.subject for c in held}.isdisjoint({c.subject for c in learn})
