"""The recipe of an integration: what is trained, on which share of the calls, and how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hepflow.errors import ConfigError, did_you_mean
from hepflow.integration.learning import Loss

ProposalName = Literal["coupling", "autoregressive", "vegas"]
SEVERAL = 5  # axes, up to which an integral is small


@dataclass(frozen=True)
class Recipe:
    """How proposals and channel weights are trained.

    Parameters
    ----------
    proposal
        ``coupling`` or ``autoregressive`` spline flows, or ``vegas``, a grid alone.
    loss
        ``variance`` of the integral, or ``kl``, the divergence from the integrand. The first round learns by the
        divergence in any case, since far from the integrand a variance has no slope.
    grid
        Whether a VEGAS grid comes before the flow; None where the package vegas is installed, there are five axes at
        most and no channel weights are learned: a grid would follow what other channels take over later. In more
        axes a flow alone learns more from the same calls, unless a peak is too narrow to be found by flat points.
    learn_weights
        Whether channel weights are learned on top of those given, where there are several channels.
    training
        Share of the calls that trains; the others make the value. In (0, 1).
    rounds
        Of training: after each, points are drawn from what was learned, and all points so far train the next. None
        takes 2 for two axes, 3 for up to five, and 5 beyond.
    steps
        Of the optimiser in the first round; there are more in the others, since no round sees its points less than
        once, and twice as many in the last.
    layers, hidden, bins
        Of a flow. None of `layers` takes 2 for two axes, 4 for up to five, and 6 beyond.
    batch_size, learning_rate
        Of the training; batches are smaller where there are fewer points than for two.
    drop
        Channels whose share of the integral is below are left out.
    iterations
        Equal parts of the calls that make the value: whether they agree is their chi2.

    Raises
    ------
    ConfigError
        If a value lies outside its range.
    """

    proposal: ProposalName = "coupling"
    loss: Loss = "variance"
    grid: bool | None = None
    learn_weights: bool = True
    training: float = 0.5
    rounds: int | None = None
    steps: int = 150
    layers: int | None = None
    hidden: int = 32
    bins: int = 12
    batch_size: int = 2048
    learning_rate: float = 5e-3
    drop: float = 1e-3
    iterations: int = 10

    def __post_init__(self) -> None:
        for name, known in (("proposal", get_args(ProposalName)), ("loss", get_args(Loss))):
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"integrate: no {name} {value!r}: {did_you_mean(str(value), known)}")
        if self.proposal == "vegas" and self.grid is False:
            raise ConfigError(
                "integrate: the proposal 'vegas' is a grid; expected grid True, or another proposal"
            )
        for name, fits, expected in (
            ("training", 0 < self.training < 1, "a share in (0, 1)"),
            ("rounds", self.rounds is None or self.rounds >= 1, "at least 1"),
            ("steps", self.steps >= 1, "at least 1"),
            ("layers", self.layers is None or self.layers >= 1, "at least 1"),
            ("hidden", self.hidden >= 1, "at least 1"),
            ("bins", 2 <= self.bins <= 64, "2 to 64"),
            ("batch_size", self.batch_size >= 16, "at least 16"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("drop", 0 <= self.drop < 1, "a share in [0, 1)"),
            ("iterations", self.iterations >= 1, "at least 1"),
        ):
            if not fits:
                raise ConfigError(f"integrate: {name} is {getattr(self, name)}; expected {expected}")

    def layers_for(self, axes: int) -> int:
        """Return the layers of a flow of so many axes."""
        return self.layers or _by_size(axes, 2, 4, 6)

    def rounds_for(self, axes: int) -> int:
        """Return the rounds of training of so many axes."""
        return self.rounds or _by_size(axes, 2, 3, 5)

    def plain(self) -> dict[str, Any]:
        """Return the settings as JSON has them."""
        return asdict(self)


def _by_size(axes: int, pair: int, several: int, many: int) -> int:
    return pair if axes <= 2 else several if axes <= SEVERAL else many
