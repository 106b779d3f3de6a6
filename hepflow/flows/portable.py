"""The spline of `spline.c` in torch, bit for bit: where there is no C compiler, a search gives the same numbers.

Each line does what the line of the same name does there, in the same order, and is rounded as that is. It takes some
ten times as long. All values have shape ``(G, B)``, parameters ``(G, 3 K - 1, B)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
import torch
from torch import Tensor

MIN_BIN = 1e-3
MIN_DERIVATIVE = 1e-3
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693359375, -2.1219444005469058e-4


@dataclass(frozen=True)
class _Format:
    """A floating-point format, and how far the series of its exponential and logarithm go."""

    bits: torch.dtype
    mantissa: int
    bias: int
    half_root: int
    lowest: int
    highest: int
    exp_terms: int
    log_terms: int


FORMATS = {
    torch.float32: _Format(torch.int32, 23, 127, 0x3F3504F3, -87, 88, 7, 5),
    torch.float64: _Format(torch.int64, 52, 1023, 0x3FE6A09E667F3BCD, -708, 709, 13, 11),
}


def forward(x: Tensor, parameters: Tensor, bound: float, edge: float) -> tuple[Tensor, Tensor]:
    """Return values and log-determinants."""
    limit = _number(bound, x)
    value = x.clamp(-limit, limit)
    at = _locate(parameters, limit, edge, value, inverse=False)
    s = at.h / at.w
    t = ((value - at.x0) / at.w).clamp(0, 1)
    u = 1 - t
    a = t * u
    denominator = s + (at.d0 + at.d1 - 2 * s) * a
    slope = at.d1 * t * t + 2 * s * a + at.d0 * u * u
    inside = (x >= -limit) & (x <= limit)
    ratio = s / denominator
    y = torch.where(inside, at.y0 + at.h * (s * t * t + at.d0 * a) / denominator, x)
    return y, torch.where(inside, logarithm(ratio * ratio * slope), 0)


def inverse(y: Tensor, parameters: Tensor, bound: float, edge: float) -> tuple[Tensor, Tensor]:
    """Return the values that `forward` maps to these, and the log-determinants of the inverse."""
    limit = _number(bound, y)
    value = y.clamp(-limit, limit)
    at = _locate(parameters, limit, edge, value, inverse=True)
    h, d0, d1 = at.h, at.d0, at.d1
    s = h / at.w
    rise, curvature = value - at.y0, d0 + d1 - 2 * s
    a2, b, c = h * (s - d0) + rise * curvature, h * d0 - rise * curvature, -s * rise
    root = _square_root((b * b - 4 * a2 * c).clamp_min(0))
    first = (2 * c / (-b - root)).clamp(0, 1)
    a1 = first * (1 - first)
    d = s + curvature * a1
    miss = h * (s * first * first + d0 * a1) / d - rise
    steep = h * s * (d1 * first * first + 2 * s * a1 + d0 * (1 - first) * (1 - first)) / (d * d)
    t = (first - miss / steep).clamp(0, 1)
    u = 1 - t
    a = t * u
    denominator = s + curvature * a
    slope = d1 * t * t + 2 * s * a + d0 * u * u
    inside = (y >= -limit) & (y <= limit)
    ratio = s / denominator
    return (
        torch.where(inside, at.x0 + t * at.w, y),
        torch.where(inside, -logarithm(ratio * ratio * slope), 0),
    )


def backward(
    x: Tensor, parameters: Tensor, by_y: Tensor, by_log_determinant: Tensor, bound: float, edge: float
) -> tuple[Tensor, Tensor]:
    """Return the derivatives by values and parameters, from those by what `forward` returns."""
    limit = _number(bound, x)
    value = x.clamp(-limit, limit)
    at = _locate(parameters, limit, edge, value, inverse=False)
    h, w, d0, d1 = at.h, at.w, at.d0, at.d1
    s = h / w
    t = ((value - at.x0) / w).clamp(0, 1)
    u = 1 - t
    a = t * u
    v = 1 - 2 * a
    curvature = d0 + d1 - 2 * s
    denominator = s + curvature * a
    numerator, slope = s * t * t + d0 * a, d1 * t * t + 2 * s * a + d0 * u * u
    inside = (x >= -limit) & (x <= limit)
    y_, l_ = torch.where(inside, by_y, 0), torch.where(inside, by_log_determinant, 0)
    q = y_ * h / (denominator * denominator)
    by_slope, by_denominator = l_ / slope, 2 * l_ / denominator
    by_t = (
        q * s * slope + 2 * by_slope * (d1 * t + s * (u - t) - d0 * u) - by_denominator * curvature * (u - t)
    )
    by_s = q * (t * t * denominator - numerator * v) + 2 * l_ / s + 2 * a * by_slope - by_denominator * v
    by_d0 = q * a * (denominator - numerator) + u * u * by_slope - by_denominator * a
    by_d1 = -q * a * numerator + t * t * by_slope - by_denominator * a
    by_h = y_ * numerator / denominator + by_s / w
    by_w = -(by_s * s + by_t * t) / w
    by_x = torch.where(inside, by_t / w, by_y)
    by_raw0 = by_d0 / (1 + exponential(-at.raw0))
    by_raw1 = by_d1 / (1 + exponential(-at.raw1))
    bins = len(at.widths)
    by_parameters = [
        *_through_softmax(at.widths, limit, at.bin, at.x0, at.w, -by_t / w, by_w),
        *_through_softmax(at.heights, limit, at.bin, at.y0, h, y_, by_h),
        *(
            torch.where(at.bin == k + 1, by_raw0, 0) + torch.where(at.bin == k, by_raw1, 0)
            for k in range(bins - 1)
        ),
    ]
    return by_x, torch.stack(by_parameters, dim=1)


def exponential(x: Tensor) -> Tensor:
    """Return ``exp(x)``."""
    form = FORMATS[x.dtype]
    x = x.clamp(form.lowest, form.highest)
    rounding = 1.5 * 2**form.mantissa
    n = (x * _number(LOG2_E, x) + rounding) - rounding
    r = (x - n * _number(LN2_HIGH, x)) - n * _number(LN2_LOW, x)
    power = (n.to(form.bits) + form.bias) << form.mantissa
    total = torch.full_like(r, 1 / factorial(form.exp_terms))
    for k in range(form.exp_terms - 1, -1, -1):
        total = total * r + _number(1 / factorial(k), x)
    found: Tensor = total * power.view(x.dtype)
    return found


def logarithm(x: Tensor) -> Tensor:
    """Return ``log(x)`` of positive, normal numbers."""
    form = FORMATS[x.dtype]
    bits = x.contiguous().view(form.bits)
    exponent = (bits - form.half_root) >> form.mantissa
    m = (bits - exponent * (1 << form.mantissa)).view(x.dtype)
    s = (m - 1) / (m + 1)
    q = s * s
    total = torch.full_like(q, 1 / (2 * form.log_terms + 1))
    for k in range(form.log_terms - 1, -1, -1):
        total = total * q + _number(1 / (2 * k + 1), x)
    e = exponent.to(x.dtype)
    return e * _number(LN2_HIGH, x) + (e * _number(LN2_LOW, x) + 2 * s * total)


def _square_root(x: Tensor) -> Tensor:
    """Return a square root that is rounded as IEEE 754 says, which that of torch is not everywhere."""
    return torch.from_numpy(np.sqrt(x.numpy()))


@dataclass(frozen=True, eq=False)
class _Place:
    """Where events lie in their splines: size, lower corner and number of the bin, derivatives at its knots."""

    w: Tensor
    h: Tensor
    x0: Tensor
    y0: Tensor
    bin: Tensor
    raw0: Tensor
    raw1: Tensor
    d0: Tensor
    d1: Tensor
    widths: list[Tensor]
    heights: list[Tensor]


def _locate(parameters: Tensor, bound: Tensor, edge: float, value: Tensor, *, inverse: bool) -> _Place:
    bins = (parameters.shape[1] + 1) // 3
    rows = list(parameters.unbind(1))
    widths, heights = _sizes(rows[:bins], 2 * bound), _sizes(rows[bins : 2 * bins], 2 * bound)
    if inverse:
        y0, h, number = _find(heights, bound, value)
        x0, w = _look_up(widths, bound, number)
    else:
        x0, w, number = _find(widths, bound, value)
        y0, h = _look_up(heights, bound, number)
    raw0 = raw1 = torch.full_like(value, edge)
    for k, raw in enumerate(rows[2 * bins :]):
        raw0 = torch.where(number == k + 1, raw, raw0)
        raw1 = torch.where(number == k, raw, raw1)
    d0, d1 = (_softplus(raw) + _number(MIN_DERIVATIVE, value) for raw in (raw0, raw1))
    return _Place(w, h, x0, y0, number, raw0, raw1, d0, d1, widths, heights)


def _sizes(raw: list[Tensor], span: Tensor) -> list[Tensor]:
    """Return the softmax over the bins, as sizes that add up to `span`."""
    top = torch.stack(raw).amax(0)
    each = [exponential(one - top) for one in raw]
    total = torch.zeros_like(top)
    for one in each:
        total = total + one
    least = _number(MIN_BIN, span)
    total = span * (1 - least * len(raw)) / total
    return [one * total + span * least for one in each]


def _find(size: list[Tensor], bound: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return start, length and number of the bin in which each value lies."""
    start, length, end = torch.zeros_like(value) - bound, size[0], size[0] - bound
    number = torch.zeros_like(value)
    for k in range(1, len(size)):
        past = value >= end
        start, length = torch.where(past, end, start), torch.where(past, size[k], length)
        number = torch.where(past, k, number)
        end = end + size[k]
    return start, length, number


def _look_up(size: list[Tensor], bound: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return start and length of a known bin."""
    start, length = torch.zeros_like(number) - bound, size[0]
    for k in range(1, len(size)):
        start = start + torch.where(number >= k, size[k - 1], 0)
        length = torch.where(number == k, size[k], length)
    return start, length


def _softplus(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0) + logarithm(1 + exponential(torch.where(x > 0, -x, x)))


def _through_softmax(
    size: list[Tensor],
    bound: Tensor,
    number: Tensor,
    where: Tensor,
    length: Tensor,
    by_start: Tensor,
    by_length: Tensor,
) -> list[Tensor]:
    """Return the derivatives by what is behind the softmax, from those by start and length of the events' bins."""
    small = _number(MIN_BIN, bound)
    least, spread = 2 * bound * small, 2 * bound * (1 - small * len(size))
    mean = (by_start * (where + bound - number * least) + by_length * (length - least)) / spread
    zero = torch.zeros_like(mean)
    return [
        (one - least) * (torch.where(number > k, by_start, torch.where(number == k, by_length, zero)) - mean)
        for k, one in enumerate(size)
    ]


def _number(value: float, like: Tensor) -> Tensor:
    """Return a number rounded to the precision of a tensor, so that no wider arithmetic is done with it."""
    return torch.tensor(value, dtype=like.dtype)
