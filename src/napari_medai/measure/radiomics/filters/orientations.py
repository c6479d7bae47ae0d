"""The right-angled turns of a separable filter, by which a response stops depending on orientation."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from napari_medai.core.geometry import FloatArray


def turned(kernels: tuple[FloatArray, ...]) -> list[tuple[FloatArray, ...]]:
    """Return one-dimensional kernels, one an axis, for every right-angled turn (4 in 2-D, 24 in 3-D).

    A turn permutes the axes and reverses some, an even number of reflections in all.
    """
    turns = []
    for order in permutations(range(len(kernels))):
        odd = np.linalg.det(np.eye(len(kernels))[list(order)]) < 0
        for flips in product((False, True), repeat=len(kernels)):
            if (sum(flips) % 2 == 1) == odd:
                parts = zip((kernels[k] for k in order), flips, strict=True)
                turns.append(tuple(k[::-1] if flip else k for k, flip in parts))
    return turns
