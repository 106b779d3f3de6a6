"""Laplace's approximation: a normal distribution of all weights of a network together, around trained ones."""

from __future__ import annotations

import torch
from torch import Tensor

from hepflow.errors import FitError
from hepflow.training.members import Members

ROWS = 1024  # whose gradients are held: more free directions than these constrain have no part in it
NUMBERS = 2**28  # of these gradients, at most
AT_ONCE = 256  # rows
NEGLIGIBLE = 1e-6  # of the largest curvature


def laplace(
    members: Members,
    member: int,
    rows: tuple[Tensor, ...],
    learned: float,
    generator: torch.Generator,
    *,
    weight: Tensor | None = None,
    prior: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Return independent shifts of one standard deviation of a network's weights, as the product of two matrices.

    Parameters
    ----------
    members, member
        Trained, by a loss that is the negative log-likelihood of a row; and which of them.
    rows, weight
        What it learned from, N rows, and their weights ``(N,)`` in the loss.
    learned
        How many rows of equal weight that was.
    generator
        Chooses the rows whose gradients are taken, where there are more than 1024.
    prior
        Standard deviation s of the prior; left out, the root mean square of the weights, which is the likeliest of
        weights that are draws of it.

    Returns
    -------
    factors, gradients
        Of shapes ``(K, n)`` and ``(n, P)``: shifts ``factors @ gradients``, draws ``normal @ factors @ gradients``.

    Raises
    ------
    FitError
        If gradients are not finite, or all of them are zero: of a network that is dead no weight matters.

    Notes
    -----
    With g_i the gradient of the loss of a row and w_i its weight the covariance is

        ( N sum_i w_i^2 g_i g_i^T / sum_i w_i^2 + 1 / s^2 )^-1 ,

    whose first term is the Fisher information as the rows have it (D. MacKay, Neural Computation 4 (1992) 448). It
    has correlations: of a diagonal alone, as narrow as each weight is with all others fixed, draws of fifty thousand
    weights together are far too wide. As there are fewer rows than weights, it is taken from their inner products.
    Directions that no row has a gradient in are left as they are.
    """
    count = min(ROWS, len(rows[0]), max(1, NUMBERS // members.table.shape[1]))
    chosen = torch.randperm(len(rows[0]), generator=generator)[:count]
    gradients = row_gradients(members, member, tuple(column[chosen] for column in rows))
    if weight is not None:
        gradients *= weight[chosen, None].to(gradients)
    squares = float(count if weight is None else weight[chosen].square().sum())
    free, own = members.mask.sum(), members.table.detach()[member] * members.mask
    variance = float(own.square().sum() / free) if prior is None else prior**2
    if not gradients.isfinite().all() or not gradients.any() or not variance > 0:
        raise FitError(
            "laplace: gradients of the loss are not finite, or all of them zero, or all weights: the network is "
            "dead; train it anew with a smaller learning_rate, or choose another posterior"
        )
    values, vectors = torch.linalg.eigh((gradients @ gradients.T).double())
    kept = values > NEGLIGIBLE * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    size = (values * (values * learned / squares + 1 / variance)).rsqrt()
    return (vectors * size).T.to(gradients.dtype), gradients


def row_gradients(members: Members, member: int, rows: tuple[Tensor, ...]) -> Tensor:
    """Return the gradient of the loss of each of N rows by the weights of one network, shape ``(N, P)``."""
    device, found = members.table.device, []
    for part in zip(*(torch.split(column.to(device), AT_ONCE) for column in rows), strict=True):
        # a network for each row, side by side
        table = members.table.detach()[member].repeat(len(part[0]), 1).requires_grad_()
        members.losses_of(table, *(column[:, None] for column in part)).sum().backward()  # type: ignore[no-untyped-call]
        assert table.grad is not None
        found.append(table.grad)
    return torch.cat(found)
