"""One prepared volume through a model: windows chosen, networks opened, memory minded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_medai.core.device import resolve_device
from napari_medai.core.progress import Progress, part
from napari_medai.models.blend import Box
from napari_medai.models.choose import Labels, choose_setting
from napari_medai.models.coarse import found_coarsely
from napari_medai.models.forward import EXACT, Forward, Setting
from napari_medai.models.frugal import Budget, with_less_memory
from napari_medai.models.infer import Plan, default_batch, run_windows
from napari_medai.models.listen import listening
from napari_medai.models.model import Model
from napari_medai.models.opened import averaged, opened
from napari_medai.models.prepare import prepare
from napari_medai.models.region import Bounds, body_mask, bounds_of, content_bounds
from napari_medai.models.restore import SLAB_VOXELS, labels_of_scores
from napari_medai.models.runtime import prediction_only
from napari_medai.models.sinks import LabelSink
from napari_medai.models.windows import Blending, WindowGrid, extend_to_tile, window_grid

if TYPE_CHECKING:
    import torch

Quality = Literal["fast", "balanced", "exact"]
FAST_OVERLAP = 0.25


@dataclass(frozen=True)
class How:
    """How carefully, and where, a model is run.

    Parameters
    ----------
    device : str
        Where the network runs.
    overlap : float
        The share of a window that the next one covers again; ``fast`` takes 0.25 at most.
    quality : {"fast", "balanced", "exact"}
        ``exact``: every window in full precision, mirrored where the model allows it. ``balanced``: by the
        fastest way that gives the same labels on the model's check case, and no windows where the image is
        filled up with one value, as around a brain without its skull. ``fast``: so too, with less overlap,
        and only where a look at half the resolution finds something, or where there is more than air if
        the model does not know its objects at half their size.
    blending : {"gaussian", "constant"}
        How much each voxel of a window counts.
    mirrored : bool, optional
        Whether windows are mirrored where the model allows it; none: where the quality is ``exact``.
    cpu_allowed : bool
        Whether a GPU without enough memory may be left for the processor.
    """

    device: str = "cpu"
    overlap: float = 0.5
    quality: Quality = "exact"
    blending: Blending = "gaussian"
    mirrored: bool | None = None
    cpu_allowed: bool = False

    @property
    def step_back(self) -> float:
        """The overlap that is used."""
        return min(self.overlap, FAST_OVERLAP) if self.quality == "fast" else self.overlap


class Sink(Protocol):
    """Takes finished bricks of scores."""

    def put(self, brick: torch.Tensor, box: Box) -> None:
        """Take the scores of one box."""


S = TypeVar("S", bound=Sink)


def predict(
    model: Model,
    volume: NDArray[np.float32],
    make_sink: Callable[[int], S],
    bounds: Bounds | None,
    how: How,
    said: list[str],
    progress: Progress,
    *,
    each: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> S:
    """Predict a volume by a model.

    Parameters
    ----------
    model : Model
        With all its members.
    volume : numpy.ndarray
        Shape (channels, \\*spatial), prepared.
    make_sink : callable
        Makes what takes the bricks; gets the voxels of a slab. Called again where memory runs out.
    bounds : Bounds, optional
        Where windows are wanted.
    how : How
        How carefully.
    said : list of str
        Gets a sentence on how the network was run, and one for each thing that was given up.
    progress : Progress
        Hears every batch of windows.
    each : callable, optional
        Applied to the scores of every pass, before mirrored copies, members and windows are averaged.

    Raises
    ------
    MedAIError
        If memory runs out whatever is given up.
    """
    if bounds is None and how.quality != "exact":
        begun, progress = (
            part(progress, 0, 0.2, "First look"),
            part(progress, 0.2 * (how.quality == "fast"), 1),
        )
        bounds = _worth_looking(model, volume, how, said, begun)
    device = resolve_device(how.device)
    work = _Work(model, volume, bounds, how, said, progress, each)
    budget = Budget(device, default_batch(model.spec.tile), SLAB_VOXELS)
    return with_less_memory(
        lambda given: work.run(make_sink(given.slab_voxels), given), budget, said, cpu_allowed=how.cpu_allowed
    )


def _worth_looking(
    model: Model, volume: NDArray[np.float32], how: How, said: list[str], progress: Progress
) -> Bounds | None:
    """Say where windows are wanted: where there is anything, and ``fast`` where the model finds something."""
    tile, outputs = model_tile(model, volume), model.spec.outputs
    careful = replace(how, quality="balanced", overlap=how.step_back)

    def labelled(coarse: NDArray[np.float32]) -> NDArray[Any]:
        def sink(_: int) -> LabelSink:
            return LabelSink(len(outputs.names), coarse.shape[1:], outputs.regions)

        return predict(model, coarse, sink, None, careful, [], progress).labels

    if how.quality == "fast":
        found = found_coarsely(model, volume, tile, how.step_back, labelled, said)
        if found is not None:
            return found
    content = content_bounds(volume, tile, how.step_back)
    if content is not None:
        share = content.mask.size / volume[0].size
        said.append(f"Looked at {share:.0%} of the image, which is filled up with one value elsewhere.")
        return content
    if how.quality == "fast" and (body := body_mask(volume)).any():
        return bounds_of(body, tile, how.step_back)
    return None


@dataclass
class _Work:
    """One prediction, to be begun again with another budget."""

    model: Model
    volume: NDArray[np.float32]
    bounds: Bounds | None
    how: How
    said: list[str]
    progress: Progress
    each: Callable[[torch.Tensor], torch.Tensor] | None

    def run(self, sink: S, budget: Budget) -> S:
        """Predict all windows into a sink."""
        import torch

        spec = self.model.spec
        tile = model_tile(self.model, self.volume)
        box = self.bounds.box if self.bounds else tuple(slice(0, n) for n in self.volume.shape[1:])
        cut = self.volume[(slice(None), *box)]
        padded, inner = extend_to_tile(cut, tile, spec.windows.padding)
        grid = window_grid(padded.shape[1:], tile, self.how.step_back, spec.windows.spread)
        wanted = self._wanted(grid, inner)
        blending = spec.windows.blending if self.how.blending == "gaussian" else self.how.blending
        plan = Plan(budget.batch, blending, budget.sums_on, reuse=self.how.quality != "exact")
        place = torch.device(budget.device)
        with prediction_only():
            forward = self._forward(budget, place, grid)
            put = shifted(sink.put, inner, box)
            run_windows(forward, padded, grid, plan, place, put, wanted=wanted, progress=self.progress)
        return sink

    def _wanted(self, grid: WindowGrid, inner: Box) -> Callable[[tuple[int, ...]], bool] | None:
        if self.bounds is None:
            return None
        mask = np.zeros(grid.shape, bool)
        mask[inner] = self.bounds.mask
        return lambda index: bool(mask[grid.box(index)].any())

    def _forward(self, budget: Budget, place: torch.device, grid: WindowGrid) -> Forward:
        spec, networks = self.model.spec, self.model.networks
        shape = (budget.batch, spec.inputs, *spec.tile)
        mirrored = self.how.quality == "exact" if self.how.mirrored is None else self.how.mirrored
        mirrors = spec.mirror_axes if mirrored else ()
        setting = self._setting(shape, place, -(-len(grid) // budget.batch) * len(networks))
        passes = [followed(opened(network, setting, shape, place), self.each) for network in networks]
        forward = averaged(passes, mirrors)
        if spec.preparation.slicewise:
            forward = slice_by_slice(forward)
        return forward

    def _setting(self, shape: tuple[int, ...], place: torch.device, batches: int) -> Setting:
        if self.how.quality == "exact":
            return EXACT
        model = self.model
        labels = case_labels(model, shape, place)
        with listening(part(self.progress, 0, 0, "Looking for the fastest way")):
            choice = choose_setting(model.network, model.digest, shape, place, batches, labels)
        if choice.reason:
            self.said.append(choice.reason)
        return choice.setting


def model_tile(model: Model, volume: NDArray[Any]) -> tuple[int, ...]:
    """Return the window as the volume's axes see it: one plane thick for a 2-D network on a volume."""
    return (1,) * (volume.ndim - 1 - len(model.spec.tile)) + tuple(model.spec.tile)


def followed(forward: Forward, each: Callable[[torch.Tensor], torch.Tensor] | None) -> Forward:
    """Apply a function to what every single pass gives, before copies and members are averaged."""
    return forward if each is None else lambda windows: each(forward(windows))


def slice_by_slice(forward: Forward) -> Forward:
    """Let a 2-D network take windows that are one plane thick."""
    return lambda windows: forward(windows.squeeze(2)).unsqueeze(2)


def shifted(
    put: Callable[[torch.Tensor, Box], None], inner: Box, box: Box
) -> Callable[[torch.Tensor, Box], None]:
    """Put bricks of an extended part of an image where they belong in the image, the extension cut off."""

    def placed(brick: torch.Tensor, where: Box) -> None:
        inside, target = [], []
        for axis, (b, i, o) in enumerate(zip(where, inner, box, strict=True)):
            start, stop = max(b.start, i.start), min(b.stop, i.stop)
            if start >= stop:
                return
            inside.append(slice(start - b.start, stop - b.start))
            target.append(slice(start - i.start + box[axis].start, stop - i.start + o.start))
        put(brick[(slice(None), *inside)], tuple(target))

    return placed


def case_labels(model: Model, shape: tuple[int, ...], place: torch.device) -> Labels | None:
    """Return what labels a model's check case by an opened network; none where there is no such case.

    There is none for the second stage of a cascade either: the first stage would have to run as well.
    """
    case = model.case
    if case is None or case.labels is None or model.previous is not None:
        return None
    volume = prepare(model.spec, case.image).volume
    tile = model_tile(model, volume)
    padded, _ = extend_to_tile(volume, tile, model.spec.windows.padding)
    grid = window_grid(padded.shape[1:], tile, FAST_OVERLAP, model.spec.windows.spread)

    def labels(forward: Forward) -> NDArray[Any]:
        found = np.zeros(grid.shape, np.uint16)

        def put(brick: torch.Tensor, box: Box) -> None:
            found[box] = labels_of_scores(brick.cpu().numpy(), model.spec.outputs.regions)

        flat = slice_by_slice(forward) if model.spec.preparation.slicewise else forward
        run_windows(flat, padded, grid, Plan(shape[0]), place, put)
        return found

    return labels
