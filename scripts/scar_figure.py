"""Draw ``docs/images/scar_sweep.svg``: what each threshold makes of a heart phantom whose scar is known.

Run: ``.venv/bin/python scripts/scar_figure.py``. It prints the rows of the table in ``docs/segment.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medai import Geometry, MedicalImage
from napari_medai.segment import sweep_scar

FIGURE = Path(__file__).parents[1] / "docs" / "images" / "scar_sweep.svg"
SPACING = (8.0, 1.4, 1.4)
SHAPE = (8, 64, 64)
FINER = 8
SCAR_SHARE = 25.0
"""Per cent of the muscle; the phantom's angle over 360 degrees."""
NOISE = (10.0, 20.0, 30.0)
HEALTHY, SCAR, BLOOD, LUNG = 60.0, 220.0, 180.0, 20.0
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 560, 300, 60, 40, 50
COLOURS = ("#2a6f97", "#c1666b", "#4c956c")


def heart(noise: float, seed: int = 0) -> tuple[MedicalImage, MedicalImage]:
    """Return a late-enhancement image of a hollow cylinder, a quarter of it scar, and its muscle.

    Each voxel is the mean of a slice FINER times as fine, so that borders are blurred as in a scan.
    """
    geometry = Geometry.from_spacing(SHAPE, SPACING)
    y, x = np.meshgrid(*(SPACING[k] * _centred(SHAPE[k]) for k in (1, 2)), indexing="ij")
    radius, angle = np.hypot(x, y), np.degrees(np.arctan2(y, x)) % 360
    muscle = (radius > 20) & (radius < 30)
    in_muscle = np.where(angle < 3.6 * SCAR_SHARE, SCAR, HEALTHY)
    plane = np.where(muscle, in_muscle, np.where(radius <= 20, BLOOD, LUNG))
    drawn = np.random.default_rng(seed).normal(0, noise, SHAPE)
    image = MedicalImage((_mean(plane) + drawn).astype(np.float32), "zyx", geometry, name="heart")
    whole = np.broadcast_to(_mean(muscle.astype(float)) > 0.5, SHAPE).astype(np.uint8)
    return image, MedicalImage(whole, "zyx", geometry, kind="labels", name="muscle")


def shares(noise: float) -> dict[str, float]:
    """Return the scar's share of the muscle in per cent, by method."""
    table = sweep_scar(*heart(noise))
    return dict(zip(table["method"], table["scar_percent"].round(1), strict=True))


def table(found: dict[float, dict[str, float]]) -> list[str]:
    """Return the rows of the table in the documentation."""
    methods = list(next(iter(found.values())))
    rows = [f"| {HEALTHY:g} ± {noise:g} | {' | '.join(f'{s[m]:g}' for m in methods)} |"
            for noise, s in found.items()]  # fmt: skip
    return [f"| healthy muscle | {' | '.join(methods)} |", f"|{'---|' * (len(methods) + 1)}", *rows]


def draw(found: dict[float, dict[str, float]]) -> str:
    """Return the figure as SVG: one curve for each level of noise, and the truth."""
    methods = list(next(iter(found.values())))
    top = 10 * np.ceil(max(max(s.values()) for s in found.values()) / 10)
    across = {m: LEFT + (k + 0.5) * (WIDTH - LEFT - 20) / len(methods) for k, m in enumerate(methods)}

    def up(share: float) -> float:
        return HEIGHT - BOTTOM - share / top * (HEIGHT - BOTTOM - TOP)

    ends = f'x1="{LEFT}" x2="{WIDTH - 20}" y1="{up(SCAR_SHARE):.1f}" y2="{up(SCAR_SHARE):.1f}"'
    parts = [f'<line {ends} stroke="#444" stroke-dasharray="6 4"/>']
    parts.append(_text(WIDTH - 20, up(SCAR_SHARE) - 5, "truth", "end"))
    parts += [_text(LEFT - 8, up(v) + 4, f"{v:g} %", "end") for v in np.arange(0, top + 1, 10)]
    parts += [_text(x, HEIGHT - BOTTOM + 18, m, "middle") for m, x in across.items()]
    for number, (noise, share) in enumerate(found.items()):
        colour = COLOURS[number]
        points = " ".join(f"{across[m]:.1f},{up(v):.1f}" for m, v in share.items() if m != "FWHM")
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across[m]:.1f}" cy="{up(v):.1f}" r="4" fill="{colour}"/>'
                  for m, v in share.items()]  # fmt: skip
        parts.append(_text(LEFT + 10 + 165 * number, HEIGHT - 10, f"● noise {noise:g}", "start", colour))
    parts.append(_text(LEFT, 20, "Scar, per cent of the muscle, by threshold", "start"))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    body = "\n".join(parts)
    return f'{head} font-size="12">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'


def _centred(count: int) -> np.ndarray:
    """Return where FINER points a voxel lie, in voxels from the middle."""
    return (np.arange(count * FINER) + 0.5) / FINER - count / 2


def _mean(plane: np.ndarray) -> np.ndarray:
    return plane.reshape(SHAPE[1], FINER, SHAPE[2], FINER).mean(axis=(1, 3))


def _text(x: float, y: float, words: str, anchor: str, colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


if __name__ == "__main__":
    measured = {noise: shares(noise) for noise in NOISE}
    FIGURE.write_text(draw(measured), encoding="utf-8")
    print("\n".join(table(measured)))
