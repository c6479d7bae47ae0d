"""Files of points: every format there and back, in the frame it states; folders of images with points."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
from dot_pictures import NAMES, draw_dots, write_dots

from napari_medai import Landmarks, MedAIError
from napari_medai.io.point_folder import read_marked_images
from napari_medai.io.points import read_points, write_points

POINTS = Landmarks(
    ("nasion", "left, eye"),
    [[1.25, -2.5, 3], [40, 50, 60.125]],
    covariance=[np.diag([1, 2, 3]), [[2, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]],
    confidence=[0.5, 1.0],
    absent=[False, True],
)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_everything_known_of_points_comes_back(tmp_path, suffix):
    back = read_points(write_points(POINTS, tmp_path / f"p{suffix}"))
    assert back.names == POINTS.names
    assert back.unit == "mm"
    for key in ("positions", "covariance", "confidence", "absent"):
        np.testing.assert_array_equal(getattr(back, key), getattr(POINTS, key))


def test_slicer_files_state_lps_and_keep_what_they_can(tmp_path):
    markups = write_points(POINTS, tmp_path / "p.mrk.json")
    controls = json.loads(markups.read_text())["markups"][0]
    assert controls["coordinateSystem"] == "LPS"
    assert [c["positionStatus"] for c in controls["controlPoints"]] == ["defined", "missing"]
    back = read_points(markups)
    np.testing.assert_allclose(back.positions, POINTS.positions)
    assert back.absent.tolist() == [False, True]
    assert read_points(write_points(POINTS, tmp_path / "p.fcsv")).names == ("nasion",)


@pytest.mark.parametrize("suffix", [".fcsv", ".mrk.json"])
def test_slicer_files_can_be_in_ras_and_say_so(tmp_path, suffix):
    path = write_points(POINTS, tmp_path / f"p{suffix}", frame="RAS")
    assert "RAS" in path.read_text()
    assert "-1.25" in path.read_text()
    np.testing.assert_allclose(read_points(path)["nasion"], POINTS["nasion"])
    with pytest.raises(MedAIError, match="only Slicer"):
        write_points(POINTS, tmp_path / "p.csv", frame="RAS")


def test_points_in_ras_are_brought_to_lps(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('{"nasion": [1, 2, 3]}')
    np.testing.assert_allclose(read_points(path, frame="RAS")["nasion"], [-1, -2, 3])
    np.testing.assert_allclose(read_points(path)["nasion"], [1, 2, 3])


def test_isbi_text_has_its_19_points_in_order_and_leaves_the_classes_alone(tmp_path):
    path = tmp_path / "001.txt"
    places = np.arange(38.0).reshape(19, 2) + 0.5
    path.write_text("".join(f"{x},{y}\n" for x, y in places) + "1\n2\n1\n")
    points = read_points(path)
    assert points.unit == "pixel"
    assert points.names[0] == "sella"
    assert points.names[18] == "articulare"
    np.testing.assert_allclose(points.positions, places)
    again = read_points(write_points(points, tmp_path / "again.txt"))
    np.testing.assert_allclose(again.positions, places)


def test_isbi_text_refuses_what_it_cannot_hold(tmp_path):
    with pytest.raises(MedAIError, match="pixels"):
        write_points(POINTS, tmp_path / "p.txt")
    flat = Landmarks(("a", "b"), [[0, 0], [1, 1]], unit="pixel", absent=[True, False])
    with pytest.raises(MedAIError, match="absent"):
        write_points(flat, tmp_path / "p.txt")


@pytest.mark.parametrize("wide", [False, True])
def test_a_table_gives_each_picture_its_points(tmp_path, wide):
    marked = read_marked_images(write_dots(tmp_path, 3, wide=wide))
    assert [m.name for m in marked] == ["case0", "case1", "case2"]
    points = marked[1].readers[0]
    assert points.names == NAMES
    assert points.unit == "pixel"
    np.testing.assert_allclose(points.positions, draw_dots(1)[1])


def test_the_pixel_size_of_the_table_or_the_caller_makes_pixels_millimetres(tmp_path):
    by_table = read_marked_images(write_dots(tmp_path / "a", 1, size=0.25))[0]
    by_caller = read_marked_images(write_dots(tmp_path / "b", 1), spacing_mm=0.25)[0]
    for marked in (by_table, by_caller):
        assert marked.image.geometry.unit == "mm"
        assert marked.readers[0].unit == "mm"
        np.testing.assert_allclose(marked.readers[0].positions, 0.25 * draw_dots(0)[1])


def test_files_beside_pictures_in_two_folders_are_two_readers(tmp_path):
    for reader, shift in (("one", 0), ("two", 2)):
        (tmp_path / reader).mkdir()
        x, y = draw_dots(0)[1][0]
        (tmp_path / reader / "a.txt").write_text(f"{x + shift},{y}\n")
    iio.imwrite(tmp_path / "a.png", draw_dots(0)[0])
    (marked,) = read_marked_images(tmp_path)
    gap = marked.readers[1].positions - marked.readers[0].positions
    np.testing.assert_allclose(gap, [[2, 0]])


def test_an_empty_place_means_that_the_point_is_not_there(tmp_path):
    iio.imwrite(tmp_path / "a.png", draw_dots(0)[0])
    (tmp_path / "p.csv").write_text("Image,Sella_x,Sella_y,N_x,N_y\na.png,3,4,,\n")
    points = read_marked_images(tmp_path)[0].readers[0]
    assert points.names == ("Sella", "N")
    assert points.absent.tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,name,x,y\nb.png,a,1,2\n", "not in the folder"),
        ("image,name,x,y\na.png,a,1,2\na.png,a,3,4\n", "'a' twice"),
        ("image,name,x,y\na.png,a,one,2\n", "needed numbers"),
        ("image,name,x,y,z\na.png,a,1,2,3\n", "2-D"),
        ("image,name,x_mm,y_mm\na.png,a,1,2\n", "how large its pixels"),
        ("name,x,y\na,1,2\n", "no landmarks"),
    ],
)
def test_tables_that_cannot_be_used_say_why(tmp_path, text, said):
    iio.imwrite(tmp_path / "a.png", draw_dots(0)[0])
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(MedAIError, match=said):
        read_marked_images(tmp_path)


LAYOUTS = {
    "a point a row": "Image Name,Landmark,X (px),Y (px)\na.png,sella,3.5,4\na.png,apex,5,6\n",
    "an image a row": "image_path,sella_x,sella_y,apex_x,apex_y\nimages/a.png,3.5,4,5,6\n",
    "axes first": "file,x_sella,y_sella,x_apex,y_apex\na,3.5,4,5,6\n",
    "blanks and brackets": "Filename;sella (x);sella (y);apex (x);apex (y)\na.png;3,5;4;5;6\n",
    "windows": "file_name\tsella x\tsella y\tapex x\tapex y\nC:\\images\\a.png\t3.5\t4\t5\t6\n\t\t\t\t\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_tables_are_understood_however_they_are_laid_out(tmp_path, text):
    iio.imwrite(tmp_path / "a.png", draw_dots(0)[0])
    (tmp_path / "p.csv").write_text(text)
    points = read_marked_images(tmp_path)[0].readers[0]
    assert points.names == ("sella", "apex")
    np.testing.assert_array_equal(points.positions, [[3.5, 4], [5, 6]])


def test_points_may_be_numbered_and_images_written_without_leading_zeros(tmp_path):
    for number in ("001", "002"):
        iio.imwrite(tmp_path / f"{number}.png", draw_dots(0)[0])
    (tmp_path / "p.csv").write_text("id,x1,y1,x2,y2\n1,3,4,5,6\n2,7,8,9,10\n")
    one, two = read_marked_images(tmp_path)
    assert (one.name, two.name) == ("001", "002")
    assert one.readers[0].names == ("1", "2")
    np.testing.assert_array_equal(two.readers[0]["2"], [9, 10])


def test_images_of_one_name_are_told_apart_by_their_folders_or_refused(tmp_path):
    for folder, seed in (("one", 0), ("two", 1)):
        (tmp_path / folder).mkdir()
        iio.imwrite(tmp_path / folder / "a.png", draw_dots(seed)[0])
    (tmp_path / "p.csv").write_text("image,name,x,y\ntwo/a.png,sella,3,4\n")
    (marked,) = read_marked_images(tmp_path)
    np.testing.assert_array_equal(marked.image.array, draw_dots(1)[0])
    (tmp_path / "p.csv").write_text("image,name,x,y\na.png,sella,3,4\n")
    with pytest.raises(MedAIError, match="2 of that name"):
        read_marked_images(tmp_path)


def test_a_workbook_called_csv_is_told_from_text(tmp_path):
    iio.imwrite(tmp_path / "a.png", draw_dots(0)[0])
    (tmp_path / "p.csv").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(MedAIError, match="UTF-8"):
        read_marked_images(tmp_path, tmp_path / "p.csv")


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".png", ".jpg"])
def test_grey_and_colour_pictures_of_any_kind_take_the_pixel_size_that_is_given(tmp_path, suffix):
    from napari_medai.train.landmarks import case_of

    picture = draw_dots(0)[0]
    iio.imwrite(tmp_path / f"grey{suffix}", picture)
    iio.imwrite(tmp_path / f"colour{suffix}", np.repeat(picture[..., None], 3, axis=2))
    places = "".join(f"{x},{y}\n" for x, y in draw_dots(0)[1])
    for name in ("grey", "colour"):
        (tmp_path / f"{name}.txt").write_text(places)
    colour, grey = (case_of(m) for m in read_marked_images(tmp_path, spacing_mm=0.1))
    assert colour.image.axes == grey.image.axes == "yx"
    assert colour.image.array.dtype == np.uint8
    np.testing.assert_allclose(grey.points.positions, 0.1 * draw_dots(0)[1])
    assert colour.points.unit == "mm"


def test_the_folders_of_isbi_2015_are_read_as_they_come(tmp_path):
    from napari_medai.io.points_isbi import ISBI_NAMES
    from napari_medai.train.landmarks import case_of

    places = np.random.default_rng(3).uniform(2, 30, (19, 2)).round()
    raw = tmp_path / "RawImage" / "TrainingData"
    raw.mkdir(parents=True)
    iio.imwrite(raw / "001.bmp", np.repeat(draw_dots(0)[0][..., None], 3, axis=2))
    for reader, shift in (("400_junior", 1), ("400_senior", -1)):
        folder = tmp_path / "AnnotationsByMD" / reader
        folder.mkdir(parents=True)
        lines = [f"{x + shift:.0f},{y:.0f}" for x, y in places]
        (folder / "001.txt").write_text("\r\n".join([*lines, *"12111111"]) + "\r\n")
    (marked,) = read_marked_images(tmp_path, spacing_mm=0.1)
    assert len(marked.readers) == 2
    case = case_of(marked)
    assert case.points.names == ISBI_NAMES
    np.testing.assert_allclose(case.points.positions, 0.1 * places)
