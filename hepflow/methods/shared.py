"""Flows that many windows share: each is learned without the signal regions of some, and serves those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import Folds, deal
from hepflow.columns import check_continuous
from hepflow.errors import ConfigError, InputError
from hepflow.flows.apart import fit_apart
from hepflow.flows.density import Density
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.methods.cathode import Cathode
from hepflow.methods.folds import FOLDS, too_few
from hepflow.methods.sidebands import at_bin_centres
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, storable

Group = tuple[Windows, ...]
Pair = tuple[int, int]


@storable
@dataclass(frozen=True, eq=False)
class SharedFlows:
    """Densities of a whole spectrum, from which every window takes those that its template may come from.

    Windows whose signal regions are far enough apart form a group (`groups_of`). For each group and each of some
    pairs of folds one density is learned, of all events of the spectrum but those in the signal regions of the group
    and those in the two folds. A fold of a window is served by all densities of its group that left out the fold: no
    event of the window's signal region and none of the fold had a part in them, as if they had been trained for the
    window alone. So every density serves several windows and two folds.

    Parameters
    ----------
    groups
        The regions that the densities serve.
    folds
        How many there are.
    pairs
        The folds that each density of a group left out.
    mass, fold_of
        Of each event of the spectrum, shape ``(N,)``: whatever the window, an event stands in one fold.
    densities
        Group by group, and in each pair by pair.
    """

    groups: tuple[Group, ...]
    folds: int
    pairs: tuple[Pair, ...]
    mass: FloatArray = field(repr=False)
    fold_of: Folds = field(repr=False)
    densities: tuple[Density, ...] = field(repr=False)

    @classmethod
    def learn(
        cls,
        density: Density,
        data: Sample,
        regions: Iterable[Windows],
        *,
        folds: int = FOLDS,
        bin_width: float = 50.0,
        seed: int,
        checkpoint: Path | None = None,
    ) -> Self:
        """Train all densities, side by side.

        Parameters
        ----------
        density
            What is trained: each fold of a window is served by at least as many flows as it has members. The more,
            the more pairs of folds, and beyond all pairs the more members of each.
        data
            All data; events beyond all regions are not used, nor are truth labels.
        regions
            Those of all windows.
        folds
            Into how many the data are dealt, at least three.
        bin_width
            Of the bins to whose centres masses are moved, GeV, as in `Cathode`.
        seed
            Of folds and trainings.
        checkpoint
            As of `Density.fit`.

        Raises
        ------
        ConfigError
            If there is no window, or there are fewer than three folds: without a pair of them nothing would be left.
        InputError
            If too few events are left to train a flow, or a column has few values.
        """
        every = tuple(regions)
        if not every:
            raise ConfigError("shared flows: no window to serve; expected the regions of at least one")
        if folds < 3:
            raise ConfigError(
                f"shared flows: {folds} folds; expected at least 3, since each flow leaves out two"
            )
        low, high = min(one.range[0] for one in every), max(one.range[1] for one in every)
        used = data.window(low, high)
        if density.preprocessing is logit_preprocessing:  # one with `discrete` columns can learn them
            check_continuous(used)
        groups, pairs, fold_of = (
            groups_of(every),
            _pairs(folds, density.members),
            deal(len(used), folds, seed),
        )
        edges = np.linspace(low, high, max(1, round((high - low) / bin_width)) + 1)
        tables = [
            at_bin_centres(used.select(_beside(group, used.mass) & ~np.isin(fold_of, pair)), edges)
            for group in groups
            for pair in pairs
        ]
        members = ceil(density.members / sum(0 in pair for pair in pairs))
        own = (
            "ensemble" if density.posterior == "bootstrap" else density.posterior
        )  # the folds are bootstrap enough
        each = Density(density.architecture, density.plan, members, density.preprocessing, own)
        densities = fit_apart(each, tables, seed, checkpoint)
        return cls(groups, folds, pairs, used.mass, fold_of, densities)

    def of(self, windows: Windows, fold: int) -> dict[int, Density]:
        """Return the densities that serve a fold of a window, by their number among all of its group.

        Raises
        ------
        ConfigError
            If the window is none of those that the flows were trained for.
        """
        for place, group in enumerate(self.groups):
            if windows in group:
                first = place * len(self.pairs)
                return {
                    number: self.densities[first + number]
                    for number, pair in enumerate(self.pairs)
                    if fold in pair
                }
        known = ", ".join(f"{one.signal[0]:g}-{one.signal[1]:g}" for group in self.groups for one in group)
        raise ConfigError(
            f"shared flows: none was trained for the signal region {windows.signal[0]:g}-{windows.signal[1]:g} GeV "
            f"and its sidebands; expected one of {known} GeV, with the sidebands that it had then"
        )

    def deal(self, data: Sample, windows: Windows) -> Folds:
        """Return the fold of each event of the data, shape ``(N,)``; zero for events of no region.

        Parameters
        ----------
        data
            Those that the flows were trained for, or what a selection by mass leaves of them.
        windows
            The regions.

        Raises
        ------
        InputError
            If the data are others, or a region holds no event of some fold.
        """
        regions = {
            "signal region": windows.in_signal(data.mass),
            "sidebands": windows.in_sidebands(data.mass),
        }
        used = np.any(list(regions.values()), axis=0)
        known = np.isin(self.mass, data.mass[used])
        if not np.array_equal(self.mass[known], data.mass[used]):
            raise InputError(
                "shared flows: the data are not those that they were trained for, in whose order folds were dealt; "
                "give these"
            )
        fold_of = np.zeros(len(data), dtype=np.intp)
        fold_of[used] = self.fold_of[known]
        for name, inside in regions.items():
            if inside.any() and len(np.unique(fold_of[inside])) < self.folds:
                raise too_few(name, int(inside.sum()), self.folds)
        return fold_of

    def state(self) -> State:
        """Return all densities, and what they left out."""
        groups = [[[one.signal, one.sidebands] for one in group] for group in self.groups]
        arrays = {"mass": self.mass, "fold_of": self.fold_of.astype(np.int64)}
        parts = {f"densities.{place}": one for place, one in enumerate(self.densities)}
        return State({"groups": groups, "folds": self.folds, "pairs": self.pairs}, arrays, parts)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make trained densities again; what the training left beside them, such as losses, is not there."""
        settings: dict[str, Any] = dict(state.settings)
        groups = tuple(tuple(Windows(*one) for one in group) for group in settings["groups"])
        fold_of = state.array("fold_of", np.int64, (None,)).astype(np.intp)
        mass, densities = state.array("mass", np.float64, (None,)), state.sequence("densities", Density)
        pairs = tuple((int(one), int(other)) for one, other in settings["pairs"])
        return cls(groups, int(settings["folds"]), pairs, mass, fold_of, densities)


@dataclass
class SharedCathode(Cathode):
    """The CATHODE template of one of many windows, from flows that were trained for all of them.

    Of the parameters of `Cathode`, `density` plays no part.

    Parameters
    ----------
    flows
        The trained flows.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 3000)
    >>> data = hf.Sample(mass, random.normal(size=(3000, 1)), ("x",))
    >>> every = [
    ...     hf.Windows(signal=(low, low + 300), sidebands=[(low - 300, low), (low + 300, low + 600)])
    ...     for low in (2800, 2950, 3100)
    ... ]
    >>> plan = hf.flows.TrainingPlan(epochs=2, batch_size=200)
    >>> small = partial(hf.flows.affine_autoregressive, layers=2, hidden=8)
    >>> density = hf.flows.Density(small, plan, members=1)
    >>> flows = hf.methods.SharedFlows.learn(density, data, every, folds=3, seed=1)
    >>> method = hf.methods.SharedCathode(flows=flows, oversampling=4)
    >>> templates = [method.fit(data, windows, folds=3, seed=1).template for windows in every]
    >>> len(templates)
    3
    """

    flows: SharedFlows = field(kw_only=True)

    _serving: tuple[dict[int, Density], ...] = field(default=(), init=False, repr=False)

    @classmethod
    def like(cls, method: Cathode, flows: SharedFlows) -> Self:
        """Return a method of the same template but for where its flows come from."""
        return cls(
            method.density,
            method.oversampling,
            method.validation_oversampling,
            method.bin_width,
            method.sqrt_s,
            flows=flows,
        )

    @property
    def background_densities(self) -> tuple[Density, ...]:
        """None of its own."""
        return ()

    def learn(
        self,
        data: Sample,
        windows: Windows,
        folds: int = FOLDS,
        seed: int = 1,
        checkpoint: Path | None = None,
    ) -> Folds:
        """Take the flows that may serve a window, and return the fold of each event, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If they were trained for other windows, or with other folds.
        InputError
            If a region holds no event at all, or none of some fold.
        """
        windows.split(data)  # which says what is missing
        if folds != self.flows.folds:
            raise ConfigError(f"shared flows: of {self.flows.folds} folds; expected those, got {folds}")
        self._serving = tuple(self.flows.of(windows, fold) for fold in range(folds))
        return self.flows.deal(data, windows)

    def _draw(self, fold: int, mass: FloatArray, seed: int) -> tuple[FloatArray, NDArray[np.intp]]:
        serving = self._serving[fold]
        columns = len(next(iter(serving.values())).names)
        features, replica = np.empty((len(mass), columns)), np.empty(len(mass), dtype=np.intp)
        for turn, (number, density) in enumerate(serving.items()):
            rows = slice(turn, None, len(serving))
            own = np.random.SeedSequence(
                (seed, fold, number)
            )  # a density serves two folds: no event of both is alike
            features[rows] = density.sample(mass[rows], int(own.generate_state(1)[0]))
            replica[rows] = number * density.members + density.member_of(len(mass[rows]))
        return features, replica


def _pairs(folds: int, members: int) -> tuple[Pair, ...]:
    """Return pairs of folds, each fold in equally many and, as far as there are, in at least `members` of them.

    Neighbours on a circle first, then those that are two apart, and so on.
    """
    found: list[Pair] = []
    for step in range(1, folds // 2 + 1):
        if sum(0 in pair for pair in found) < members:
            circle = ((fold, (fold + step) % folds) for fold in range(folds))
            found += sorted({(min(pair), max(pair)) for pair in circle})
    return tuple(found)


def groups_of(regions: Iterable[Windows]) -> tuple[Group, ...]:
    """Put the regions of windows into groups whose members can share flows.

    Two can where at least half of the sideband that each has towards the other lies between their signal regions: a
    flow learned without both has then seen what is next to either, and what lies beyond the other one.

    Examples
    --------
    >>> import hepflow as hf
    >>> from hepflow.methods.shared import groups_of
    >>> regions = [
    ...     hf.Windows((low, low + 2), [(low - 2, low), (low + 2, low + 4)]) for low in range(10, 17)
    ... ]
    >>> [[int(one.signal[0]) for one in group] for group in groups_of(regions)]
    [[10, 13, 16], [11, 14], [12, 15]]
    """
    groups: list[list[Windows]] = []
    for one in sorted(dict.fromkeys(regions), key=lambda one: one.signal):
        free = (group for group in groups if all(_apart(other, one) for other in group))
        group = next(free, None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return tuple(map(tuple, groups))


def _apart(lower: Windows, upper: Windows) -> bool:
    """Return whether enough lies between the signal regions of two windows."""
    above = min(band for band in lower.sidebands if band[0] >= lower.signal[1])
    below = max(band for band in upper.sidebands if band[1] <= upper.signal[0])
    return upper.signal[0] - lower.signal[1] >= 0.5 * max(above[1] - above[0], below[1] - below[0])


def _beside(group: Sequence[Windows], mass: FloatArray) -> NDArray[np.bool_]:
    """Return the mask of masses (N,) in no signal region of a group."""
    outside = np.ones(len(mass), dtype=bool)
    for one in group:
        outside &= ~one.in_signal(mass)
    return outside
