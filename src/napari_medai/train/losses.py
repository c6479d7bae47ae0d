"""What a segmentation is punished for: losses over class scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_medai.train.store import IGNORED

if TYPE_CHECKING:
    import torch

    Tensor: TypeAlias = torch.Tensor

Loss: TypeAlias = "Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]"
"""From scores (batch, classes, ...), truth as shares of the same shape, known voxels (batch, 1, ...) and
class weights (classes,) to a number."""


def shares_of(truth: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the truth as a share for each class, and where it is known.

    Parameters
    ----------
    truth : torch.Tensor
        Label values (batch, ...), 255 where unknown; or soft labels (batch, classes, ...), floating
        point, which add up to 1 (to 0 where unknown).
    classes : int
        How many.
    """
    import torch

    if truth.is_floating_point():
        return truth, (truth.sum(1, keepdim=True) > 0.5).to(truth.dtype)
    known = truth != IGNORED
    hot = torch.nn.functional.one_hot(truth.long() * known, classes).movedim(-1, 1)
    known = known[:, None]
    return hot.to(torch.float32) * known, known.to(torch.float32)


def cross_entropy(scores: Tensor, shares: Tensor, _known: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy, the mean over known voxels, each weighted by its class."""
    spread = _per_class(weights, scores)
    losses = -(shares * scores.log_softmax(1) * spread).sum(1)
    return losses.sum() / (shares * spread).sum().clamp_min(1e-6)


def binary_cross_entropy(scores: Tensor, shares: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """Each foreground class against all else, by the difference of its score to the background's."""
    import torch

    odds = scores[:, 1:] - scores[:, :1]
    losses = torch.nn.functional.binary_cross_entropy_with_logits(odds, shares[:, 1:], reduction="none")
    spread = _per_class(weights, scores)[:, 1:] * known
    return (losses * spread).sum() / spread.expand_as(losses).sum().clamp_min(1e-6)


def dice(scores: Tensor, shares: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """One minus the Dice of the foreground classes over the whole batch (Milletari et al. 2016)."""
    overlap, found, true = _sums(scores, shares, known)
    return _foreground_mean(1 - (2 * overlap + 1) / (found + true + 1), weights)


def tversky(
    scores: Tensor, shares: Tensor, known: Tensor, weights: Tensor, alpha: float = 0.3, beta: float = 0.7
) -> Tensor:
    """One minus the Tversky index: what is found too much counts alpha, what is missed beta.

    References
    ----------
    Salehi et al. 2017, arXiv 1706.05721.
    """
    overlap, found, true = _sums(scores, shares, known)
    index = (overlap + 1) / (overlap + alpha * (found - overlap) + beta * (true - overlap) + 1)
    return _foreground_mean(1 - index, weights)


def focal(scores: Tensor, shares: Tensor, _known: Tensor, weights: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that counts less where the network is right already (Lin et al. 2017)."""
    logs = scores.log_softmax(1)
    spread = _per_class(weights, scores)
    losses = -(shares * (1 - logs.exp()) ** gamma * logs * spread).sum(1)
    return losses.sum() / (shares * spread).sum().clamp_min(1e-6)


def boundary(scores: Tensor, shares: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """Probability times the squared distance to the true border: far errors cost most.

    The distance is in voxels, as a share of half the patch.

    References
    ----------
    Karimi and Salcudean 2020, Hausdorff distance loss by distance transforms, arXiv 1904.10030.
    """
    import numpy as np
    import torch
    from scipy import ndimage

    masks = (shares[:, 1:] > 0.5).cpu().numpy()
    far = np.zeros(masks.shape, np.float32)
    reach = max(masks.shape[2:]) / 2
    for place in np.ndindex(masks.shape[:2]):
        if masks[place].any():
            outside, inside = (
                ndimage.distance_transform_edt(~masks[place]),
                ndimage.distance_transform_edt(masks[place]),
            )
            far[place] = ((outside + inside) / reach) ** 2
    wrong = (scores.softmax(1)[:, 1:] - shares[:, 1:]) ** 2
    distances = torch.from_numpy(far).to(scores.device)
    spread = _per_class(weights, scores)[:, 1:] * known
    return (wrong * distances * spread).mean()


def centreline(scores: Tensor, shares: Tensor, known: Tensor, weights: Tensor, rounds: int = 5) -> Tensor:
    """One minus the clDice: do the centre lines of each lie inside the other? For vessels and nerves.

    References
    ----------
    Shit et al. 2021, clDice, arXiv 2003.07311.
    """
    found, true = scores.softmax(1)[:, 1:] * known, shares[:, 1:] * known
    axes = (0, *range(2, scores.ndim))
    thin_found, thin_true = _skeleton(found, rounds), _skeleton(true, rounds)
    precision = ((thin_found * true).sum(axes) + 1) / (thin_found.sum(axes) + 1)
    recall = ((thin_true * found).sum(axes) + 1) / (thin_true.sum(axes) + 1)
    return _foreground_mean(1 - 2 * precision * recall / (precision + recall), weights)


LOSSES: dict[str, Loss] = {
    "dice": dice,
    "ce": cross_entropy,
    "bce": binary_cross_entropy,
    "focal": focal,
    "tversky": tversky,
    "boundary": boundary,
    "cldice": centreline,
}
"""Every loss by the name a plan calls it."""


def _per_class(weights: Tensor, scores: Tensor) -> Tensor:
    return weights.to(scores).reshape(1, -1, *[1] * (scores.ndim - 2))


def _sums(scores: Tensor, shares: Tensor, known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Overlap, found and true size of each foreground class."""
    found, true = scores.softmax(1)[:, 1:] * known, shares[:, 1:]
    axes = (0, *range(2, scores.ndim))
    return (found * true).sum(axes), found.sum(axes), true.sum(axes)


def _foreground_mean(losses: Tensor, weights: Tensor) -> Tensor:
    share = weights.to(losses)[1:]
    return (losses * share).sum() / share.sum()


def _skeleton(mask: Tensor, rounds: int) -> Tensor:
    """Thin soft masks (batch, classes, ...) to their centre lines by repeated opening."""
    import torch

    relu = torch.nn.functional.relu
    thin = relu(mask - _dilated(_eroded(mask)))
    for _ in range(rounds):
        mask = _eroded(mask)
        left = relu(mask - _dilated(_eroded(mask)))
        thin = thin + relu(left - thin * left)
    return thin


def _eroded(mask: Tensor) -> Tensor:
    """Return the least value of each voxel's face neighbours."""
    import torch

    ndim = mask.ndim - 2
    smallest = mask
    for axis in range(ndim):
        kernel = [3 if k == axis else 1 for k in range(ndim)]
        smallest = torch.minimum(smallest, -_pool(-mask, kernel))
    return smallest


def _dilated(mask: Tensor) -> Tensor:
    return _pool(mask, [3] * (mask.ndim - 2))


def _pool(mask: Tensor, kernel: list[int]) -> Tensor:
    import torch

    pool: Any = torch.nn.functional.max_pool2d if len(kernel) == 2 else torch.nn.functional.max_pool3d
    pooled: Tensor = pool(mask, kernel, 1, [k // 2 for k in kernel])
    return pooled
