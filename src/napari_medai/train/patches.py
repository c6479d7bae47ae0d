"""Batches of varied patches, drawn by coordinates from cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.errors import ArgumentError
from napari_medai.train.augment import Augmentation
from napari_medai.train.augmentation.deform import Deformations
from napari_medai.train.augmentation.intensity import vary_intensities
from napari_medai.train.augmentation.spatial import draw_places, grid_of, look_up
from napari_medai.train.augmentation.style import STYLES
from napari_medai.train.loader import Batch
from napari_medai.train.losses import shares_of
from napari_medai.train.store import CaseStore, Ready

if TYPE_CHECKING:
    import torch

SPARSE_REACH = 0.4
"""How far from a patch's middle the marked voxel may lie that it was drawn for, as a share of its size."""


@dataclass(frozen=True, eq=False)
class Patches:
    """Draws batches: called with a generator it returns inputs (batch, channels, \\*patch), float32, and
    label values (batch, \\*patch), uint8, 255 where nobody marked; where any case has soft labels, shares
    (batch, classes, \\*patch), float32, all 0 where nobody marked.

    Parameters
    ----------
    store : CaseStore
        The cases.
    names : sequence of str
        Which of them are drawn from, each as often.
    patch : sequence of int
        Size; with two numbers, single slices of volumes are drawn, which are not bent towards others.
    batch : int
        Patches in a batch.
    how : Augmentation
        How they are varied.
    foreground : float
        Share of the patches whose centre has a label above 0, the labels taking turns at random.
    device : str
        Where patches are looked up and varied, and the batches lie.
    """

    store: CaseStore
    names: Sequence[str]
    patch: tuple[int, ...]
    batch: int
    how: Augmentation
    foreground: float = 0.33
    device: str = "cpu"
    deformations: Deformations = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deformations", Deformations(self.store))

    def __call__(self, rng: np.random.Generator) -> Batch:
        """Draw one batch."""
        import torch

        drawn = [self.draw_one(rng) for _ in range(self.batch)]
        inputs = torch.stack([volume for volume, _ in drawn])
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return inputs, torch.stack([truth for _, truth in drawn])

    def draw_one(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw one patch and its truth."""
        name = str(rng.choice(self.names))
        ready = self.store.get(name)
        # Where little is marked it shall be met at every place of a patch, not always in its middle.
        reach = SPARSE_REACH * np.array(self.patch) if ready.sparse else 0.5
        voxel, channels = self._centre(rng, ready), len(ready.volume)
        if len(voxel) > len(self.patch):
            ready = ready.slice_at(int(voxel[0]))
        centre = voxel[-len(self.patch) :] + rng.uniform(-1, 1, len(self.patch)) * reach
        places = draw_places(rng, self.how, centre, self.patch, ready.grid.spacing.tolist())
        others = [o for o in self.names if o != name] if len(voxel) == len(self.patch) else []
        if others and self.how.towards_others and rng.random() < self.how.towards_others:
            places = self.deformations.bent(rng, name, str(rng.choice(others)), places)
        volume, truth = look_up_both(ready, places, self.device)
        if self.store.soft and ready.shares is None:
            truth = shares_of(truth[None], self.store.classes)[0][0]
        if self.how.style != "none" and rng.random() < self.how.style_share:
            volume = self._styled(rng, volume)
        return vary_intensities(rng, volume, self.how, len(volume) // channels), truth

    def _centre(self, rng: np.random.Generator, ready: Ready) -> NDArray[np.int32]:
        """Choose a labelled voxel; where all are labelled and none is asked for, any voxel."""
        marked = [value for value in ready.places if value > 0]
        wanted = ready.places
        if marked and rng.random() < self.foreground:
            wanted = {value: ready.places[value] for value in [int(rng.choice(marked))]}
        if not wanted:
            raise ArgumentError("A case has no voxel with a label.", "Leave it out, or mark something in it.")
        sizes = np.array([len(places) for places in wanted.values()], dtype=float)
        if len(wanted) > 1 and not ready.sparse:
            shape = ready.truth.shape
            return np.array([rng.integers(n) for n in shape], dtype=np.int32)
        chosen = wanted[int(rng.choice(list(wanted), p=sizes / sizes.sum()))]
        return np.asarray(chosen[rng.integers(len(chosen))])

    def _styled(self, rng: np.random.Generator, volume: torch.Tensor) -> torch.Tensor:
        other = self.store.get(str(rng.choice(self.names)))
        centre = self._centre(rng, other)
        if len(centre) > len(self.patch):
            other, centre = other.slice_at(int(centre[0])), centre[1:]
        offsets = np.stack(np.meshgrid(*(np.arange(n) - n // 2 for n in self.patch), indexing="ij"), -1)
        look, _ = look_up_both(other, (offsets + centre).astype(float), self.device)
        return STYLES[self.how.style](rng, volume, look)


def drawing_place(device: str) -> str:
    """Return where patches for a training on a device are varied: there on CUDA, else on the processor.

    Threads draw, and a thread does not know which of several graphics cards its process took.
    """
    import torch

    if not device.startswith("cuda"):
        return "cpu"
    return device if ":" in device else f"cuda:{torch.cuda.current_device()}"


def look_up_both(
    ready: Ready, places: NDArray[np.floating], device: str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Look volume and truth up; shares and two classes by linear interpolation, more by the nearest voxel."""
    import torch

    box = _box_of(places, ready.truth.shape)
    grid = grid_of(places, box).to(device)
    inside = torch.from_numpy(ready.volume[(slice(None), *box)]).to(device)
    if ready.shares is None and not ready.binary:
        truth = torch.from_numpy(ready.truth[box]).to(device).float()[None]
        return look_up(inside, grid), look_up(truth, grid, "nearest")[0].to(torch.uint8)
    marks = ready.truth[box][None] if ready.shares is None else ready.shares[(slice(None), *box)]
    both = look_up(torch.cat([inside, torch.from_numpy(marks).to(device).float()]), grid)
    volume, above = both[: len(inside)], both[len(inside) :]
    if ready.shares is None:
        return volume, (above[0] > 0.5).to(torch.uint8)
    return volume, torch.cat([(1 - above.sum(0, keepdim=True)).clamp_min(0), above])


def _box_of(places: NDArray[np.floating], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return the part of a case that places (..., D) need."""
    parts = []
    for axis, size in enumerate(shape):
        along = places[..., axis]
        low, high = np.floor(along.min()), np.ceil(along.max()) + 1
        parts.append(slice(int(np.clip(low, 0, size - 1)), int(np.clip(high, 1, size))))
    return tuple(parts)
