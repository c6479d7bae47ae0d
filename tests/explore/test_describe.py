"""Descriptions say what is there, and hide who it is."""

import numpy as np
import pytest
from made_dicom import write_dicom
from made_images import ball, colour, grid, noisy

from napari_medai.core.errors import ArgumentError, GeometryError, ReadError
from napari_medai.explore import describe, describe_files, histogram


def test_a_table_of_images_says_size_place_and_values():
    image = noisy((4, 5, 6)).replace(name="scan", meta={"modality": "MR"})
    broken = image.with_array(np.where(image.array > 100, np.nan, image.array))
    table = describe([image, broken, ball(grid()), colour()])
    first = table.iloc[0]
    assert first[["name", "modality", "size", "spacing", "extent", "unit"]].tolist() == [
        "scan", "MR", "4 x 5 x 6", "2 x 1 x 1", "8 x 5 x 6", "mm",
    ]  # fmt: skip
    assert first["mean"] == pytest.approx(image.array.mean(), rel=1e-5)
    assert table["invalid"].tolist()[:2] == [0, int(np.isnan(broken.array).sum())]
    assert table["labels"].tolist() == [0, 0, 1, 0]


def test_patients_are_hidden_unless_asked_for(tmp_path):
    for k in range(4):
        write_dicom(tmp_path, k)
    hidden = describe_files(tmp_path)
    assert "Doe" not in hidden.to_csv()
    assert "4711" not in hidden.to_csv()
    assert "19700101" not in hidden.to_csv()
    assert hidden["sex"].tolist() == ["F"]
    assert hidden["spacing"].tolist() == ["2.5 x 0.8 x 0.8"]
    shown = describe_files(tmp_path, hide_identity=False)
    assert shown["patient_name"].tolist() == ["Doe^Jane"]
    with pytest.raises(ReadError):
        describe_files(tmp_path / "nothing")


def test_histogram_agrees_with_numpy_and_looks_within_labels():
    image = noisy((12, 20, 20), spacing=(1.0, 1.0, 1.0))
    table = histogram(image, bins=50, log_scale=True)
    counts, edges = np.histogram(image.array, 50)
    np.testing.assert_array_equal(table["count"], counts)
    np.testing.assert_allclose(table["low"], edges[:-1])
    np.testing.assert_allclose(table["log_count"], np.log10(1 + counts))
    labels = image.with_array(
        np.indices((12, 20, 20))[0] // 4, kind="labels", meta={"labels": {"1": "liver"}}
    )
    parts = histogram(image, labels, bins=50)
    assert parts["region"].unique().tolist() == ["liver", "2"]
    inside = np.histogram(image.array[labels.array == 1], edges)[0]
    np.testing.assert_array_equal(parts[parts["region"] == "liver"]["count"], inside)
    assert parts.groupby("region")["share"].sum().tolist() == pytest.approx([1, 1])


def test_colours_have_three_histograms_and_bad_input_is_said():
    assert histogram(colour())["channel"].unique().tolist() == ["red", "green", "blue"]
    with pytest.raises(ArgumentError, match="finite"):
        histogram(noisy().with_array(np.full((8, 10, 12), np.nan)))
    with pytest.raises(GeometryError, match="another grid"):
        histogram(noisy(), ball(grid()))
