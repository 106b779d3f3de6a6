"""The monotonic rational-quadratic spline with linear tails (Durkan et al., arXiv:1906.04032, eqs. 4-8).

Same parameters as nflows' spline, without boolean-mask indexing and without asserts: every event takes the same
path, events in the tails are clamped for the arithmetic and restored at the end, so no value reaches a branch in
which it, or its gradient, would be NaN.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hepflow.flows import native, portable
from hepflow.flows.portable import MIN_BIN, MIN_DERIVATIVE

# softplus(EDGE) + MIN_DERIVATIVE = 1: the spline joins the identity tails smoothly
EDGE = math.log(math.expm1(1 - MIN_DERIVATIVE))


def spline_rows(
    inputs: Tensor, parameters: Tensor, *, bound: float, inverse: bool = False
) -> tuple[Tensor, Tensor]:
    """Transform rows of events, the layout in which a network's output needs no rearrangement.

    Parameters
    ----------
    inputs
        Values, shape ``(G, B)``.
    parameters
        Unnormalised widths, heights and inner derivatives, shape ``(G, 3 K - 1, B)``.
    bound, inverse
        As in `rational_quadratic_spline`, whose numbers these are but for rounding. On a CPU they come from compiled
        code (`native.py`) or the same steps in torch (`portable.py`), unless the inverse is to be differentiated.

    Returns
    -------
    outputs, log_determinant
        Both of shape ``(G, B)``.
    """
    bins = (parameters.shape[1] + 1) // 3
    if inputs.device.type == "cpu" and inputs.dtype in native.PRECISIONS and bins <= native.MAX_BINS:
        given = inputs.contiguous(), parameters.contiguous()
        found: tuple[Tensor, Tensor]
        if not inverse:
            found = _Forward.apply(*given, bound)  # type: ignore[no-untyped-call]
            return found
        if not (torch.is_grad_enabled() and (inputs.requires_grad or parameters.requires_grad)):
            found = _kernel().inverse(*given, bound, EDGE)
            return found
    widths, heights, derivatives = torch.split(parameters.movedim(1, -1), [bins, bins, bins - 1], dim=-1)
    return rational_quadratic_spline(inputs, widths, heights, derivatives, bound=bound, inverse=inverse)


def _kernel() -> ModuleType:
    """Return the module that has the kernels; both give the same bits."""
    return portable if native.library() is None else native


class _Forward(torch.autograd.Function):
    """The spline, and its derivatives, which compute anew what the forward pass knew: no memory is held."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, parameters: Tensor, bound: float) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(inputs, parameters)
        ctx.bound = bound
        found: tuple[Tensor, Tensor] = _kernel().forward(inputs, parameters, bound, EDGE)
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_outputs: Tensor, by_log_determinant: Tensor) -> tuple[Tensor, Tensor, None]:
        given = by_outputs.contiguous(), by_log_determinant.contiguous()
        return *_kernel().backward(*ctx.saved_tensors, *given, ctx.bound, EDGE), None


def rational_quadratic_spline(
    inputs: Tensor,
    widths: Tensor,
    heights: Tensor,
    derivatives: Tensor,
    *,
    bound: float,
    inverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Transform elementwise by a spline on ``[-bound, bound]`` that is the identity outside.

    Parameters
    ----------
    inputs
        Values, shape ``(...)``.
    widths, heights
        Unnormalised bin widths and heights, shape ``(..., K)``.
    derivatives
        Unnormalised derivatives at the inner knots, shape ``(..., K - 1)``.
    bound
        Half width of the spline's domain.
    inverse
        Invert the transform; the discriminant of eq. 8 is clamped just above zero, where rounding makes it
        negative: the root then has a finite gradient.

    Returns
    -------
    outputs, log_determinant
        Both of shape ``(...)``.
    """
    inside = (inputs >= -bound) & (inputs <= bound)
    value = inputs.clamp(-bound, bound)

    x_knots, width = _knots(widths, bound)
    y_knots, height = _knots(heights, bound)
    slope = functional.softplus(functional.pad(derivatives, (1, 1), value=EDGE)) + MIN_DERIVATIVE

    knots = y_knots if inverse else x_knots
    index = (value[..., None] >= knots[..., 1:-1]).sum(-1, keepdim=True)
    x0, w = x_knots.gather(-1, index)[..., 0], width.gather(-1, index)[..., 0]
    y0, h = y_knots.gather(-1, index)[..., 0], height.gather(-1, index)[..., 0]
    d0, d1 = slope.gather(-1, index)[..., 0], slope.gather(-1, index + 1)[..., 0]
    s = h / w
    curvature = d0 + d1 - 2 * s

    if inverse:
        rise = value - y0
        a = h * (s - d0) + rise * curvature
        b = h * d0 - rise * curvature
        c = -s * rise
        root = torch.sqrt((b.square() - 4 * a * c).clamp_min(torch.finfo(b.dtype).tiny))
        t = (2 * c / (-b - root)).clamp(0, 1)
        outputs = x0 + t * w
    else:
        t = (value - x0) / w
        outputs = y0 + h * (s * t.square() + d0 * t * (1 - t)) / (s + curvature * t * (1 - t))

    denominator = s + curvature * t * (1 - t)
    gradient = d1 * t.square() + 2 * s * t * (1 - t) + d0 * (1 - t).square()
    log_determinant = 2 * torch.log(s) + torch.log(gradient) - 2 * torch.log(denominator)
    if inverse:
        log_determinant = -log_determinant
    return torch.where(inside, outputs, inputs), torch.where(inside, log_determinant, 0.0)


def _knots(unnormalised: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Return knot positions (..., K + 1), exact at both ends, and the bin sizes (..., K) between them."""
    bins = unnormalised.shape[-1]
    sizes = MIN_BIN + (1 - MIN_BIN * bins) * functional.softmax(unnormalised, dim=-1)
    inner = 2 * bound * torch.cumsum(sizes[..., :-1], dim=-1) - bound
    knots = functional.pad(functional.pad(inner, (1, 0), value=-bound), (0, 1), value=bound)
    return knots, knots[..., 1:] - knots[..., :-1]
