"""Cephalometric measures against hand calculation and Monte Carlo."""

import numpy as np
import pytest

from napari_medai import Landmarks, MedAIError
from napari_medai.landmarks import analyze_cephalogram
from napari_medai.landmarks.ceph_measures import MEASURES
from napari_medai.landmarks.ceph_names import ISBI_ORDER, usual_names
from napari_medai.phantoms.ceph import cephalogram

FACE = {
    "S": (0, 0), "N": (70, -5), "A": (66, 55), "B": (60, 95), "Po": (-20, 20), "Or": (60, 22), "Go": (-8, 88),
    "Me": (54, 120), "Gn": (60, 118), "Pog": (62, 112), "L1": (69, 79), "L1a": (58, 99), "U1": (72, 81),
    "U1a": (61, 59), "Prn": (96, 44), "Pog'": (74, 111), "UL": (86, 73), "LL": (83, 86), "U6": (41, 77),
    "L6": (40, 76),
}  # fmt: skip


def face(**changes):
    places = {**FACE, **changes}
    return Landmarks(tuple(places), list(places.values()))


def value(points, name, **options):
    table = analyze_cephalogram(points, **options).table.set_index("measure")
    return table.loc[name]


def test_anb_of_a_case_computed_by_hand_equals_the_formula():
    # N at the origin, S to the left; A straight below N; B 2 behind
    points = Landmarks(("S", "N", "A", "B"), [[-70, 0], [0, 0], [0, 50], [-2, 40]])
    assert value(points, "SNA").value == pytest.approx(90)
    assert value(points, "SNB").value == pytest.approx(np.degrees(np.arctan2(40, 2)))
    assert value(points, "ANB").value == pytest.approx(90 - np.degrees(np.arctan2(40, 2)))


def test_planes_and_lines_computed_by_hand():
    points = face(
        Po=(0, 0), Or=(80, 0), Go=(0, 80), Me=(60, 120), S=(0, 0), N=(70, 0), Gn=(60, 120), Pog=(70, 110)
    )
    slope = np.degrees(np.arctan2(40, 60))
    assert value(points, "FMA").value == pytest.approx(slope)
    assert value(points, "SN-GoGn").value == pytest.approx(slope)
    assert value(points, "Facial angle").value == pytest.approx(90)
    assert value(points, "Y axis").value == pytest.approx(np.degrees(np.arctan2(120, 60)))


def test_wits_and_lips_are_signed_towards_the_face():
    flat = {"U1": (60, 80), "L1": (60, 80), "U6": (30, 80), "L6": (30, 80)}
    assert value(face(A=(55, 50), B=(50, 100), **flat), "Wits").value == pytest.approx(5)
    upright = {"Prn": (90, 40), "Pog'": (90, 110)}
    assert value(face(UL=(86, 70), **upright), "Upper lip to E-line").value == pytest.approx(-4)
    assert value(face(LL=(91, 85), **upright), "Lower lip to E-line").value == pytest.approx(1)


def test_a_face_that_looks_to_the_left_measures_the_same():
    points = face()
    mirrored = points.replace(positions=points.positions * [-1, 1] + [300, 0])
    one, two = (analyze_cephalogram(p).table for p in (points, mirrored))
    np.testing.assert_allclose(one["value"], two["value"], atol=1e-9)
    assert list(one["class"]) == list(two["class"])


def test_propagated_errors_agree_with_a_monte_carlo_of_10000_draws_within_5_percent():
    rng = np.random.default_rng(3)
    points = face()
    root = rng.normal(0, 0.3, (len(points), 2, 2))
    covariance = root @ root.transpose(0, 2, 1) + 0.15 * np.eye(2)
    table = analyze_cephalogram(points.replace(covariance=covariance)).table.set_index("measure")
    noise = np.einsum(
        "nij,dnj->dni", np.linalg.cholesky(covariance), rng.normal(size=(10_000, len(points), 2))
    )
    rows = usual_names(points)
    for measure in MEASURES:
        draws = [measure.formula({s: (points.positions + d)[rows[s]] for s in measure.points}) for d in noise]
        assert table.loc[measure.name, "standard_error"] == pytest.approx(np.std(draws), rel=0.05), (
            measure.name
        )


def test_a_value_near_a_limit_is_indeterminate_and_a_clear_one_is_not():
    points = Landmarks(("S", "N", "A", "B"), [[-70, 0], [0, 0], [0, 50], [-2.7, 40]])  # ANB 3.86
    assert value(points, "ANB")["class"] == "class I"
    loose = points.replace(covariance=np.tile(np.eye(2) * 0.5, (4, 1, 1)))
    assert value(loose, "ANB")["class"] == "indeterminate"
    assert value(points, "ANB", anb_range="common")["class"] == "class I"
    deep = points.replace(positions=[[-70, 0], [0, 0], [0, 50], [-4.5, 40]])
    assert value(deep, "ANB")["class"] == "class II"
    assert value(deep.replace(positions=[[-70, 0], [0, 0], [0, 50], [0, 40]]), "ANB")["class"] == "class III"


def test_points_that_are_missing_or_absent_are_named():
    points = face().selected(["S", "N", "A", "B", "Po", "Or"])
    assert value(points, "FMA").note == "needs Go, Me"
    absent = points.replace(absent=[n == "B" for n in points.names])
    assert value(absent, "ANB").note == "needs B"
    assert np.isnan(value(absent, "ANB").value)


def test_lengths_of_points_in_pixels_are_not_judged():
    row = value(face().replace(unit="pixel"), "Wits")
    assert row["class"] == ""
    assert "calibrate" in row.note
    assert value(face().replace(unit="pixel"), "SNA")["class"]


def test_names_are_understood_as_written_or_numbered():
    long = cephalogram(0, (100, 90), (2, 2)).landmarks
    assert len(usual_names(long)) == len(long)
    numbered = Landmarks(tuple(f"L{k}" for k in range(1, 20)), np.arange(38.0).reshape(19, 2))
    assert list(usual_names(numbered)) == list(ISBI_ORDER)
    assert usual_names(Landmarks(("L1", "U1"), [[0, 0], [1, 1]])) == {"L1": 0, "U1": 1}


def test_bad_points_are_refused_with_what_is_needed():
    with pytest.raises(MedAIError, match="both mean S"):
        analyze_cephalogram(Landmarks(("S", "sella"), [[0, 0], [1, 1]]))
    with pytest.raises(MedAIError, match="in space"):
        analyze_cephalogram(Landmarks(("S",), [[0, 0, 0]]))
    with pytest.raises(MedAIError, match="None of the measures"):
        analyze_cephalogram(Landmarks(("left eye", "right eye"), [[0, 0], [1, 1]]))


def test_the_drawing_holds_the_lines_whose_points_are_there():
    drawing = analyze_cephalogram(face().selected(["S", "N", "A", "B"])).drawing
    assert drawing.names == ("SN", "NA", "NB")
    np.testing.assert_allclose(drawing.paths[1], [FACE["N"], FACE["A"]])
    assert drawing.texts[1].startswith("SNA ")
