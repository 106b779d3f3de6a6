"""Transport: an invertible map between two densities, learned by maximum likelihood."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hepflow.errors import ConfigError
from hepflow.flows.architectures import ARCHITECTURES, spline_coupling
from hepflow.flows.autoregressive import SplineAutoregressive
from hepflow.flows.coupling import SplineCoupling
from hepflow.flows.density import Density
from hepflow.flows.ensemble import Architecture, train_apart
from hepflow.flows.evaluate import chunks, tensor
from hepflow.flows.spline import EDGE
from hepflow.flows.stack import FlowMembers, stackable
from hepflow.flows.states import chosen, described, flows_from, parameters
from hepflow.progress import progress
from hepflow.sample import FloatArray, Sample
from hepflow.training import Training, TrainingPlan
from hepflow.weights import State, storable

Direction = Callable[[Any, Tensor, Tensor | None], tuple[Tensor, Tensor]]


@storable
@dataclass
class Transport:
    """An ensemble of invertible maps that carry the density of a sample to a trained density, the base.

    A map T is trained by maximum likelihood (arXiv:2309.06472): it maximises

        log p_base(T(x; m, m') | m') + log |det dT/dx|

    over events x of the sample at mass m. Then T carries the sample's density to the base's, and its inverse the
    base's to the sample's. Without a target mass, m' = m and T depends on m alone, as in FETA (arXiv:2212.11285);
    with one, T depends on both, as in CURTAINs (arXiv:2203.09470, 2305.04646). Maps act in the preprocessed space of
    the base, which has to cover both samples.

    There is one map for each member of the base, which differs from the others by seed and by a bootstrap of the
    training rows: their spread shows what the training events of both leave open.

    Parameters
    ----------
    architecture
        Builds a map from the numbers of features and contexts: `hepflow.flows.spline_coupling` or another flow of
        hepflow's layers, with its options bound by `functools.partial`.
    plan
        How each member is trained.
    identity
        Start the training at the identity, from which a map then moves no further than the likelihood asks for.
    penalty
        Weight of the squared distance |T(x) - x|^2 in the loss, in the preprocessed space.
    """

    architecture: Architecture = field(default_factory=lambda: partial(spline_coupling, layers=8, hidden=32))
    plan: TrainingPlan = field(default_factory=lambda: TrainingPlan(epochs=4))
    identity: bool = True
    penalty: float = 0.0

    trainings: tuple[Training, ...] = field(default=(), init=False)
    _maps: list[Any] = field(default_factory=list, init=False, repr=False)
    _base: Density | None = field(default=None, init=False, repr=False)
    _contexts: int = field(default=1, init=False, repr=False)

    def fit(
        self,
        sample: Sample,
        base: Density,
        seed: int,
        *,
        target: FloatArray | None = None,
        checkpoint: Path | None = None,
    ) -> Transport:
        """Learn the maps that carry a sample to a trained base density.

        Parameters
        ----------
        sample
            Features, masses and weights; truth is not looked at.
        base
            A trained density of hepflow's spline or affine layers; it stays as it is.
        seed
            Of initial parameters, splits, bootstraps and batches.
        target
            Mass in GeV at which each event is to arrive, shape ``(N,)``; its own if left out.
        checkpoint
            As of `Density.fit`.

        Raises
        ------
        ConfigError
            If the base is untrained or of another kind, or `identity` is asked of a map that cannot start there.
        InputError
            If there are too few events.
        """
        targets = None if target is None else (target,)
        _train((self,), (sample,), (base,), seed, targets, checkpoint)
        return self

    def forward(self, x: FloatArray, m: FloatArray, target: FloatArray | None = None) -> FloatArray:
        """Carry features (N, D) at masses (N,) from the sample to the base, each event by one map taken in turn.

        Masses in GeV; those outside the training's are extrapolated to.

        Raises
        ------
        ConfigError
            If the transport has not been trained, or was trained with a target mass and is given none.
        """
        return self._carry(lambda f, a, b: f._transform(a, b), x, m, target)

    def inverse(self, x: FloatArray, m: FloatArray, target: FloatArray | None = None) -> FloatArray:
        """Carry features (N, D) from the base to the sample: undo `forward` for the same masses and targets."""
        return self._carry(lambda f, a, b: f._transform.inverse(a, b), x, m, target)

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member carries each of `rows` events, shape (rows,)."""
        return (np.arange(rows) % len(self._maps)) * self._fitted().members // len(self._maps)

    def state(self) -> State:
        """Return settings, the base density, and the parameters of all kept maps.

        Raises
        ------
        ConfigError
            If it has not been trained, or the architecture is no function of hepflow.
        """
        base = self._fitted()
        settings = {
            "architecture": described(self.architecture, ARCHITECTURES),
            "plan": self.plan.portable(),
            "identity": self.identity,
            "penalty": self.penalty,
            "contexts": self._contexts,
        }
        return State(settings, parameters(self._maps), {"base": base})

    @classmethod
    def from_state(cls, state: State) -> Transport:
        """Make a trained transport again; what its training left beside it, such as losses, is not there."""
        settings, base = state.settings, state.part("base", Density)
        made = cls(
            chosen(settings["architecture"], ARCHITECTURES, state),
            TrainingPlan(**settings["plan"]),
            bool(settings["identity"]),
            float(settings["penalty"]),
        )
        made._base, made._contexts = base, 1 if settings["contexts"] == 1 else 2
        made._maps = flows_from(
            state, lambda: made.architecture(len(base.names), made._contexts), base.members
        )
        return made

    def _fitted(self) -> Density:
        if self._base is None:
            raise ConfigError("this Transport has not been trained; call fit first")
        return self._base

    def _carry(self, call: Direction, x: FloatArray, m: FloatArray, target: FloatArray | None) -> FloatArray:
        base = self._fitted()
        z, context = base.bijection.forward(x)[0], _contexts(base, m, target)
        if context.shape[1] != self._contexts:
            wanted = "with target masses; give some" if target is None else "without target masses; give none"
            raise ConfigError(f"this Transport was trained {wanted}")
        carried = np.empty_like(z)
        with torch.no_grad():
            for turn, each in enumerate(progress(self._maps, "transport", "map")):
                rows = slice(turn, None, len(self._maps))
                parts = [call(each, a, b)[0].numpy() for a, b in chunks(z[rows], context[rows])]
                carried[rows] = np.concatenate(parts, dtype=np.float64)
        return base.bijection.inverse(carried)


def transport_apart(
    transport: Transport,
    samples: Sequence[Sample],
    bases: Sequence[Density],
    seed: int,
    *,
    targets: Sequence[FloatArray] | None = None,
    checkpoint: Path | None = None,
) -> tuple[Transport, ...]:
    """Learn the maps of each of several samples to a base of its own, all side by side.

    Arguments and errors are those of `Transport.fit`, one sample, base and target each.
    """
    transports = tuple(replace(transport) for _ in samples)
    _train(transports, samples, bases, seed, targets, checkpoint)
    return transports


def _train(
    transports: Sequence[Transport],
    samples: Sequence[Sample],
    bases: Sequence[Density],
    seed: int,
    targets: Sequence[FloatArray] | None,
    checkpoint: Path | None,
) -> None:
    """Train transports of one recipe, each on its own sample and base, all maps side by side."""
    recipe, members = transports[0], bases[0].members
    arrivals: Sequence[FloatArray | None] = targets or [None] * len(samples)
    each = zip(samples, bases, arrivals, strict=True)
    prepared = [
        (tensor(base.bijection.forward(sample.features)[0]), tensor(_contexts(base, sample.mass, target)))
        for sample, base, target in each
    ]
    rows = [(x, context, context[:, -1:].contiguous()) for x, context in prepared]  # where the event arrives
    widths = rows[0][0].shape[1], rows[0][1].shape[1]
    flows = [flow for base in bases for flow in base.best_flows]
    ensembles = train_apart(
        recipe.architecture,
        widths,
        rows,
        [sample.weight for sample in samples],
        recipe.plan,
        members,
        seed,
        "transport",
        start=(lambda flow: start_at_identity(flow, *widths)) if recipe.identity else None,
        beside=lambda maps: TransportMembers(maps, flows, recipe.penalty),
        checkpoint=checkpoint,
    )
    for transport, base, ensemble in zip(transports, bases, ensembles, strict=True):
        transport._maps, transport.trainings = ensemble.flows, ensemble.trainings
        transport._base, transport._contexts = base, widths[1]


class TransportMembers(FlowMembers):
    """Maps trained side by side, each against its own member of the base density.

    Parameters
    ----------
    maps
        E flows of hepflow's layers; where these lead to is `base`, not the flows' own normal distribution.
    base
        E trained flows, which stay as they are.
    penalty
        Weight of the squared distance in the loss.

    Raises
    ------
    ConfigError
        If maps or base cannot be evaluated for all members at once.
    """

    def __init__(self, maps: Sequence[Any], base: Sequence[Any], penalty: float) -> None:
        for what, flow in (("map", maps[0]), ("base density", base[0])):
            if not stackable(flow):
                raise ConfigError(
                    f"Transport: expected a {what} of spline or affine layers over a normal distribution; use "
                    "spline_coupling, spline_autoregressive or affine_autoregressive"
                )
        super().__init__(maps)
        self.base = FlowMembers([copy.deepcopy(flow).requires_grad_(True) for flow in base])
        self.base.requires_grad_(False)
        self.penalty = penalty
        digest = hashlib.sha256(self.base.table.detach().numpy().tobytes()).hexdigest()
        self.settings = {"penalty": penalty, "base density": digest}

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of features (E, B, D), contexts (E, B, C) and the base's contexts (E, B, 1)."""
        features, context, given = rows
        x = features.mT.contiguous()
        arrived, log_determinant = self.transform(x, context.mT.contiguous())
        loss = self.base.losses(arrived.mT, given) - log_determinant
        return loss + self.penalty * (arrived - x).square().sum(1) if self.penalty else loss


def start_at_identity(flow: Any, features: int, context: int) -> None:
    """Set the last layer of every network so that a flow of splines is the identity.

    Raises
    ------
    ConfigError
        If it cannot be: there are layers other than splines, or permutations that do not cancel.
    """
    for layer in flow._transform._transforms:
        if isinstance(layer, SplineAutoregressive | SplineCoupling):
            last = layer.get_submodule(f"{layer.network}final_layer")
            even = torch.zeros(3 * layer.num_bins - 1)  # bins of one size, and then slopes of one
            even[2 * layer.num_bins :] = EDGE
            nn.init.zeros_(last.weight)
            last.bias.data.copy_(even.repeat(len(last.bias) // len(even)))
    x = torch.linspace(-1, 1, features)[None]
    with torch.no_grad():
        moved = flow._transform(x, torch.zeros(1, context) if context else None)[0]
    if not torch.allclose(moved, x, atol=1e-5):
        raise ConfigError(
            "Transport: this architecture cannot start at the identity; use spline_coupling, spline_autoregressive "
            "with an even number of layers, or identity=False"
        )


def _contexts(base: Density, m: FloatArray, target: FloatArray | None) -> FloatArray:
    """Return the scaled masses (N, 1), or masses and targets (N, 2)."""
    masses = [m] if target is None else [m, target]
    return np.concatenate([base.context.forward(each[:, None])[0] for each in masses], axis=1)
