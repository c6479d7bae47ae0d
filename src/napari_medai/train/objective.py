"""The objective of a plan: weighted losses, and the deeper levels of the network judged as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_medai.core.errors import ArgumentError
from napari_medai.train.losses import LOSSES, shares_of

if TYPE_CHECKING:
    import torch

LossName = Literal["dice", "ce", "bce", "focal", "tversky", "boundary", "cldice"]


class ObjectiveSettings(BaseModel):
    """What the network is punished for.

    Parameters
    ----------
    losses : dict
        Weight of each loss: dice, ce, bce, focal, tversky, boundary, cldice.
    class_weights : tuple of float
        Weight of each class, the background first; empty: 1 each.
    deep_supervision : bool
        Also judge the decoder's coarser levels, each half as much as the next finer one (DynUNet).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    losses: Annotated[dict[LossName, Annotated[float, Field(gt=0)]], Field(min_length=1)] = {
        "dice": 1.0,
        "ce": 1.0,
    }
    class_weights: tuple[Annotated[float, Field(ge=0)], ...] = ()
    deep_supervision: bool = False


class SegmentationLoss:
    """Compares class scores with a truth of label values or soft labels."""

    def __init__(self, settings: ObjectiveSettings, classes: int) -> None:
        given = settings.class_weights
        if given and len(given) != classes:
            raise ArgumentError(
                f"Found {len(given)} class weights for {classes} classes.",
                "Give one for each, background first.",
            )
        self._settings, self._weights = settings, given or (1.0,) * classes

    def __call__(self, scores: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Return the weighted sum of the losses."""
        import torch

        shares, known = shares_of(truth, scores.shape[1])
        weights = torch.tensor(self._weights, device=scores.device)
        parts = [
            weight * LOSSES[name](scores, shares, known, weights)
            for name, weight in self._settings.losses.items()
        ]
        return torch.stack(parts).sum()


def deeply_supervised(network: Any, classes: int) -> Any:
    """Give a DynUNet's decoder a head at each coarser level while it is trained.

    Parameters
    ----------
    network : torch.nn.Module
        A DynUNet; it is not changed, and is found again as ``inner``.
    classes : int
        Output channels.

    Returns
    -------
    torch.nn.Module
        In training it returns a list of scores, finest first; else what the network does.

    Raises
    ------
    ArgumentError
        If the network has no decoder that is known.
    """
    import torch

    levels = list(getattr(network, "upsamples", []))[:-1]
    if not levels:
        raise ArgumentError(
            "Deep supervision needs a DynUNet of three levels or more.", hint="Switch it off in the plan."
        )

    class Supervised(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network
            convolution = torch.nn.Conv2d if network.spatial_dims == 2 else torch.nn.Conv3d
            widths = [level.conv_block.conv2.conv.out_channels for level in levels]
            self.heads = torch.nn.ModuleList(convolution(width, classes, 1) for width in widths)

        def forward(self, x: torch.Tensor) -> Any:
            if not self.training:
                return self.inner(x)
            seen: list[torch.Tensor] = []
            hooks = [
                lev.register_forward_hook(lambda _m, _i, out: seen.append(out))
                for lev in self.inner.upsamples[:-1]
            ]
            try:
                scores = self.inner(x)
            finally:
                for hook in hooks:
                    hook.remove()
            coarse = [head(s) for head, s in zip(self.heads, seen, strict=True)]
            return [scores, *reversed(coarse)]

    return Supervised()


def segmentation_objective(settings: ObjectiveSettings, classes: int) -> Any:
    """Make the objective of a segmentation for :func:`run_training`."""
    import torch

    loss = SegmentationLoss(settings, classes)

    def objective(network: torch.nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        outputs: Any = network(batch[0])
        levels = outputs if isinstance(outputs, list) else [outputs]
        total = torch.zeros((), device=batch[0].device)
        with torch.autocast(batch[0].device.type, enabled=False):
            for k, scores in enumerate(levels):
                total = total + loss(scores.float(), _at_size(batch[1], scores.shape[2:])) * 0.5**k
        return total / sum(0.5**k for k in range(len(levels)))

    return objective


def _at_size(truth: torch.Tensor, size: Any) -> torch.Tensor:
    """Thin a truth out to a coarser level: every n-th voxel, or the mean of soft labels."""
    import torch

    if truth.shape[-len(size) :] == size:
        return truth
    if truth.is_floating_point():
        pool: Any = torch.nn.functional.interpolate
        resized: torch.Tensor = pool(truth, size=tuple(size), mode="area")
        return resized
    thinned: torch.Tensor = torch.nn.functional.interpolate(
        truth[:, None].float(), size=tuple(size), mode="nearest"
    )
    return thinned[:, 0].to(truth.dtype)
