"""Small pictures of measurements as SVG text, for a report that is one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 240, 60, 40


def strip_plot(groups: Mapping[str, ArrayLike], title: str) -> str:
    """Draw every value of every group as a dot, with a line at the median.

    Parameters
    ----------
    groups : mapping
        From a group's name to its values; those that are not finite are left out.
    title : str
        What is measured.
    """
    kept = {name: np.asarray(v, dtype=float) for name, v in groups.items()}
    kept = {name: v[np.isfinite(v)] for name, v in kept.items()}
    whole = np.concatenate([*kept.values(), np.zeros(0)])
    low, high = _range(whole)
    step = (_WIDTH - _LEFT - 10) / max(len(kept), 1)
    parts = []
    for number, (name, values) in enumerate(kept.items()):
        middle = _LEFT + (number + 0.5) * step
        spread = np.random.default_rng(0).uniform(-0.2, 0.2, len(values)) * step
        parts += [_dot(middle + s, _place(v, low, high)) for s, v in zip(spread, values, strict=True)]
        if len(values):
            level = _place(float(np.median(values)), low, high)
            parts.append(_line(middle - 0.3 * step, level, middle + 0.3 * step, level, "#b00"))
        parts.append(_text(middle, _HEIGHT - 12, name, "middle"))
    return _frame(parts, low, high, title)


def bland_altman_plot(a: ArrayLike, b: ArrayLike, limits: Sequence[float], title: str) -> str:
    """Draw the difference of two measurements over their mean, with bias and limits of agreement.

    Parameters
    ----------
    a, b : (N,) array_like
        The same quantity measured twice.
    limits : sequence of float
        Lower limit, bias and upper limit.
    title : str
        What is measured.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    known = np.isfinite(first) & np.isfinite(second)
    means, gaps = (first + second)[known] / 2, (second - first)[known]
    low, high = _range(np.concatenate([gaps, [x for x in limits if np.isfinite(x)]]))
    left, right = _range(means)
    across = _LEFT + (means - left) / (right - left) * (_WIDTH - _LEFT - 10)
    parts = [_dot(x, _place(g, low, high)) for x, g in zip(across, gaps, strict=True)]
    heights = [_place(limit, low, high) for limit in limits if np.isfinite(limit)]
    parts += [_line(_LEFT, height, _WIDTH, height, "#b00") for height in heights]
    foot = _HEIGHT - 12
    parts += [_text(_LEFT, foot, f"{left:.3g}"), _text(_WIDTH - 4, foot, f"{right:.3g}", "end")]
    parts.append(_text(_WIDTH / 2, _HEIGHT - 12, "mean of both", "middle"))
    return _frame(parts, low, high, title)


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    if len(values) == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def _place(value: float, low: float, high: float) -> float:
    return 24 + (high - value) / (high - low) * (_HEIGHT - _BOTTOM - 24)


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#357" fill-opacity="0.6"/>'


def _line(x0: float, y0: float, x1: float, y1: float, colour: str) -> str:
    return f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _frame(parts: Sequence[str], low: float, high: float, title: str) -> str:
    axis = [
        _line(_LEFT, 24, _LEFT, _HEIGHT - _BOTTOM, "#888"),
        _text(_LEFT - 6, 32, f"{high:.3g}", "end"),
        _text(_LEFT - 6, _HEIGHT - _BOTTOM, f"{low:.3g}", "end"),
        _text(_LEFT, 14, title),
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    style = 'style="max-width:560px;font:12px sans-serif"'
    return f"{head} {style}><title>{escape(title)}</title>{''.join([*axis, *parts])}</svg>"
