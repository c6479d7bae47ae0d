"""Lines over an axis as SVG text."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 420, 250, 50, 30, 60
COLOURS = {"explanation": "#b3261e", "random": "#888888", "centre": "#1f6fb2", "edges": "#c58b00"}
Line = tuple[NDArray[np.float64], NDArray[np.float64]]


def curves_svg(lines: Mapping[str, Line], title: str, across: str) -> str:
    """Draw lines, 0 to 1 on both axes unless they go further.

    Parameters
    ----------
    lines : mapping
        From a line's name to where (N,) and how high (N,) it is.
    title : str
        What is drawn.
    across : str
        What the horizontal axis is.
    """
    heights = np.concatenate([high for _, high in lines.values()])
    low, high = min(0.0, float(heights.min())), max(1.0, float(heights.max()))
    parts = [_text(LEFT, 18, title, "start", 14), _text(WIDTH / 2, HEIGHT - 28, across)]
    frame = f'x="{LEFT}" y="{TOP}" width="{_inner_width()}" height="{_inner_height()}"'
    parts += [f'<rect {frame} fill="none" stroke="#999"/>']
    parts += [_text(LEFT - 6, _y(v, low, high) + 4, f"{v:.2g}", "end") for v in (low, (low + high) / 2, high)]
    parts += [_text(_x(v), HEIGHT - BOTTOM + 14, f"{v:.1f}") for v in (0.0, 0.5, 1.0)]
    for number, (name, (at, value)) in enumerate(lines.items()):
        colour = COLOURS.get(name, "#333333")
        points = " ".join(f"{_x(a):.1f},{_y(v, low, high):.1f}" for a, v in zip(at, value, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + 85 * number, HEIGHT - 8, name, "start", 12, colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>'
    )


def _inner_width() -> int:
    return WIDTH - LEFT - 15


def _inner_height() -> int:
    return HEIGHT - TOP - BOTTOM


def _x(value: float) -> float:
    return LEFT + value * _inner_width()


def _y(value: float, low: float, high: float) -> float:
    return TOP + (high - value) / (high - low) * _inner_height()


def _text(
    x: float, y: float, text: str, anchor: str = "middle", size: int = 11, colour: str = "#333333"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'
