"""One page about a cephalogram: the picture with its lines, and the table."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from napari_medai.core.errors import ArgumentError
from napari_medai.core.files import written_beside
from napari_medai.core.geometry import FloatArray
from napari_medai.core.image import MedicalImage
from napari_medai.core.landmarks import Landmarks
from napari_medai.landmarks.cephalometry import CephalogramAnalysis, analyze_cephalogram
from napari_medai.landmarks.drawing import ellipses

_WIDTH = 640
_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .3em .6em; }
td, th { border-bottom: 1px solid #ddd; }
th { text-align: left; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.out td { background: #fdecea; } tr.unsure td { background: #fff8e1; } tr.none td { color: #888; }
svg { width: 100%; background: #111; } .small { color: #666; font-size: 85%; }
"""


def write_ceph_report(
    landmarks: Landmarks,
    path: str | Path,
    image: MedicalImage | None = None,
    *,
    anb_range: Any = "teaching",
    title: str = "Cephalogram",
) -> Path:
    """Analyse a cephalogram and write a page about it.

    Parameters
    ----------
    landmarks : Landmarks
        See :func:`napari_medai.landmarks.analyze_cephalogram`.
    path : path
        The HTML file; it needs no other.
    image : MedicalImage, optional
        Drawn below the lines.
    anb_range : {"teaching", "common"}
        As in the analysis.
    title : str
        The heading. No name of a patient is added.

    Raises
    ------
    ArgumentError
        If nothing can be measured, or points and image do not fit.
    """
    if image is not None and (image.spatial_ndim != 2 or image.geometry.unit != landmarks.unit):
        raise ArgumentError(
            f"Found a {image.spatial_ndim}-D image in {image.geometry.unit} for points in {landmarks.unit}.",
            hint="Give the radiograph on which the points lie.",
        )
    analysis = analyze_cephalogram(landmarks, anb_range=anb_range)
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>
<style>{_STYLE}</style><h1>{escape(title)}</h1>
{_picture(analysis, landmarks, image)}
{_table(analysis)}
<p class="small">Values &plusmn; standard error from the points' covariances. Indeterminate: the 95 % interval
crosses a limit of the range. For research; not for diagnosis.</p></html>
"""
    target = Path(path)
    with written_beside(target) as partial:
        partial.write_text(page, encoding="utf-8")
    return target


def _table(analysis: CephalogramAnalysis) -> str:
    head = "<tr><th>Measure<th>Value<th>Range<th>Class<th>Source of the range</tr>"
    return f"<table>{head}{''.join(_row(row) for _, row in analysis.table.iterrows())}</table>"


def _row(row: Any) -> str:
    kind = str(row["class"])
    mark = "none" if not kind else "unsure" if kind == "indeterminate" else "" if kind in _USUAL else "out"
    unit = "&deg;" if row["unit"] == "deg" else f" {escape(row['unit'])}"
    value = "&ndash;" if not np.isfinite(row["value"]) else f"{row['value']:.1f}"
    if np.isfinite(row["standard_error"]):
        value += f" &plusmn; {row['standard_error']:.1f}"
    said = escape(kind or str(row["note"]))
    return (
        f'<tr class="{mark}"><td>{escape(row["measure"])}<td class="n">{value}{unit}'
        f'<td class="n">{row["low"]:g} to {row["high"]:g}<td>{said}'
        f'<td class="small">{escape(row["source"])}</tr>'
    )


_USUAL = ("normal", "class I")


def _picture(analysis: CephalogramAnalysis, landmarks: Landmarks, image: MedicalImage | None) -> str:
    """An SVG in world units: the image, the lines, the points with their 90 % ellipses."""
    known = landmarks.present
    low, high = _frame(known, image)
    size = high - low
    thick = float(size.max()) / 500
    parts = [_background(image)] if image is not None else []
    drawn = analysis.drawing
    for name, path, text in zip(drawn.names, drawn.paths, drawn.texts, strict=True):
        parts.append(_line(path, "#4fc3f7", thick, name))
        x, y = path.mean(axis=0)
        parts.append(
            f'<text x="{x:.2f}" y="{y:.2f}" font-size="{8 * thick:.2f}" fill="#fff">{escape(text)}</text>'
        )
    rings = ellipses(known)
    parts += [_line(p, "#ffd54f", thick, n, "polygon") for n, p in zip(rings.names, rings.paths, strict=True)]
    for name, (x, y) in zip(known.names, known.positions, strict=True):
        place = f'cx="{x:.2f}" cy="{y:.2f}" r="{1.6 * thick:.3f}"'
        parts.append(f'<circle {place} fill="#ff5252"><title>{escape(name)}</title></circle>')
    view = f"{low[0]:.3f} {low[1]:.3f} {size[0]:.3f} {size[1]:.3f}"
    return f'<svg viewBox="{view}" style="max-width:{_WIDTH}px">{"".join(parts)}</svg>'


def _line(path: FloatArray, colour: str, thick: float, name: str, kind: str = "polyline") -> str:
    look = f'fill="none" stroke="{colour}" stroke-width="{thick:.3f}"'
    return f'<{kind} points="{_points(path)}" {look}><title>{escape(name)}</title></{kind}>'


def _frame(known: Landmarks, image: MedicalImage | None) -> tuple[FloatArray, FloatArray]:
    corners = known.positions if image is None else image.geometry.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.08 * float((high - low).max()) if image is None else 0.0
    return low - margin, high + margin


def _points(path: FloatArray) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in path)


def _background(image: MedicalImage) -> str:
    """The image as an embedded PNG, placed by its affine."""
    import imageio.v3 as iio

    from napari_medai.models.points.grey import as_grey

    values = np.asarray(as_grey(image).array, dtype=float)
    step = max(1, values.shape[1] // (2 * _WIDTH))
    low, high = np.percentile(values, (0.5, 99.5))
    shown = np.clip((values[::step, ::step] - low) / max(high - low, 1e-9), 0, 1)
    stream = io.BytesIO()
    iio.imwrite(stream, (255 * shown).astype(np.uint8), extension=".png")
    code = base64.b64encode(stream.getvalue()).decode("ascii")
    matrix, origin = image.geometry.matrix * step, image.geometry.index_to_world((-0.5 * step, -0.5 * step))
    a = (matrix[0, 1], matrix[1, 1], matrix[0, 0], matrix[1, 0], origin[0], origin[1])
    place = " ".join(f"{v:.6g}" for v in a)
    return (
        f'<image width="{shown.shape[1]}" height="{shown.shape[0]}" transform="matrix({place})" '
        f'href="data:image/png;base64,{code}"/>'
    )
