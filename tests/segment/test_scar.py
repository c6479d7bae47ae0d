"""Scar of a known size is measured within five per cent, whatever the voxel size."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from made_images import ball, from_world, grid, noisy

from napari_medai.core.errors import ArgumentError, GeometryError
from napari_medai.segment import measure_scar, segment_scar, sweep_scar


def heart(spacing, noise=6.0):
    """A hollow cylinder of muscle, 90 degrees of it scar; healthy 60, scar 220, blood 180."""
    geometry = grid(spacing, (48, 80, 80))

    def angle(p):
        return np.degrees(np.arctan2(p[..., 1], p[..., 0])) % 360

    def muscle(p):
        radius = np.hypot(p[..., 0], p[..., 1])
        return (radius > 20) & (radius < 30)

    def signal(p):
        radius = np.hypot(p[..., 0], p[..., 1])
        return np.where(muscle(p), np.where(angle(p) < 90, 220, 60), np.where(radius <= 20, 180, 20))

    image = from_world(signal, geometry)
    drawn = np.random.default_rng(0).normal(0, noise, image.array.shape)
    labels = from_world(muscle, geometry, "labels")
    remote = from_world(lambda p: muscle(p) & (angle(p) > 160) & (angle(p) < 290), geometry, "labels")
    return image.with_array(image.array + drawn), labels, remote


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (8.0, 1.4, 1.4)])
@pytest.mark.parametrize("painted", [True, False])
@pytest.mark.parametrize("settings", [{"method": "fwhm"}, {"method": "deviations", "deviations": 5.0}])
def test_known_scar_is_found_within_five_percent(spacing, painted, settings):
    image, muscle, remote = heart(spacing)
    result = segment_scar(image, muscle, remote if painted else None, **settings)
    row = measure_scar(result).iloc[0]
    exact = np.pi * (30**2 - 20**2) * 48 / 1000
    assert row["myocardium_ml"] == pytest.approx(exact, rel=0.05)
    assert row["scar_percent"] == pytest.approx(25, rel=0.05)
    assert row["scar_g"] == pytest.approx(exact / 4 * 1.05, rel=0.05)


def test_the_remote_muscle_is_found_by_itself():
    image, muscle, remote = heart((2.0, 1.0, 1.0))
    facts = segment_scar(image, muscle).meta["scar"]
    assert facts["remote_mean"] == pytest.approx(60, abs=1.5)
    assert facts["remote_deviation"] == pytest.approx(6, rel=0.15)
    painted = segment_scar(image, muscle, remote).meta["scar"]
    assert painted["remote_deviation"] == pytest.approx(6, rel=0.05)


def test_thresholds_follow_their_formulas_and_more_deviations_find_less():
    image, muscle, remote = heart((4.0, 2.0, 2.0), noise=25.0)
    table = sweep_scar(image, muscle, remote).set_index("method")
    assert table.index.tolist() == ["FWHM", "2 SD", "3 SD", "4 SD", "5 SD", "6 SD"]
    seen = image.array[remote.array > 0]
    for n in range(2, 7):
        assert table.loc[f"{n} SD", "threshold"] == pytest.approx(seen.mean() + n * seen.std(), rel=1e-4)
    assert np.all(np.diff(table["scar_percent"].iloc[1:]) <= 0)
    single = measure_scar(segment_scar(image, muscle, remote, method="deviations", deviations=3.0))
    assert single["scar_ml"][0] == pytest.approx(table.loc["3 SD", "scar_ml"])


def test_specks_are_left_out_on_request():
    image, muscle, remote = heart((2.0, 1.0, 1.0), noise=25.0)
    rough, tidy = (segment_scar(image, muscle, remote, method="deviations", deviations=2.0, min_size_mm3=s)
                   for s in (0.0, 200.0))  # fmt: skip
    assert (rough.array == 2).sum() > (tidy.array == 2).sum()


def test_bad_input_is_said():
    image, muscle, _ = heart((8.0, 4.0, 4.0))
    with pytest.raises(ArgumentError, match="empty mask"):
        segment_scar(image, muscle.with_array(np.zeros_like(muscle.array)))
    with pytest.raises(GeometryError):
        segment_scar(image, ball(grid()))
    with pytest.raises(ArgumentError, match="every voxel"):
        segment_scar(image.with_array(np.ones_like(image.array)), muscle)
    flat = noisy((8, 8), "yx").with_array(np.ones((8, 8), np.uint8), kind="labels")
    with pytest.raises(ArgumentError, match="volume in mm"):
        measure_scar(flat)


def test_the_figure_in_the_docs_shows_what_is_measured():
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("scar_figure", root / "scripts" / "scar_figure.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    found = {noise: script.shares(noise) for noise in script.NOISE}
    assert "\n".join(script.table(found)) in (root / "docs" / "segment.md").read_text(encoding="utf-8")
    assert script.FIGURE.read_text(encoding="utf-8") == script.draw(found)
    for noise in (10.0, 20.0):
        assert found[noise]["FWHM"] == pytest.approx(script.SCAR_SHARE, rel=0.05)
