"""What scanners, archives and anonymisers do to series: read right, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import counted, save, slice_dataset, write_series
from dicom_truth import check
from pydicom.dataset import Dataset

from napari_medai.core.errors import ReadError
from napari_medai.io.read import read

VOLUME = counted((6, 7, 8))
POSITIONS = np.array([[0, 0, 2.0 * k] for k in range(6)])


def test_positions_that_were_overwritten_are_not_taken_for_a_time_series(tmp_path):
    same = np.zeros((6, 3))
    folder = write_series(tmp_path, VOLUME, positions=same, SliceLocation=[2.0 * k for k in range(6)])
    with pytest.raises(ReadError, match=r"slice locations from 0\.00 to 10\.00 mm"):
        read(folder)


def test_a_true_time_series_has_one_slice_location_and_is_read(tmp_path):
    folder = write_series(
        tmp_path,
        VOLUME,
        positions=np.zeros((6, 3)),
        SliceLocation=5.0,
        TriggerTime=[100.0 * k for k in range(6)],
    )
    (image,) = read(folder)
    assert image.axes == "tzyx"
    assert np.array_equal(image.array[:, 0], VOLUME)


def test_two_series_that_were_given_one_uid_are_told_apart_by_their_numbers(tmp_path):
    write_series(tmp_path / "a", VOLUME, SeriesNumber=4)
    write_series(tmp_path / "b", VOLUME + 1, SeriesNumber=5, names=[f"b{k}" for k in range(6)])
    images = read(tmp_path)
    assert [image.axes for image in images] == ["zyx", "zyx"]
    assert sorted(int(image.array.min()) for image in images) == [0, 1]


def test_series_whose_uids_were_removed_are_told_apart_by_what_is_left(tmp_path):
    for name in ("t1", "t2"):
        write_series(
            tmp_path / name, VOLUME, SeriesInstanceUID=None, SeriesNumber=None, SeriesDescription=name
        )
    assert sorted(image.name for image in read(tmp_path)) == ["t1", "t2"]


@pytest.mark.parametrize("order", ["slice by slice", "volume by volume"])
def test_dynamic_volumes_follow_time_however_they_are_numbered(tmp_path, order):
    volumes = np.stack([VOLUME + 1000 * t for t in range(3)])
    for t in range(3):
        for k in range(6):
            number = 1 + (3 * k + t if order == "slice by slice" else 6 * t + k)
            dataset = slice_dataset(
                volumes[t, k],
                POSITIONS[k],
                number=number,
                modality="MR",
                AcquisitionTime=f"1200{10 + t:02d}.{k}",
            )
            save(dataset, tmp_path / f"{number:03d}")
    (image,) = read(tmp_path)
    assert np.array_equal(image.array, volumes)
    check(tmp_path, [image])


def test_dynamic_pet_keeps_its_own_slope_in_every_frame(tmp_path):
    for t in range(3):
        for k in range(6):
            dataset = slice_dataset(
                VOLUME[k], POSITIONS[k], number=1 + 6 * t + k, modality="PT", RescaleSlope=0.5 + t + k / 10,
                RescaleIntercept=0, FrameReferenceTime=1000.0 * t, Units="BQML",
            )  # fmt: skip
            save(dataset, tmp_path / f"{t}{k}")
    (image,) = read(tmp_path)
    assert image.array.shape == (3, 6, 7, 8)
    assert check(tmp_path, [image]) == 18
    for t, k in ((0, 0), (2, 5), (1, 3)):
        assert np.allclose(image.array[t, k], VOLUME[k] * (0.5 + t + k / 10), rtol=1e-6)


def test_dixon_contrasts_are_images_of_their_own(tmp_path):
    for n, letter in enumerate(("W", "F", "IP", "OP")):
        write_series(
            tmp_path / letter, VOLUME + n, modality="MR", ImageType=f"DERIVED\\PRIMARY\\DIXON\\{letter}",
            names=[f"{letter}{k}" for k in range(6)],
        )  # fmt: skip
    images = read(tmp_path)
    assert len(images) == 4
    assert sorted(int(image.array.min()) for image in images) == [0, 1, 2, 3]
    assert len({image.name for image in images}) == 4


def test_trace_and_apparent_diffusion_images_are_not_mixed_with_the_weighted_ones(tmp_path):
    kinds = (("ORIGINAL", 0.0), ("ORIGINAL", 800.0), ("DERIVED", None))
    for n, (kind, b_value) in enumerate(kinds):
        extra = {"DiffusionBValue": b_value} if b_value is not None else {}
        write_series(
            tmp_path / str(n), VOLUME + n, modality="MR", names=[f"{n}{k}" for k in range(6)],
            ImageType=f"{kind}\\PRIMARY\\{'ADC' if kind == 'DERIVED' else 'DIFFUSION'}",
            number=[n * 6 + k for k in range(6)], **extra,
        )  # fmt: skip
    weighted, derived = sorted(read(tmp_path), key=lambda image: -image.array.ndim)
    assert list(weighted.meta["b_values"]) == [0.0, 800.0]
    assert np.array_equal(weighted.array, [VOLUME, VOLUME + 1])
    assert np.array_equal(derived.array, VOLUME + 2)


@pytest.mark.parametrize("scheme", ["odd then even", "reverse", "shuffled"])
def test_interleaved_slices_are_put_in_place(tmp_path, scheme):
    order = {
        "odd then even": [0, 2, 4, 1, 3, 5],
        "reverse": [5, 4, 3, 2, 1, 0],
        "shuffled": [3, 0, 5, 1, 4, 2],
    }[scheme]
    for number, k in enumerate(order, start=1):
        acquisition = 1 + k % 2 if scheme == "odd then even" else 1
        dataset = slice_dataset(VOLUME[k], POSITIONS[k], number=number, AcquisitionNumber=acquisition)
        save(dataset, tmp_path / f"{number}")
    (image,) = read(tmp_path)
    assert np.array_equal(image.array, VOLUME)


def test_missing_instance_numbers_and_times_do_not_matter(tmp_path):
    folder = write_series(tmp_path, VOLUME[::-1], (0, 0, 10), (0, 0, -2.0), InstanceNumber=None)
    (image,) = read(folder)
    assert check(folder, [image]) == 6


def test_tilt_and_a_missing_slice_together(tmp_path):
    orientation = (1, 0, 0, 0, np.cos(0.3), -np.sin(0.3))
    places = np.array([[0, 0, 5.0 * k] for k in (0, 1, 2, 4, 5, 6)])
    folder = write_series(tmp_path, VOLUME, positions=places, orientation=orientation)
    (image,) = read(folder)
    assert image.array.shape[0] == 7
    assert image.geometry.shear_deg > 10
    assert check(folder, [image]) == 6
    assert any("10.00 mm apart" in notice for notice in image.meta["notices"])
    with pytest.raises(ReadError, match=r"10\.00 mm apart"):
        read(folder, gaps="error")


def test_positions_with_one_decimal_make_an_even_grid(tmp_path):
    places = np.round([[0, 0, 0.625 * k] for k in range(6)], 1)
    (image,) = read(write_series(tmp_path, VOLUME, positions=places))
    assert image.array.shape == (6, 7, 8)
    assert not image.meta.get("notices")


def test_two_tilts_in_one_head_scan_are_two_images(tmp_path):
    for part, angle in enumerate((0.0, 0.25)):
        orientation = (1, 0, 0, 0, np.cos(angle), -np.sin(angle))
        write_series(
            tmp_path / str(part), VOLUME, (0, 0, 40.0 * part), (0, 0, 5.0), orientation=orientation,
            names=[f"{part}{k}" for k in range(6)], number=[6 * part + k for k in range(6)],
        )  # fmt: skip
    images = read(tmp_path)
    assert len(images) == 2
    assert check(tmp_path, images) == 12


@pytest.mark.parametrize("kind", ["RECON TOMO", "RECON GATED TOMO"])
def test_gated_nuclear_volumes_are_placed_by_their_vectors(tmp_path, kind):
    volumes = np.stack([counted((4, 5, 6), "uint16") + 500 * t for t in range(3)])
    dataset = slice_dataset(volumes[0, 0], spacing=(2.0, 2.0), modality="NM", SpacingBetweenSlices=2.5)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        del dataset[keyword]
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [1, 2, 30], [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = [detector]
    dataset.NumberOfFrames, dataset.PixelData = 12, volumes.tobytes()
    dataset.TimeSlotVector = [t + 1 for t in range(3) for _ in range(4)]
    dataset.SliceVector = [k + 1 for _ in range(3) for k in range(4)]
    (image,) = read(save(dataset, tmp_path / "nm.dcm"))
    assert image.axes == "tzyx"
    assert np.array_equal(image.array, volumes)
    assert np.allclose(image.geometry.index_to_world([3, 0, 0]), [1, 2, 37.5])


def test_a_mosaic_is_one_whatever_an_anonymiser_left_of_its_image_type(tmp_path):
    tiles = counted((7, 4, 5), "uint16")
    picture = np.zeros((12, 15), np.uint16)
    for k, tile in enumerate(tiles):
        picture[k // 3 * 4 :][:4, k % 3 * 5 :][:, :5] = tile
    dataset = slice_dataset(
        picture, (0, 0, 0), modality="MR", SpacingBetweenSlices=3.5, Manufacturer="SIEMENS", NumberOfFrames=1,
        ImageType=["ORIGINAL", "PRIMARY"],
    )  # fmt: skip
    dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 7)
    (image,) = read(save(dataset, tmp_path / "m.dcm"))
    assert np.array_equal(image.array, tiles)
    assert any("direction" in notice for notice in image.meta["notices"])


@pytest.mark.parametrize(("stored", "signed"), [(12, False), (12, True), (16, False), (16, True), (10, True)])
@pytest.mark.parametrize("slope", [1, 2, 0.5])
def test_signs_bits_and_slopes_in_every_combination(tmp_path, stored, signed, slope):
    low = -(1 << (stored - 1)) if signed else 0
    values = np.linspace(low, low + (1 << stored) - 1, 6 * 7 * 8).astype(np.int64).reshape(6, 7, 8)
    pixels = values.astype(np.int16 if signed else np.uint16)
    folder = write_series(
        tmp_path, pixels, BitsStored=stored, HighBit=stored - 1, RescaleSlope=slope, RescaleIntercept=-1024
    )
    (image,) = read(folder)
    assert np.array_equal(image.array, values * slope - 1024)


def test_slices_that_stray_a_little_are_one_volume_with_a_notice(tmp_path):
    stray = np.random.default_rng(0).uniform(-0.08, 0.08, (6, 3))
    folder = write_series(tmp_path, VOLUME, positions=np.array([[0, 0, 3.0 * k] for k in range(6)]) + stray)
    (image,) = read(folder)
    assert np.array_equal(image.array, VOLUME)
    assert (
        np.abs(image.geometry.index_to_world([[k, 0, 0] for k in range(6)])[:, 2] - 3 * np.arange(6)).max()
        < 0.1
    )
    assert any("stray" in notice for notice in image.meta["notices"])
    with pytest.raises(ReadError):
        read(folder, gaps="error")


def test_two_regions_far_apart_are_two_images_not_one_with_invented_slices(tmp_path):
    places = np.array([[x, 0, 0] for x in (-60, -58, -56, 56, 58, 60)], float)
    folder = write_series(tmp_path, VOLUME, positions=places, orientation=(0, 1, 0, 0, 0, -1))
    images = read(folder)
    assert [image.array.shape for image in images] == [(3, 7, 8)] * 2
    assert check(folder, images) == 6
