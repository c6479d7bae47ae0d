"""Ways in which manufacturers pack many slices into one file: mosaics, grids, enhanced and nuclear files."""

from __future__ import annotations

import struct

import numpy as np
import pydicom
import pytest
from dicom_files import counted, save, slice_dataset
from pydicom.dataset import Dataset

from napari_medai.core.errors import ReadError
from napari_medai.io.dicom.csa import csa_values
from napari_medai.io.read import read

TILES = counted((7, 8, 10), "uint16")
OBLIQUE = (1.0, 0.0, 0.0, 0.0, 0.8, 0.6)
NORMAL = np.cross(OBLIQUE[:3], OBLIQUE[3:])


def tiled(volume):
    """Seven tiles in a 3 x 3 picture."""
    picture = np.zeros((3 * volume.shape[1], 3 * volume.shape[2]), volume.dtype)
    for k, tile in enumerate(volume):
        row, column = divmod(k, 3)
        picture[row * tile.shape[0] :][: tile.shape[0], column * tile.shape[1] :][:, : tile.shape[1]] = tile
    return picture


def csa_header(**values):
    """A private header in the newer of its two layouts."""
    data = b"SV10\4\3\2\1" + struct.pack("<2I", len(values), 77)
    for name, items in values.items():
        data += struct.pack("<64si4siii", name.encode(), len(items), b"FD", 0, len(items), 77)
        for item in items:
            text = f"{item}".encode() + b"\0"
            data += struct.pack("<4i", 0, len(text), 77, 0) + text + bytes(-len(text) % 4)
    return data


def mosaic(tmp_path, normal=None, csa=True, **elements):
    corner = np.array([-20.0, 5.0, 30.0])
    # The stated position is that of a single slice as large as the mosaic, around the same centre.
    stated = corner - np.array(OBLIQUE[:3]) * 1.5 * (30 - 10) / 2 - np.array(OBLIQUE[3:]) * 2.0 * (24 - 8) / 2
    dataset = slice_dataset(
        tiled(TILES), stated, OBLIQUE, (2.0, 1.5), modality="MR", SpacingBetweenSlices=3.5,
        Manufacturer="SIEMENS", ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"], **elements,
    )  # fmt: skip
    if csa:
        block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        vector = [f"{v:.8f}" for v in (NORMAL if normal is None else normal)]
        block.add_new(0x10, "OB", csa_header(NumberOfImagesInMosaic=[7], SliceNormalVector=vector))
    return save(dataset, tmp_path / "mosaic.dcm"), corner


@pytest.mark.parametrize("sign", [1, -1])
def test_tiles_of_a_mosaic_lie_where_the_first_tile_and_the_normal_say(tmp_path, sign):
    path, corner = mosaic(tmp_path, NORMAL * sign)
    (image,) = read(path)
    for k, j, i in [(0, 0, 0), (6, 7, 9), (3, 2, 5)]:
        place = (
            corner
            + sign * NORMAL * 3.5 * k
            + np.array(OBLIQUE[3:]) * 2.0 * j
            + np.array(OBLIQUE[:3]) * 1.5 * i
        )
        index = image.geometry.world_to_index(place)
        assert np.allclose(index, np.rint(index), atol=1e-4)
        assert image.array[tuple(np.rint(index).astype(int))] == TILES[k, j, i]


def test_a_mosaic_without_its_private_header_is_refused(tmp_path):
    path, _ = mosaic(tmp_path, csa=False)
    with pytest.raises(ReadError, match="Siemens mosaic"):
        read(path)


def test_mosaics_that_follow_the_head_become_one_image_with_a_notice(tmp_path):
    for k, shift in enumerate((0.0, 0.4, -0.7)):
        path, _ = mosaic(tmp_path, number=k + 1)
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient[2] += shift
        dataset.PixelData = tiled(TILES + k).tobytes()
        dataset.SOPInstanceUID = f"1.2.3.{k + 1}"
        save(dataset, tmp_path / "run" / f"{k}.dcm")
    (image,) = read(tmp_path / "run")
    assert np.array_equal(image.array, np.stack([TILES, TILES + 1, TILES + 2]))
    assert "0.70 mm" in image.meta["notices"][0]


@pytest.mark.parametrize("cut", [0, 10, 90, 140])
def test_a_damaged_private_header_gives_nothing(cut):
    assert csa_values(csa_header(A=[1, 2], B=["x"])[:cut]) == {}


def test_tiles_of_a_uih_grid_lie_where_the_private_sequence_says(tmp_path):
    dataset = slice_dataset(tiled(TILES), (0, 0, 0), OBLIQUE, (2.0, 1.5), modality="MR", Manufacturer="UIH")
    block = dataset.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x50, "DS", "7")
    items = []
    for k in range(7):
        item = Dataset()
        item.ImagePositionPatient = [float(v) for v in np.array([1.0, 2.0, 3.0]) + NORMAL * 4.0 * k]
        items.append(item)
    block.add_new(0x51, "SQ", items)
    (image,) = read(save(dataset, tmp_path / "grid.dcm"))
    assert np.array_equal(image.array, TILES)
    assert np.allclose(image.geometry.origin, [1, 2, 3])
    assert np.allclose(image.geometry.spacing, [4, 2, 1.5])


def enhanced(volumes, path, order=None, **per_frame):
    """An enhanced file of ``volumes`` (t, z, y, x), its frames in any order."""
    flat = [(t, z) for t in range(len(volumes)) for z in range(volumes.shape[1])]
    flat = [flat[k] for k in (order if order is not None else range(len(flat)))]
    dataset = slice_dataset(volumes[0, 0], modality="MR")
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del dataset[keyword]
    dataset.NumberOfFrames = len(flat)
    dataset.PixelData = np.stack([volumes[t, z] for t, z in flat]).tobytes()
    shared, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient, measures.PixelSpacing, measures.SliceThickness = (
        list(OBLIQUE),
        [2.0, 1.5],
        9,
    )
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measures]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for t, z in flat:
        own, place, content, scale = Dataset(), Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [float(v) for v in NORMAL * 3.0 * z]
        content.TemporalPositionIndex, content.StackID = t + 1, "1"
        scale.RescaleSlope, scale.RescaleIntercept = 1.0 + t, 0.5
        own.PlanePositionSequence, own.FrameContentSequence = [place], [content]
        own.PixelValueTransformationSequence = [scale]
        dataset.PerFrameFunctionalGroupsSequence.append(own)
    for keyword, value in per_frame.items():
        setattr(dataset, keyword, value)
    return save(dataset, path)


def test_frames_of_an_enhanced_file_are_sorted_and_scaled_one_by_one(tmp_path):
    volumes = counted((3, 4, 5, 6), "uint16")
    order = np.random.default_rng(1).permutation(12)
    (image,) = read(enhanced(volumes, tmp_path / "e.dcm", order))
    assert image.axes == "tzyx"
    expected = volumes * np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1, 1) + 0.5
    assert np.allclose(image.array, expected)
    assert np.allclose(
        image.geometry.index_to_world([3, 1, 2]), NORMAL * 9 + np.array(OBLIQUE[3:]) * 2 + [3, 0, 0]
    )


def test_an_enhanced_file_that_describes_too_few_frames_is_refused(tmp_path):
    path = enhanced(counted((1, 4, 5, 6), "uint16"), tmp_path / "e.dcm")
    dataset = pydicom.dcmread(path)
    dataset.PerFrameFunctionalGroupsSequence = dataset.PerFrameFunctionalGroupsSequence[:3]
    dataset.save_as(path)
    with pytest.raises(ReadError, match="describes 3"):
        read(path)


def test_a_reconstructed_nuclear_volume_is_placed_by_its_detector(tmp_path):
    volume = counted((4, 5, 6), "uint16")
    dataset = slice_dataset(volume[0], spacing=(2.0, 2.0), modality="NM", SpacingBetweenSlices=-2.5)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        del dataset[keyword]
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [1, 2, 30], [1, 0, 0, 0, 1, 0]
    dataset.DetectorInformationSequence = [detector]
    dataset.NumberOfFrames, dataset.PixelData = 4, volume.tobytes()
    (image,) = read(save(dataset, tmp_path / "nm.dcm"))
    assert image.axes == "zyx"
    assert np.array_equal(image.array, volume[::-1])
    assert np.allclose(image.geometry.index_to_world([3, 0, 0]), [1, 2, 30])


def test_an_ultrasound_cine_knows_its_pixel_size_and_frame_time(tmp_path):
    frames = counted((4, 5, 6, 3), "uint8")
    dataset = slice_dataset(frames[0], modality="US", FrameTime=40)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del dataset[keyword]
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    dataset.SequenceOfUltrasoundRegions = [region]
    dataset.NumberOfFrames, dataset.PixelData = 4, frames.tobytes()
    (image,) = read(save(dataset, tmp_path / "us.dcm"))
    assert image.axes == "tyxs"
    assert np.array_equal(image.array, frames)
    assert np.allclose(image.geometry.spacing, [0.3, 0.2])
    assert image.meta["time_step_s"] == pytest.approx(0.04)


def test_a_radiograph_says_that_its_pixel_size_is_the_detectors(tmp_path):
    dataset = slice_dataset(counted((5, 6), "uint16"), modality="DX", ImagerPixelSpacing=[0.14, 0.15])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del dataset[keyword]
    (image,) = read(save(dataset, tmp_path / "dx.dcm"))
    assert image.axes == "yx"
    assert np.allclose(image.geometry.spacing, [0.14, 0.15])
    assert "detector" in image.meta["notices"][0]
