"""How a displacement stretches space, and how folds are taken out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medai.register.tensors import gaussian, gradient

if TYPE_CHECKING:
    import torch

SMALLEST_DETERMINANT = 0.05
"""Of its volume; a tighter squeeze could not be undone on a grid of the same voxels."""


def jacobian_determinant(field: torch.Tensor) -> torch.Tensor:
    """Local change of volume of index + displacement, shape (1, D, *S) -> (1, 1, *S); 1 keeps it."""
    import torch

    ndim = field.shape[1]
    rows = [gradient(field[:, k : k + 1])[0] for k in range(ndim)]
    for k in range(ndim):
        rows[k][k] += 1
    if ndim == 2:
        (a, b), (c, d) = rows
        return torch.as_tensor(a * d - b * c)[None, None]
    (a, b, c), (d, e, f), (g, h, i) = rows
    return torch.as_tensor(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))[None, None]


def mend_folds(field: torch.Tensor, rounds: int = 12) -> torch.Tensor:
    """Smooth a displacement just where it folds, until it does not.

    Parameters
    ----------
    field : torch.Tensor
        Displacement in voxels, shape (1, D, *S).
    rounds : int
        How often at most; each round reaches a little farther.

    Returns
    -------
    torch.Tensor
        The displacement; unchanged away from folds.
    """
    import torch

    for round_ in range(rounds):
        folded = jacobian_determinant(field) < SMALLEST_DETERMINANT
        if not bool(folded.any()):
            break
        reach = 2 + round_ // 3
        near = folded.to(field.dtype)
        pool = {2: torch.nn.functional.max_pool2d, 3: torch.nn.functional.max_pool3d}[field.ndim - 2]
        near = gaussian(pool(near, 2 * reach + 1, 1, reach), 1.0)
        field = field + near * (gaussian(field, 1.5) - field)
    return field
