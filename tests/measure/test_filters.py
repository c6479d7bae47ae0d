"""Claims about response maps: SciPy, closed forms of waves and polynomials, and turns of the image."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from label_shapes import intensity
from scipy import ndimage

from napari_medai.core.errors import ArgumentError
from napari_medai.measure.radiomics.filters.fourier import filter_riesz, filter_simoncelli, transfer
from napari_medai.measure.radiomics.filters.gabor import filter_gabor
from napari_medai.measure.radiomics.filters.laplacian import filter_log
from napari_medai.measure.radiomics.filters.laws import KERNELS, filter_laws
from napari_medai.measure.radiomics.filters.mean import filter_mean
from napari_medai.measure.radiomics.filters.orientations import turned
from napari_medai.measure.radiomics.filters.wavelet import SCALING, filter_wavelet, filters

VALUES = np.random.default_rng(0).normal(size=(14, 18, 21))


def mapped(function, array=VALUES, spacing=(1.0, 1.0, 1.0), **options):
    return np.asarray(function(intensity(array, spacing), **options).array)


@pytest.mark.parametrize("boundary", ["mirror", "nearest", "zero", "periodic"])
def test_mean_equals_scipy_at_every_boundary(boundary):
    mode = {"mirror": "reflect", "nearest": "nearest", "zero": "constant", "periodic": "wrap"}[boundary]
    expected = ndimage.uniform_filter(VALUES, 5, mode=mode)
    assert mapped(filter_mean, boundary=boundary) == pytest.approx(expected, abs=1e-6)
    flat = mapped(filter_mean, boundary=boundary, by_slice=True)
    assert flat == pytest.approx(ndimage.uniform_filter(VALUES, (1, 5, 5), mode=mode), abs=1e-6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)])
def test_log_of_a_blob_is_its_closed_form(spacing):
    shape = tuple(int(48 / s) for s in spacing)
    points = np.stack([i * s - 24 for i, s in zip(np.indices(shape), spacing, strict=True)], axis=-1)
    squared, width, sigma = (points**2).sum(axis=-1), 3.0, 4.0
    found = mapped(filter_log, np.exp(-squared / (2 * width**2)), spacing, sigma_mm=sigma)
    both = width**2 + sigma**2
    blurred = (width**2 / both) ** 1.5 * np.exp(-squared / (2 * both))
    # second derivatives count per voxel, of a cube of the voxel's volume
    expected = blurred * (squared / both**2 - 3 / both) * np.prod(spacing) ** (2 / 3)
    # the kernel ends at four standard deviations
    assert found == pytest.approx(expected, abs=1e-3 * np.abs(expected).max())


def test_laws_response_equals_a_convolution_with_the_outer_product():
    kernels = [np.array(KERNELS[n], float) for n in ("S5", "E5", "L5")]
    whole = np.einsum("i,j,k", *(k / np.linalg.norm(k) for k in kernels))
    expected = ndimage.convolve(VALUES, whole, mode="reflect")
    options = {"kernels": "L5E5S5", "rotation_invariant": False}
    assert mapped(filter_laws, energy_voxels=0, **options) == pytest.approx(expected, abs=1e-5)
    energy = ndimage.uniform_filter(np.abs(expected), 7, mode="reflect")
    assert mapped(filter_laws, energy_voxels=3, **options) == pytest.approx(energy, abs=1e-5)


def test_there_are_24_turns_in_space_and_4_in_the_plane():
    parts = (np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), np.array([7.0, 8, 9]))
    for count, number in ((3, 24), (2, 4)):
        turns = {tuple(map(tuple, t)) for t in turned(parts[:count])}
        assert len(turns) == number


@pytest.mark.parametrize("function", [filter_laws, filter_wavelet])
def test_pooled_over_all_turns_a_response_turns_with_the_image(function):
    turned_image = np.flip(np.transpose(VALUES, (2, 0, 1)), 1)
    for pooling in ("max", "mean", "min"):
        expected = np.flip(np.transpose(mapped(function, pooling=pooling), (2, 0, 1)), 1)
        # a flip alone is a reflection; with the odd-free transpose above it needs a second one
        again = mapped(function, np.flip(turned_image, 0).copy(), pooling=pooling)
        assert again == pytest.approx(np.flip(expected, 0), abs=1e-5)


@pytest.mark.parametrize("wavelet", list(SCALING))
def test_wavelet_filters_are_orthonormal_and_blind_to_what_they_should_be(wavelet):
    scaling = SCALING[wavelet]
    assert scaling.sum() == pytest.approx(np.sqrt(2))
    for shift in range(0, len(scaling), 2):
        assert scaling[shift:] @ scaling[: len(scaling) - shift] == pytest.approx(
            float(shift == 0), abs=1e-12
        )
    _, high = filters(wavelet)
    moments = {"haar": 1, "db2": 2, "db3": 3, "coif1": 2}[wavelet]
    for power in range(moments):
        assert high[:-1] @ np.arange(len(scaling)) ** power == pytest.approx(0, abs=1e-10)


def test_wavelet_bands_of_a_constant_and_of_a_level():
    flat = np.full((12, 12, 12), 3.0)
    assert mapped(filter_wavelet, flat, bands="LLL", level=2) == pytest.approx(3 * 2**3)
    assert mapped(filter_wavelet, flat, bands="LLH") == pytest.approx(0, abs=1e-5)
    steps = np.indices((16, 16, 16))[2].astype(float)
    found = mapped(filter_wavelet, steps, wavelet="haar", bands="HLL", rotation_invariant=False)
    # along x, which is the last axis: the difference of neighbours over root 2, times root 2 twice
    assert np.abs(found[:, :, 2:-2]) == pytest.approx(np.sqrt(2))
    along_z = mapped(filter_wavelet, steps, wavelet="haar", bands="LLH", rotation_invariant=False)
    assert along_z == pytest.approx(0, abs=1e-5)


def test_gabor_answers_to_its_own_wave_and_direction():
    y, x = np.indices((1, 96, 96))[1:]
    answers = {}
    for angle in (0, 45, 90):
        wave = np.cos(2 * np.pi * (x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))) / 6)
        for asked in (0, 45, 90):
            options = {
                "sigma_mm": 5.0,
                "wavelength_mm": 6.0,
                "angle_deg": float(asked),
                "angle_step_deg": None,
            }
            answers[angle, asked] = mapped(filter_gabor, wave, **options)[0, 48, 48]
    # half of the window's integral, 2 pi sigma^2 / gamma; the window lets 2 % of other directions through
    expected = np.pi * 5**2 / 1.5
    for (angle, asked), answer in answers.items():
        assert answer == pytest.approx(expected if angle == asked else 0, abs=0.02 * expected)


def test_simoncelli_levels_share_out_the_frequencies():
    rings = [np.abs(transfer((64, 64, 64), level, (0, 0, 0))) ** 2 for level in (1, 2, 3)]
    frequencies = np.sqrt(sum((2 * np.fft.fftfreq(64)[s]) ** 2 for s in np.ogrid[:64, :64, :64]))
    between = (frequencies > 0.13) & (frequencies <= 0.5)
    assert sum(rings)[between] == pytest.approx(1)
    assert rings[0][frequencies < 0.25].max() == pytest.approx(0, abs=1e-9)


def test_riesz_turns_a_cosine_into_a_sine_and_keeps_the_energy():
    x = np.indices((8, 8, 32))[2]
    wave = np.cos(2 * np.pi * x / 4)
    kept = mapped(filter_simoncelli, wave, boundary="periodic")
    found = mapped(filter_riesz, wave, order=(1, 0, 0), boundary="periodic")
    gain = kept.max()
    assert found == pytest.approx(gain * np.sin(2 * np.pi * x / 4), abs=1e-5)
    ring = np.abs(transfer((15, 15, 15), 1, (0, 0, 0))) ** 2
    orders = [o for o in product(range(3), repeat=3) if sum(o) == 2]
    assert sum(np.abs(transfer((15, 15, 15), 1, o)) ** 2 for o in orders) == pytest.approx(ring)


def test_filters_refuse_what_they_cannot_use():
    holed = VALUES.copy()
    holed[3, 3, 3] = np.nan
    with pytest.raises(ArgumentError, match="NaN"):
        mapped(filter_mean, holed)
    with pytest.raises(ArgumentError, match="odd"):
        mapped(filter_mean, size_voxels=4)
    with pytest.raises(ArgumentError, match="L5E5E5"):
        mapped(filter_laws, kernels="L5Q5E5")
    with pytest.raises(ArgumentError, match="letters L or H"):
        mapped(filter_wavelet, bands="LX")
    with pytest.raises(ArgumentError, match="not all of them 0"):
        mapped(filter_riesz, order=(0, 0, 0))
