"""An adversary that learns to tell predicted masks from true ones, and what the network learns from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_medai.train.checkpoint import State, pack_optimizer, unpack_optimizer
from napari_medai.train.losses import shares_of
from napari_medai.train.plan import GanSettings
from napari_medai.train.processes import place_among_processes
from napari_medai.train.stepping import Objective

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TOO_GOOD = 0.8
"""Share of right verdicts above which the adversary waits for the network to catch up."""

LEVELS = {"pixel": 0, "patch": 3, "image": 4}
"""Halvings of the grid before the verdict."""


def build_adversary(settings: GanSettings, ndim: int, channels: int) -> torch.nn.Module:
    """Build a judge of (image, mask) pairs.

    Parameters
    ----------
    settings : GanSettings
        Level and width.
    ndim, channels : int
        Of the images; channels and classes together.

    Returns
    -------
    torch.nn.Module
        From (batch, channels, ...) to verdicts before the sigmoid: one for each pixel, each patch, or image.
    """
    import torch

    convolution: Any = torch.nn.Conv2d if ndim == 2 else torch.nn.Conv3d
    norm: Any = torch.nn.InstanceNorm2d if ndim == 2 else torch.nn.InstanceNorm3d
    halvings, width = LEVELS[settings.level], settings.width
    sizes = {"kernel_size": 1} if halvings == 0 else {"kernel_size": 4, "stride": 2, "padding": 1}
    layers: list[Any] = [convolution(channels, width, **sizes), torch.nn.LeakyReLU(0.2)]
    for _ in range(max(1, halvings - 1)):
        layers += [convolution(width, 2 * width, **sizes), norm(2 * width), torch.nn.LeakyReLU(0.2)]
        width *= 2
    layers.append(convolution(width, 1, 1))
    if settings.level == "image":
        layers += [torch.nn.AdaptiveAvgPool2d(1) if ndim == 2 else torch.nn.AdaptiveAvgPool3d(1)]
    return torch.nn.Sequential(*layers)


class Adversarial:
    """An objective: the supervised one plus what the adversary finds unlikely; the adversary learns in turn.

    Parameters
    ----------
    supervised : callable
        The objective it is added to; given the network's outputs through a stand-in for the network.
    settings : GanSettings
        Level, weight and rate.
    ndim, channels, classes : int
        Of the images.
    device : str
        Where the adversary lives.

    References
    ----------
    Son, Park and Jung 2017, Retinal vessel segmentation with generative adversarial networks,
    arXiv 1706.09318.
    """

    def __init__(
        self,
        supervised: Objective,
        settings: GanSettings,
        ndim: int,
        channels: int,
        classes: int,
        device: str,
    ) -> None:
        import torch

        self.adversary = build_adversary(settings, ndim, channels + classes).to(device)
        self.optimizer = torch.optim.Adam(self.adversary.parameters(), settings.rate, betas=(0.5, 0.999))
        self.right = 0.5
        self._supervised, self._settings = supervised, settings
        self._seen: list[tuple[Tensor, Tensor]] = []

    def __call__(self, network: torch.nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a batch, and keep the pairs for the adversary's own step."""
        import torch

        outputs: Any = network(batch[0])
        already: Any = _Already(outputs)
        loss = self._supervised(already, batch)
        scores = outputs[0] if isinstance(outputs, list) else outputs
        with torch.autocast(batch[0].device.type, enabled=False):
            shares, known = shares_of(batch[1], scores.shape[1])
            guess = torch.softmax(scores.float(), 1) * known
            self.adversary.requires_grad_(False)
            verdict = self.adversary(torch.cat([batch[0].float(), guess], 1))
            fooling = _against(verdict, True)
        self._seen += [
            (torch.cat([batch[0].float(), shares], 1), torch.cat([batch[0].float(), guess.detach()], 1))
        ]
        return loss + self._settings.weight * fooling

    def after_step(self, _: Sequence[Any]) -> None:
        """Let the adversary learn from the step's pairs, unless it is right too often already."""
        import torch

        seen, self._seen = self._seen, []
        self.adversary.requires_grad_(True)
        self.optimizer.zero_grad()
        right = 0.0
        for true, guess in seen:
            verdicts = self.adversary(true), self.adversary(guess)
            loss = (_against(verdicts[0], True) + _against(verdicts[1], False)) / (2 * len(seen))
            torch.autograd.backward(loss)
            hits = (verdicts[0] > 0).float().mean() + (verdicts[1] <= 0).float().mean()
            right += float(hits) / (2 * len(seen))
        _share_gradients(self.adversary)
        self.right = 0.9 * self.right + 0.1 * right
        if self.right <= TOO_GOOD:
            self.optimizer.step()

    def pack(self) -> State:
        """Return what a resumed training needs."""
        memory = pack_optimizer(self.optimizer)
        tensors = {f"network/{k}": t for k, t in self.adversary.state_dict().items()}
        tensors |= {f"optimizer/{k}": t for k, t in memory.tensors.items()}
        return State(tensors, {"right": self.right, "optimizer": dict(memory.values)})

    def unpack(self, state: State) -> None:
        """Go on from what :meth:`pack` returned."""
        self.adversary.load_state_dict(state.under("network"))
        unpack_optimizer(self.optimizer, State(state.under("optimizer"), state.values["optimizer"]))
        self.right = state.values["right"]


class _Already:
    """A stand-in for a network whose outputs are there already."""

    def __init__(self, outputs: Any) -> None:
        self._outputs = outputs

    def __call__(self, _: Any) -> Any:
        return self._outputs


def _against(verdict: Tensor, true: bool) -> Tensor:
    """Return the cross-entropy of verdicts with what they should be."""
    import torch

    goal = torch.full_like(verdict, float(true))
    return torch.nn.functional.binary_cross_entropy_with_logits(verdict, goal)


def _share_gradients(network: torch.nn.Module) -> None:
    """Average gradients among the processes that train together."""
    import torch

    _, world = place_among_processes()
    if world > 1:
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= world
