"""Trained flows asked: in pieces that bound the memory, for densities, latents and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hepflow.flows.matching import FlowMatching
from hepflow.flows.mixture import MixtureAutoregressive
from hepflow.sample import FloatArray

CHUNK = 8192  # events at a time: what a layer holds of them stays in the cache

Call = Callable[[Any, Tensor, Tensor | None], Tensor]


def tensor(values: FloatArray) -> Tensor:
    """Return numbers in the precision that networks compute in."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def chunks(x: FloatArray, context: FloatArray) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Yield features (N, D) and contexts (N, C) in pieces that fit into the cache; None for no contexts."""
    for start in range(0, max(len(x), 1), CHUNK):  # no rows make one empty chunk
        part = slice(start, start + CHUNK)
        yield tensor(x[part]), tensor(context[part]) if context.shape[1] else None


def run(call: Call, flow: Any, x: FloatArray, context: FloatArray) -> FloatArray:
    """Apply a flow in chunks: ``call(flow, x, context)`` of rows (N, D) and (N, C)."""
    with torch.no_grad():
        parts = [call(flow, a, b).numpy() for a, b in chunks(x, context)]
    return np.concatenate(parts, dtype=np.float64)


def has_latent(flow: Any) -> bool:
    """Return whether a flow has a normal latent, which a mixture has not."""
    return not isinstance(getattr(flow, "_distribution", None), MixtureAutoregressive)


def log_prob(flow: Any, x: Tensor, context: Tensor | None) -> Tensor:
    """Return the log-probability (N,) of features (N, D)."""
    found: Tensor = flow.log_prob(x, context)
    return found


def to_normal(flow: Any, x: Tensor, context: Tensor | None) -> Tensor:
    """Return the normal-distributed latent (N, D) of features (N, D)."""
    latent: Tensor = flow.transform_to_noise(x, context)
    return latent


def from_normal(flow: Any, z: Tensor, context: Tensor | None) -> Tensor:
    """Return the features (N, D) of a latent (N, D)."""
    if isinstance(flow, FlowMatching):
        return flow.sample_from(z, context)
    features: Tensor = flow._transform.inverse(z, context)[0]
    return features


def draw(flow: Any, z: Tensor, context: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return features from normal numbers; a base that is no normal distribution draws its own instead."""
    base = getattr(flow, "_distribution", None)
    if isinstance(base, MixtureAutoregressive):
        z = base.sample_given(len(z), context, generator)
    elif hasattr(base, "_transform"):  # a flow in the place of the normal distribution
        z = draw(base, z, context, generator)
    return from_normal(flow, z, context)
