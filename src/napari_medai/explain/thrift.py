"""Gradients of a network whose weights are frozen, with less kept and less done than autograd does.

Autograd keeps the input of every convolution for the gradient of its weights, which nobody asks for here, and
of every rectifier a map of numbers where one bit a voxel tells as much. A convolution of a whole volume turns
its input and output into another order first; slab by slab that takes little. The gradient is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

SLAB_PLANES = 32
SLAB_ROWS = 20_480
"""Channels times planes times rows above which torch takes its fast convolution for a single sample."""


@contextmanager
def thrifty() -> Iterator[None]:
    """Let convolutions with frozen weights and rectifiers keep no more than their gradient needs."""
    from torch.overrides import TorchFunctionMode

    class Thrifty(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, _types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
        ) -> Any:
            handler = _handlers().get(func)
            found = NotImplemented if handler is None else handler(*args, **(kwargs or {}))
            return func(*args, **(kwargs or {})) if found is NotImplemented else found

    with Thrifty():
        yield


@cache
def _handlers() -> dict[Any, Any]:
    import torch
    from torch.nn import functional

    return {
        torch.conv2d: _convolved,
        torch.conv3d: _convolved,
        functional.relu: _rectified,
        functional.leaky_relu: _leaky,
        functional.batch_norm: _normalised,
    }


def _convolved(
    values: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Convolve, or leave it to torch where a weight is to learn or the kernel is moved in larger steps."""
    size = tuple(weight.shape[2:])
    steps, spread = (_each(v, len(size)) for v in (stride, dilation))
    if _left_alone(values, weight, bias) or isinstance(padding, str) or groups != 1:
        return NotImplemented
    rim = _each(padding, len(size))
    if set(steps + spread) != {1} or any(p > k - 1 for p, k in zip(rim, size, strict=True)):
        return NotImplemented
    return _functions()[0].apply(values, weight, bias, rim)


def _rectified(values: torch.Tensor, inplace: bool = False) -> Any:
    return _leaky(values, 0.0, inplace)


def _leaky(values: torch.Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    if _left_alone(values):
        return NotImplemented
    return _functions()[1].apply(values, negative_slope, inplace)


def _normalised(
    values: torch.Tensor,
    running_mean: torch.Tensor | None,
    running_var: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,  # noqa: ARG001 - torch gives it
    eps: float = 1e-5,
) -> Any:
    """Normalise by what was learnt: a factor a channel, whose gradient needs no input."""
    if training or running_mean is None or running_var is None or _left_alone(values, weight, bias):
        return NotImplemented
    return _functions()[2].apply(values, (running_mean, running_var, weight, bias), eps)


def _left_alone(values: torch.Tensor, *weights: torch.Tensor | None) -> bool:
    import torch

    learning = any(w is not None and w.requires_grad for w in weights)
    return learning or not values.requires_grad or not torch.is_grad_enabled()


def _each(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


def _slab_by_slab(
    values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, rim: tuple[int, ...]
) -> torch.Tensor:
    """Convolve by steps of one as torch does, a volume some planes at a time."""
    import torch

    if values.ndim == 4:
        return torch.conv2d(values, weight, bias, 1, rim)
    samples, channels, depth, rows, _ = values.shape
    planes = max(SLAB_PLANES, SLAB_ROWS // (samples * channels * rows) + 1)
    reach, before = weight.shape[2], rim[0]
    size = [n + 2 * p - k + 1 for n, p, k in zip(values.shape[2:], rim, weight.shape[2:], strict=True)]
    if size[0] < 2 * planes:
        return torch.conv3d(values, weight, bias, 1, rim)
    found = values.new_empty(samples, len(weight), *size)
    for start in range(0, size[0] - planes + 1, planes):
        stop = start + planes if size[0] - start >= 2 * planes else size[0]
        low, high = start - before, stop - before + reach - 1
        slab = values[:, :, max(low, 0) : min(high, depth)]
        lack = (max(-low, 0), max(high - depth, 0))
        if any(lack):
            slab = torch.nn.functional.pad(slab, (0, 0, 0, 0, *lack))
        found[:, :, start:stop] = torch.conv3d(slab, weight, bias, 1, (0, *rim[1:]))
    return found


@cache
def _functions() -> tuple[Any, Any, Any]:
    """Make the three functions; torch is imported when they are first needed."""
    import torch

    class Convolution(torch.autograd.Function):
        """A convolution by steps of one; its gradient is one with the kernel turned round."""

        @staticmethod
        def forward(ctx: Any, values: Any, weight: Any, bias: Any, rim: tuple[int, ...]) -> Any:
            ctx.save_for_backward(weight)
            ctx.rim = rim
            return _slab_by_slab(values, weight, bias, rim)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            (weight,) = ctx.saved_tensors
            turned = weight.flip(tuple(range(2, weight.ndim))).transpose(0, 1).contiguous()
            rim = tuple(k - 1 - p for k, p in zip(weight.shape[2:], ctx.rim, strict=True))
            return _slab_by_slab(gradients[0], turned, None, rim), None, None, None

    class Rectifier(torch.autograd.Function):
        """A rectifier, maybe a leaky one; its gradient needs to know where values were positive."""

        @staticmethod
        def forward(ctx: Any, values: Any, slope: float, inplace: bool) -> Any:
            ctx.save_for_backward(values > 0)
            ctx.slope = slope
            if inplace:
                ctx.mark_dirty(values)
            return torch.nn.functional.leaky_relu(values, slope, inplace)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            (positive,) = ctx.saved_tensors
            lessened = ctx.slope * gradients[0]
            return torch.where(positive, gradients[0], lessened, out=lessened), None, None

    class Normalisation(torch.autograd.Function):
        """Batch normalisation of a trained network: every channel times a factor."""

        @staticmethod
        def forward(ctx: Any, values: Any, learnt: Any, eps: float) -> Any:
            mean, variance, weight, bias = learnt
            factor = torch.rsqrt(variance + eps)
            ctx.save_for_backward(factor if weight is None else factor * weight)
            return torch.batch_norm(values, weight, bias, mean, variance, False, 0.0, eps, False)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            (factor,) = ctx.saved_tensors
            return gradients[0] * factor.reshape(1, -1, *[1] * (gradients[0].ndim - 2)), None, None

    return Convolution, Rectifier, Normalisation
