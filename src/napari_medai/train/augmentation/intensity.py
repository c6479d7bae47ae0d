"""Changes of intensity as scanners, cameras and coils make them, on batches of patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_medai.train.augment import Augmentation

if TYPE_CHECKING:
    import torch

    Tensor: TypeAlias = torch.Tensor

Change: TypeAlias = "Callable[[np.random.Generator, Tensor, float], Tensor]"
"""From a patch (channels, ...) and a strength to the changed patch."""


def vary_intensities(rng: np.random.Generator, patch: Tensor, how: Augmentation, together: int = 1) -> Tensor:
    """Change a patch as the settings and the generator say.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides which changes and how strong.
    patch : torch.Tensor
        Shape (channels, \\*patch), intensities of about mean 0 and standard deviation 1.
    how : Augmentation
        How much.
    together : int
        So many channels each are slices of one volume, whose grey levels change alike.
    """
    for name, change in CHANGES.items():
        strength = getattr(how, name)
        if strength and rng.random() < how.share:
            alike = together > 1 and name in OF_THE_SCALE
            seen = patch.reshape(-1, together, *patch.shape[1:]) if alike else patch
            patch = change(rng, seen, strength).reshape(patch.shape)
    return patch


def _noise(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """Gaussian noise."""
    values = rng.standard_normal(tuple(patch.shape), dtype=np.float32)
    return patch + _tensor(values * rng.uniform(0, strength), patch)


def _blur(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """A Gaussian along each axis."""
    return blurred(patch, rng.uniform(0.3, max(0.3, strength)))


def _brightness(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """Something added to all channels, and to each."""
    offset = rng.normal(0, strength) + rng.normal(0, strength * 0.8, _channels(patch))
    return patch + _tensor(offset, patch)


def _contrast(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """All channels stretched about their mean, and each."""
    factor = np.exp(rng.normal(0, strength) + rng.normal(0, strength * 0.7, _channels(patch)))
    mean = patch.mean(tuple(range(1, patch.ndim)), keepdim=True)
    return (patch - mean) * _tensor(factor, patch) + mean


def _gamma(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """A power of the intensities between the patch's least and largest; mean and deviation stay."""
    axes = tuple(range(1, patch.ndim))
    low, high = patch.amin(axes, keepdim=True), patch.amax(axes, keepdim=True)
    mean, deviation = patch.mean(axes, keepdim=True), patch.std(axes, keepdim=True)
    share = (patch - low) / (high - low).clamp_min(1e-6)
    power = float(np.exp(rng.uniform(-strength, strength)))
    bent = 1 - (1 - share) ** power if rng.random() < 0.5 else share**power
    spread = bent.std(axes, keepdim=True).clamp_min(1e-6)
    return (bent - bent.mean(axes, keepdim=True)) / spread * deviation + mean


def _low_resolution(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """As if scanned with larger voxels: thinned out, then interpolated."""
    import torch

    factor = 1 / rng.uniform(1, 1 + strength)
    size = [max(2, round(n * factor)) for n in patch.shape[1:]]
    resize: Any = torch.nn.functional.interpolate
    mode = "bilinear" if patch.ndim == 3 else "trilinear"
    small = resize(patch[None], size=size, mode="area")
    restored: Tensor = resize(small, size=tuple(patch.shape[1:]), mode=mode, align_corners=False)[0]
    return restored


def _bias_field(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """A smooth gain: the exponential of a random quadratic over the patch."""
    ndim = patch.ndim - 1
    field = np.zeros(tuple(patch.shape[1:]))
    lines = [
        np.linspace(-1, 1, n).reshape([-1 if k == a else 1 for k in range(ndim)])
        for a, n in enumerate(patch.shape[1:])
    ]
    for line in lines:
        field = field + rng.normal(0, strength) * line + rng.normal(0, strength) * (line**2 - 1 / 3)
    low = patch.amin(tuple(range(1, patch.ndim)), keepdim=True)
    return (patch - low) * _tensor(np.exp(field), patch) + low


def _motion(rng: np.random.Generator, patch: Tensor, strength: float) -> Tensor:
    """Ghosts: part of the rows of k-space taken after the patient moved along that axis."""
    import torch

    axis = int(rng.integers(1, patch.ndim))
    size = patch.shape[axis]
    shift = rng.uniform(0.01, 0.03) * (1 + strength) * size
    frequencies = np.fft.fftfreq(size)
    moved = (np.arange(size) // max(2, size // int(rng.integers(4, 12)))) % 2 == 1
    moved &= np.abs(frequencies) > 0.02
    turn = np.where(moved, np.exp(-2j * np.pi * frequencies * shift), 1)
    shape = [-1 if k == axis else 1 for k in range(patch.ndim)]
    factor = torch.from_numpy(turn.astype(np.complex64)).reshape(shape).to(patch.device)
    spectrum = torch.fft.fft(patch, dim=axis) * factor
    moved_back: Tensor = torch.fft.ifft(spectrum, dim=axis).real.to(patch.dtype)
    return moved_back


CHANGES: dict[str, Change] = {
    "blur": _blur,
    "low_resolution": _low_resolution,
    "motion": _motion,
    "bias_field": _bias_field,
    "gamma": _gamma,
    "contrast": _contrast,
    "brightness": _brightness,
    "noise": _noise,
}
"""Every change by its name in the settings, in the order in which they are made."""

OF_THE_SCALE = ("gamma", "contrast", "brightness")
"""Changes of the grey scale, not of single pixels."""


def blurred(patch: Tensor, sigma: float) -> Tensor:
    """Blur a patch (channels, ...) by a Gaussian along each axis."""
    import torch

    reach = max(1, round(3 * sigma))
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2)).to(patch)
    line = line / line.sum()
    ndim = patch.ndim - 1
    convolve: Any = torch.nn.functional.conv2d if ndim == 2 else torch.nn.functional.conv3d
    out = patch[:, None]
    for axis in range(ndim):
        kernel = line.reshape([1, 1, *(-1 if k == axis else 1 for k in range(ndim))])
        margins = [m for k in reversed(range(ndim)) for m in ([reach] * 2 if k == axis else [0, 0])]
        out = convolve(torch.nn.functional.pad(out, margins, mode="replicate"), kernel)
    return out[:, 0]


def _channels(patch: Tensor) -> tuple[int, ...]:
    return (patch.shape[0], *[1] * (patch.ndim - 1))


def _tensor(values: Any, like: Tensor) -> Tensor:
    import torch

    return torch.as_tensor(np.asarray(values, dtype=np.float32), device=like.device)
