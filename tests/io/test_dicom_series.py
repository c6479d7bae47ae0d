"""DICOM slices put in order, placed and scaled by what the files say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dicom_files import AXIAL, counted, save, slice_dataset, uid, write_series
from grids import ORIENTATIONS, rotation
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medai.core.errors import Cancelled, ReadError
from napari_medai.core.progress import Step
from napari_medai.io.describe import describe
from napari_medai.io.read import read

VOLUME = counted((5, 6, 7))


def test_order_is_that_of_positions_not_of_names_or_numbers(tmp_path):
    folder = write_series(
        tmp_path / "a", VOLUME, names=["e", "a", "d", "b", "c"], number=[5, 1, 4, 2, 3], step=(0, 0, 2.5)
    )
    (image,) = read(folder)
    assert image.axes == "zyx"
    assert np.array_equal(image.array, VOLUME)
    assert np.allclose(image.geometry.spacing, [2.5, 1, 1])


def test_pixel_spacing_is_row_then_column(tmp_path):
    (image,) = read(
        write_series(tmp_path / "a", VOLUME, spacing=(0.5, 0.8), SliceThickness=9, SpacingBetweenSlices=-9)
    )
    assert np.allclose(image.geometry.spacing, [2, 0.5, 0.8])
    assert np.allclose(image.geometry.index_to_world([1, 2, 3]), [3 * 0.8, 2 * 0.5, 2])


@given(
    orientation=st.sampled_from(ORIENTATIONS),
    angles=st.tuples(*[st.floats(-40, 40)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
)
@settings(max_examples=25)
def test_every_voxel_lies_where_its_own_file_says(tmp_path_factory, orientation, angles, spacing, origin):
    frame = rotation(angles) @ orientation
    row, column, normal = frame.T
    folder = tmp_path_factory.mktemp("series")
    write_series(
        folder, VOLUME, np.round(origin, 6), np.round(normal * spacing[0], 6), orientation=(*row, *column),
        spacing=spacing[1:],
    )  # fmt: skip
    (image,) = read(folder)
    for value in (0, 37, 150, 209):
        k, j, i = np.argwhere(value == VOLUME)[0]
        place = np.array(origin) + normal * spacing[0] * k + column * spacing[1] * j + row * spacing[2] * i
        index = np.argwhere(np.asarray(image.array) == value)[0]
        assert np.allclose(image.geometry.index_to_world(index), place, atol=1e-3)


def test_a_tilted_gantry_shears_the_grid_and_changes_no_voxel(tmp_path):
    step = np.array([0, 0.8, 3.0])
    (image,) = read(write_series(tmp_path / "a", VOLUME, (-10, 5, 2), step))
    assert np.array_equal(image.array, VOLUME)
    assert np.allclose(image.geometry.index_to_world([4, 0, 0]), np.array([-10, 5, 2]) + 4 * step)
    assert "14.9 degrees" in " ".join(image.meta["notices"])


def test_rescale_is_applied_slice_by_slice_without_truncation(tmp_path):
    slopes, offsets = [0.5, 0.25, 1.5, 1.0, 2.0], [0.0, 0.5, -1.0, 3.0, 0.0]
    (image,) = read(write_series(tmp_path / "a", VOLUME, RescaleSlope=slopes, RescaleIntercept=offsets))
    expected = VOLUME * np.reshape(slopes, (5, 1, 1)) + np.reshape(offsets, (5, 1, 1))
    assert image.array.dtype == np.float32
    assert np.array_equal(image.array, expected.astype(np.float32))


def test_whole_rescale_keeps_integers(tmp_path):
    (image,) = read(
        write_series(tmp_path / "a", VOLUME.astype("uint16"), RescaleSlope=1, RescaleIntercept=-1024)
    )
    assert image.array.dtype.kind == "i"
    assert np.array_equal(image.array, VOLUME - 1024)


@pytest.mark.parametrize("stored", [12, 10])
def test_signed_pixels_of_fewer_bits_keep_their_sign(tmp_path, stored):
    values = np.array([[-1, -2, 5], [100, -500, 0]], np.int16)
    masked = (values.view(np.uint16) & ((1 << stored) - 1)).view(np.int16)
    path = save(slice_dataset(masked, BitsStored=stored, HighBit=stored - 1), tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0].array[0], values)


def test_overlay_bits_above_the_stored_ones_are_cleared(tmp_path):
    values = np.arange(6, dtype=np.uint16).reshape(2, 3)
    path = save(slice_dataset(values | 0x8000, BitsStored=12, HighBit=11), tmp_path / "a.dcm")
    assert np.array_equal(read(path)[0].array[0], values)


def test_monochrome1_keeps_its_values_and_inverts_the_colours(tmp_path):
    path = save(slice_dataset(VOLUME[0], PhotometricInterpretation="MONOCHROME1"), tmp_path / "a.dcm")
    (image,) = read(path)
    assert np.array_equal(image.array[0], VOLUME[0])
    assert image.meta["colormap"] == "gray_r"


def test_window_and_padding_reach_meta(tmp_path):
    path = save(
        slice_dataset(
            VOLUME[0],
            WindowCenter=40,
            WindowWidth=400,
            PixelPaddingValue=-2000,
            RescaleSlope=1,
            RescaleIntercept=-24,
        ),
        tmp_path / "a.dcm",
    )
    (image,) = read(path)
    assert image.meta["window"] == {"center": 40.0, "width": 400.0}
    assert image.meta["padding"] == -2024


def test_two_series_in_one_folder_are_two_images(tmp_path):
    write_series(tmp_path, VOLUME, names=[f"a{k}" for k in range(5)], series="first")
    write_series(tmp_path, VOLUME + 7, names=[f"b{k}" for k in range(5)], series="second")
    images = {image.name: image for image in read(tmp_path)}
    assert set(images) == {"first", "second"}
    assert np.array_equal(images["second"].array, VOLUME + 7)


def test_a_localizer_in_the_series_becomes_its_own_image(tmp_path):
    write_series(tmp_path, VOLUME)
    coronal = (1, 0, 0, 0, 0, -1)
    kind = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout = slice_dataset(counted((9, 9)), (0, 3, 9), coronal, series="series", number=99, ImageType=kind)
    save(scout, tmp_path / "scout")
    images = {image.name: image.array.shape for image in read(tmp_path)}
    assert images == {"series": (5, 6, 7), "series - localizer": (1, 9, 9)}


def test_varying_exposure_does_not_split_a_series(tmp_path):
    (image,) = read(write_series(tmp_path, VOLUME, Exposure=[1, 2, 3, 4, 5], XRayTubeCurrent=[9, 8, 7, 6, 5]))
    assert image.array.shape == VOLUME.shape


def test_a_missing_slice_is_filled_with_a_notice_or_refused(tmp_path):
    places = np.array([[0, 0, z] for z in (0.0, 2.0, 6.0, 8.0, 10.0)])
    folder = write_series(tmp_path, VOLUME, positions=places)
    (image,) = read(folder)
    assert image.array.shape == (6, 6, 7)
    assert np.array_equal(image.array[[0, 1, 3, 4, 5]], VOLUME)
    assert np.allclose(image.array[2], (VOLUME[1].astype(float) + VOLUME[2]) / 2, atol=0.5)
    assert "4.00 mm apart" in image.meta["notices"][0]
    with pytest.raises(ReadError, match=r"4\.00 mm apart"):
        read(folder, gaps="error")


def test_copies_of_slices_are_left_out(tmp_path):
    write_series(tmp_path / "a", VOLUME)
    extra = slice_dataset(VOLUME[2], (0, 0, 4.0), number=99, SOPInstanceUID=uid("another"))
    save(extra, tmp_path / "a" / "copy.dcm")
    (image,) = read(tmp_path / "a")
    assert np.array_equal(image.array, VOLUME)
    assert "1 copies" in image.meta["notices"][0]


def test_different_slices_at_one_place_without_order_are_refused(tmp_path):
    write_series(tmp_path / "a", VOLUME)
    extra = slice_dataset(VOLUME[2] + 1, (0, 0, 4.0), number=99, SOPInstanceUID=uid("another"))
    save(extra, tmp_path / "a" / "other.dcm")
    with pytest.raises(ReadError, match="some positions hold 1 slices and others 2"):
        read(tmp_path / "a")


@pytest.mark.parametrize("key", ["TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime"])
def test_volumes_follow_each_other_in_time(tmp_path, key):
    for t in range(3):
        write_series(
            tmp_path, VOLUME + 100 * t, names=[f"{key}{t}{k}" for k in range(5)],
            number=[t * 5 + k + 1 for k in range(5)][::-1], **{key: 10 * (3 - t)},
        )  # fmt: skip
    (image,) = read(tmp_path)
    assert image.axes == "tzyx"
    assert np.array_equal(image.array, np.stack([VOLUME + 200, VOLUME + 100, VOLUME]))


def test_without_time_tags_instance_numbers_order_the_volumes(tmp_path):
    for t in range(3):
        numbers = [k * 3 + t + 1 for k in range(5)]
        write_series(tmp_path, VOLUME + 100 * t, names=[f"{t}{k}" for k in range(5)], number=numbers)
    (image,) = read(tmp_path)
    assert np.array_equal(image.array, np.stack([VOLUME, VOLUME + 100, VOLUME + 200]))


def test_diffusion_volumes_keep_their_b_values_and_directions(tmp_path):
    directions = [(0, 0, 0), (1, 0, 0), (0, 0.6, 0.8)]
    for t, (b, g) in enumerate(zip((0, 1000, 1000), directions, strict=True)):
        write_series(
            tmp_path, VOLUME + t, names=[f"{t}{k}" for k in range(5)], modality="MR",
            DiffusionBValue=float(b), DiffusionGradientOrientation=[list(map(float, g))] * 5,
            number=[t * 5 + k + 1 for k in range(5)],
        )  # fmt: skip
    (image,) = read(tmp_path)
    assert image.meta["b_values"] == [0, 1000, 1000]
    assert np.allclose(image.meta["b_vectors"], directions)
    assert np.array_equal(image.array[2], VOLUME + 2)


def ge_diffusion(folder, phase="COL", directions=((0, 0, 0), (1, 0, 0), (0, 0.3, 0.4))):
    for t, direction in enumerate(directions):
        for k in range(3):
            dataset = slice_dataset(
                VOLUME[k] + t, modality="MR", position=(0, 0, 3.0 * k), number=t * 3 + k + 1,
                InPlanePhaseEncodingDirection=phase, PatientPosition="HFS",
            )  # fmt: skip
            acquisition = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
            for place, value in zip((0xBB, 0xBC, 0xBD), direction, strict=True):
                acquisition.add_new(place, "DS", str(value))
            parameters = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
            parameters.add_new(0x39, "IS", [1_000_001_000 if t else 0, 8, 0, 0])
            save(dataset, folder / f"{t}{k}.dcm")


def test_directions_of_ge_are_turned_into_the_patient_and_scale_the_b_value(tmp_path):
    ge_diffusion(tmp_path)
    (image,) = read(tmp_path)
    assert image.meta["b_values"] == [0, 1000, 250]
    # Along frequency, phase and slice; the last against the normal, as dcm2niix and dicm2nii have it.
    assert np.allclose(image.meta["b_vectors"], [(0, 0, 0), (1, 0, 0), (0, 0.6, -0.8)])


def test_directions_of_ge_that_nobody_has_validated_are_left_out(tmp_path):
    ge_diffusion(tmp_path, phase="ROW")
    (image,) = read(tmp_path)
    assert image.meta["b_values"] == [0, 1000, 250]
    assert "b_vectors" not in image.meta


def test_echoes_and_components_are_images_of_their_own(tmp_path):
    for echo in (5.0, 10.0):
        for letter in "MP":
            write_series(
                tmp_path, VOLUME + int(echo) + ord(letter), names=[f"{echo}{letter}{k}" for k in range(5)],
                modality="MR", EchoTime=echo, ImageType=[["ORIGINAL", "PRIMARY", letter]] * 5,
            )  # fmt: skip
    images = {image.name: image for image in read(tmp_path)}
    assert len(images) == 4
    assert np.array_equal(images["series - phase, TE 10 ms"].array, VOLUME + 10 + ord("P"))


def test_phase_images_of_ge_are_told_apart_by_their_private_element(tmp_path):
    for kind in (0, 1):
        for k, pixels in enumerate(VOLUME):
            dataset = slice_dataset(pixels + kind, (0, 0, 2.0 * k), number=2 * k + kind + 1, modality="MR")
            block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
            block.add_new(0x2F, "SS", kind)
            dataset.Manufacturer = "GE MEDICAL SYSTEMS"
            save(dataset, tmp_path / f"{kind}{k}")
    images = {image.name: image for image in read(tmp_path)}
    assert set(images) == {"series - magnitude", "series - phase"}
    assert np.array_equal(images["series - phase"].array, VOLUME + 1)


def test_planes_that_turn_are_shown_one_by_one(tmp_path):
    for k, angle in enumerate((0, 60, 120)):
        row = rotation((0, 0, angle)) @ [1, 0, 0]
        save(slice_dataset(VOLUME[k], (0, 0, 0), [*row, 0, 0, -1.0], number=k + 1), tmp_path / f"{k}.dcm")
    images = read(tmp_path)
    assert len(images) == 3
    assert all(np.array_equal(image.array[0], VOLUME[k]) for k, image in enumerate(images))


def test_files_without_preamble_or_extension_are_read(tmp_path):
    for k in range(3):
        save(slice_dataset(VOLUME[k], (0, 0, 2 * k), number=k + 1), tmp_path / f"IM{k}", preamble=False)
    assert np.array_equal(read(tmp_path)[0].array, VOLUME[:3])


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
)
def test_every_native_transfer_syntax_gives_the_same_voxels(tmp_path, syntax):
    (image,) = read(write_series(tmp_path, VOLUME, syntax=syntax, RescaleIntercept=-5, RescaleSlope=1))
    assert np.array_equal(image.array, VOLUME - 5)
    assert image.array.dtype.isnative


def test_colour_slices_are_rgb(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (3, 4, 5, 3), dtype=np.uint8)
    (image,) = read(write_series(tmp_path, colours))
    assert image.axes == "zyxs"
    assert np.array_equal(image.array, colours)


def test_slices_without_any_place_are_no_volume(tmp_path):
    folder = write_series(tmp_path, VOLUME, ImagePositionPatient=None, ImageOrientationPatient=None)
    assert [image.axes for image in read(folder)] == ["yx"] * 5


def test_an_impossible_orientation_is_refused(tmp_path):
    with pytest.raises(ReadError, match="perpendicular"):
        read(save(slice_dataset(VOLUME[0], orientation=(1, 0, 0, 1, 0, 0)), tmp_path / "a.dcm"))


def test_nothing_about_the_patient_leaves_the_reader(tmp_path):
    folder = write_series(tmp_path / "scan", VOLUME, OtherPatientIDs="SECRET-2", StudyDate="20200101")
    (image,), rows = read(folder), describe(folder)
    said = json.dumps(
        [image.name, dict(image.meta), [r.to_json() for r in image.history], [str(r) for r in rows]]
    )
    for secret in ("Secret", "SECRET", "19700101", str(tmp_path), uid("study"), uid("series")):
        assert secret not in said


def test_description_agrees_with_the_image(tmp_path):
    folder = write_series(tmp_path / "scan", VOLUME, spacing=(0.5, 0.8))
    (image,), (row,) = read(folder), describe(folder)
    assert (row.name, row.axes, row.shape, row.modality) == ("series", "zyx", (5, 6, 7), "CT")
    assert np.allclose(row.spacing, image.geometry.spacing)
    assert row.orientation == image.geometry.orientation


def test_reading_reports_and_stops_at_the_first_cancel(tmp_path):
    folder = write_series(tmp_path / "scan", VOLUME)
    seen: list[Step] = []
    read(folder, progress=seen.append)
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1

    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        read(folder, progress=stop)


def test_axial_is_the_default_of_the_made_files():
    assert slice_dataset(VOLUME[0]).ImageOrientationPatient == list(AXIAL)
