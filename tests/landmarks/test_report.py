"""The page about a cephalogram, and the other ways to points: ruler, templates, registration."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

from napari_medai import Geometry, Landmarks, MedAIError, MedicalImage
from napari_medai.cli.app import commands
from napari_medai.io.points import write_points
from napari_medai.io.write import write
from napari_medai.landmarks import calibrate_spacing, match_templates, transfer_landmarks
from napari_medai.phantoms import mr_head
from napari_medai.phantoms.ceph import cephalogram


@pytest.fixture(scope="module")
def ceph():
    return cephalogram(3, (200, 180), (1, 1))


def test_the_page_holds_every_measure_the_picture_and_no_reference_to_another_file(ceph, tmp_path):
    points = ceph.landmarks.replace(covariance=np.tile(np.eye(2) * 0.2, (len(ceph.landmarks), 1, 1)))
    table = write_points(points, tmp_path / "p.csv")
    picture = write(ceph.image, tmp_path / "p.nrrd")
    words = ["ceph-report", str(table), str(picture), "-o", str(tmp_path / "r.html")]
    said = CliRunner().invoke(commands, words, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    page = (tmp_path / "r.html").read_text()
    for word in ("SNA", "Wits", "Interincisal", "Lower lip to E-line", "Steiner 1953"):
        assert word in page
    assert page.count("<circle") == len(points.present)
    assert page.count("<polygon") == len(points.present)
    assert re.findall(r'(?:href|src)="(?!data:)', page) == []


def test_the_phantom_lies_where_it_says_and_follows_from_its_seed(ceph):
    again = cephalogram(3, (200, 180), (1, 1))
    np.testing.assert_array_equal(again.image.array, ceph.image.array)
    finer = cephalogram(3, (400, 360), (0.5, 0.5))
    np.testing.assert_allclose(finer.landmarks.positions, ceph.landmarks.positions, atol=0.5)
    tip = ceph.landmarks["incision superius"]
    row, column = np.round(ceph.image.geometry.world_to_index(tip)).astype(int)
    image = np.asarray(ceph.image.array)
    assert (
        image[row - 4 : row + 1, column - 4 : column + 3].max() > image[row - 4 : row + 1, column + 25].max()
    )


def test_some_phantoms_lack_teeth_and_some_are_cut_off():
    absent = [cephalogram(k, (50, 45), (4, 4)).landmarks for k in range(40)]
    lacking = [set(p.names) - set(p.present.names) for p in absent]
    assert any({"incision superius", "apex superius"} <= gone for gone in lacking)
    assert any("menton" in gone or "pronasale" in gone for gone in lacking)
    assert any(not gone for gone in lacking)


def test_a_ruler_gives_the_size_of_a_pixel():
    image = MedicalImage(np.zeros((30, 40)), "yx", Geometry.from_spacing((30, 40)))
    ends = Landmarks(("one", "two"), [[3, 4], [15, 20]], unit="pixel")
    sized = calibrate_spacing(image, ends, length_mm=5)
    np.testing.assert_allclose(sized.geometry.spacing, [0.25, 0.25])
    assert sized.geometry.unit == "mm"
    with pytest.raises(MedAIError, match="two ends"):
        calibrate_spacing(image, ends.selected(["one"]))
    with pytest.raises(MedAIError, match="one spot"):
        calibrate_spacing(image, ends.replace(positions=[[3, 4], [3, 4]]))


def test_lines_of_known_length_are_averaged_and_must_agree():
    image = MedicalImage(np.zeros((30, 40)), "yx", Geometry.from_spacing((30, 40)))
    names = ("line 1 start", "line 1 end", "line 2 start", "line 2 end")
    lines = Landmarks(names, [[0, 0], [19, 0], [5, 5], [5, 26]], unit="pixel")
    sized = calibrate_spacing(image, lines, length_mm=10)
    np.testing.assert_allclose(sized.geometry.spacing, [0.5, 0.5])
    with pytest.raises(MedAIError, match="lines of 19, 9 pixel"):
        calibrate_spacing(image, lines.replace(positions=[[0, 0], [19, 0], [5, 5], [5, 14]]))


def test_templates_find_points_of_a_moved_picture_below_a_pixel(ceph):
    inside = [n for n in ceph.landmarks.present.names if n in ("sella", "orbitale", "porion", "gonion")]
    known = ceph.landmarks.selected(inside).replace(absent=None)
    array = np.roll(np.asarray(ceph.image.array), (3, -5), axis=(0, 1))
    found = match_templates(ceph.image.with_array(array), ceph.image, known, search_mm=12)
    assert np.abs(found.positions - known.positions - np.array([-5, 3])).max() < 0.5
    assert not found.absent.any()
    noise = np.random.default_rng(0).normal(size=array.shape).astype(np.float32)
    lost = match_templates(ceph.image.with_array(noise), ceph.image, known, search_mm=12)
    assert lost.absent.all()


def test_an_atlas_brings_its_points_along():
    one, two = (mr_head(k, (34, 43, 32), (6, 6, 6)) for k in (1, 2))
    found = transfer_landmarks(one.image, two.image, two.landmarks, transform="affine", device="cpu")
    before = np.linalg.norm(two.landmarks.positions - one.landmarks.positions, axis=1).mean()
    after = np.linalg.norm(found.positions - one.landmarks.positions, axis=1).mean()
    assert after < 0.6 * before
