"""Cuts: thresholds on the score, and the spectra of data and expectation behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.methods import Background
from hepflow.sample import Sample
from hepflow.selection.non_closure import IN_SIMULATION, NonClosure, non_closure, together
from hepflow.selection.replicas import replica_counts, training_modes
from hepflow.selection.scores import Scores
from hepflow.selection.validation import Validation
from hepflow.spectrum import Spectrum

BIN_WIDTH = 50.0  # GeV; about half the resolution of a dijet mass
Variations = Mapping[str, tuple[Sample, Sample]]
NON_CLOSURE, TRAINING = "non_closure", "template_training"  # names of errors; the latter's are numbered


@dataclass(frozen=True, eq=False)
class Cut:
    """A selection of signal-like events.

    Parameters
    ----------
    background_efficiency
        Share of the template in the signal region that passes.
    threshold
        The score that an event must exceed; None for the inclusive selection.
    spectrum
        Data and expected background that pass.
    signal
        Signal events that pass, weighted to ``mu = 1``; None without a signal sample.
    non_closure, non_closure_simulation
        What the same cut showed in the validation bands and in simulation; None where there are none.
    correction, correction_error
        What the expected background of the signal region was raised by for it, relative to what the template says,
        and the error of that, which is the shift `non_closure` of the spectrum.
    variations
        The signal events that pass with each systematic effect, up and down.
    """

    background_efficiency: float
    threshold: float | None
    spectrum: Spectrum
    signal: Sample | None
    non_closure: NonClosure | None = None
    non_closure_simulation: NonClosure | None = None
    correction: float = 0.0
    correction_error: float = 0.0
    variations: Variations = field(default_factory=dict)

    @property
    def uncorrected(self) -> Spectrum:
        """The spectrum with the expectation as the template has it, without the correction for non-closure."""
        raised = np.where(self.spectrum.in_signal, 1 + self.correction, 1.0)
        return replace(
            self.spectrum,
            expected=self.spectrum.expected / raised,
            statistical=self.spectrum.statistical / raised,
            modes={name: mode / raised for name, mode in self.spectrum.modes.items()},
        )

    @property
    def signal_passes(self) -> bool:
        """Whether there is a signal sample and any of it is left in the signal region: else no limit on it exists."""
        return self.signal is not None and bool(np.any(self.spectrum.windows.in_signal(self.signal.mass)))

    @property
    def sculpting_p(self) -> float:
        """p-value that data in the sidebands follow the shape of the template behind the cut.

        A chi2 of the bins where at least five events are expected, normalised to the data; 1 where fewer than two
        such bins exist.
        """
        bands = self.spectrum.in_sidebands
        expected, observed = self.spectrum.expected[bands], self.spectrum.observed[bands]
        error = self.spectrum.statistical[bands]
        filled = expected >= 5
        if filled.sum() < 2 or not observed.any():
            return 1.0
        expected, observed, error = expected[filled], observed[filled], error[filled]
        factor = observed.sum() / expected.sum()
        chi2 = np.sum((observed - factor * expected) ** 2 / (factor * expected + (factor * error) ** 2))
        return float(stats.chi2.sf(chi2, len(expected) - 1))


def inclusive(
    data: Sample,
    background: Background,
    signal: Sample | None = None,
    bin_width: float = BIN_WIDTH,
    variations: Variations | None = None,
) -> Cut:
    """Return the selection of everything: data beside the dijet function fitted to the sidebands.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> background = hf.methods.Cwola().fit(data, windows, seed=1)
    >>> cut = hf.inclusive(data, background, bin_width=100)
    >>> bool(cut.spectrum.observed.sum() == np.sum((mass >= 2500) & (mass < 4500)))
    True
    """
    edges = background.windows.edges(bin_width)
    modes = background.smooth.modes(edges)
    spectrum = Spectrum(
        edges=edges,
        observed=np.histogram(data.mass, edges)[0].astype(float),
        expected=background.smooth.expected(edges),
        windows=background.windows,
        modes={f"sideband_fit_{k}": mode for k, mode in enumerate(modes)},
        resonance=data.resonance,
    )
    return Cut(1.0, None, spectrum, signal, variations=variations or {})


def cuts(
    scores: Scores,
    background_efficiency: float | Sequence[float] = (0.1, 0.01, 0.001),
    bin_width: float = BIN_WIDTH,
    validation: Sequence[Validation] = (),
    simulation: Validation | None = None,
) -> list[Cut]:
    """Cut at quantiles of the template's score in the signal region.

    The expected background is the dijet yield times the template's efficiency, in each bin. What the template gets
    wrong is measured with the same cut on the sidebands, whose data no classifier saw: they join the fit, with one
    free factor in common. The errors `template_training_0`, ... are the spread of the template's replicas, the first
    of its rate: it is left out where trials tell what rate is missed, their trainings among the reasons. What the
    method misses in validation bands and in simulation corrects the expectation in the signal region, and the error
    of this correction is `non_closure` (see `NonClosure`); with neither, nothing is corrected, and the error is half
    the difference of that factor below and above the signal region.

    Parameters
    ----------
    scores
        From `hepflow.selection.score`.
    background_efficiency
        Shares of the template to keep; one alone makes a list of one cut.
    bin_width
        Of the spectra, GeV.
    validation
        From `hepflow.selection.validate`, one for each training.
    simulation
        From `hepflow.selection.validate_in_simulation`.

    Raises
    ------
    ConfigError
        If an efficiency is not in (0, 1).
    InputError
        If fewer than ten template events pass: nothing can be expected then.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> background = hf.methods.Cwola().fit(data, windows, folds=2, seed=1)
    >>> scores = hf.score(hf.classifiers.BoostedTrees(members=1), data, background, seed=1)
    >>> loose, tight = hf.cuts(scores, background_efficiency=[0.5, 0.2])
    >>> loose.threshold < tight.threshold
    True
    >>> bool(loose.spectrum.observed.sum() > tight.spectrum.observed.sum())
    True
    """
    efficiencies = np.atleast_1d(np.asarray(background_efficiency, dtype=np.float64)).tolist()
    return [_cut(scores, efficiency, bin_width, validation, simulation) for efficiency in efficiencies]


def _cut(
    scores: Scores,
    efficiency: float,
    bin_width: float,
    validation: Sequence[Validation],
    simulation: Validation | None,
) -> Cut:
    if not 0 < efficiency < 1:
        raise ConfigError(f"background efficiency {efficiency:.12g}: expected a number between 0 and 1")
    background = scores.background
    threshold = scores.template.quantile(efficiency)
    passing = [scores.template.above(threshold), scores.validation.above(threshold)]
    if min(len(part) for part in passing) < 10:
        raise InputError(
            f"background efficiency {efficiency:.12g}: only {len(passing[0])} template events of the signal region "
            f"and {len(passing[1])} of the sidebands pass; loosen the cut, give more data, or raise "
            "oversampling and validation_oversampling, where the method has them. Where scores are all alike, the "
            "sample is too small for the classifier: lower its min_samples_leaf"
        )
    edges = background.windows.edges(bin_width)
    template = Sample.concat(passing)
    expected = np.histogram(template.mass, edges, weights=template.weight)[0]
    statistical = np.sqrt(np.histogram(template.mass, edges, weights=template.weight**2)[0])
    data = np.concatenate([scores.data.above(threshold).mass, scores.sidebands.above(threshold).mass])

    beside = non_closure(validation, efficiency) if validation else None
    simulated = None if simulation is None else non_closure([simulation], efficiency, IN_SIMULATION)
    known = [found for found in (beside, simulated) if found is not None]
    correction, error = together(known) if known else (0.0, None)
    centres = 0.5 * (edges[1:] + edges[:-1])
    raised = np.where(background.windows.in_signal(centres), 1 + correction, 1.0)
    expected, statistical = raised * expected, raised * statistical

    everything = background.smooth.expected(edges)
    share = expected / everything
    modes = {f"sideband_fit_{k}": share * mode for k, mode in enumerate(background.smooth.modes(edges))}
    spectrum = Spectrum(
        edges=edges,
        observed=np.histogram(data, edges)[0].astype(float),
        expected=expected,
        windows=background.windows,
        modes=modes,
        statistical=statistical,
        sidebands_in_fit=True,
        resonance=template.resonance,
    )
    inside = spectrum.in_signal
    training = training_modes(*replica_counts(scores, threshold, edges))
    for k, mode in enumerate(training):
        if k > 0 or not known:  # the first one is of the rate, of which the trials know more
            modes[f"{TRAINING}_{k}"] = expected * mode
    error = _drift(spectrum) if error is None else error
    modes[NON_CLOSURE] = np.where(inside, error / (1 + correction) * expected, 0.0)
    return Cut(
        background_efficiency=efficiency,
        threshold=threshold,
        spectrum=spectrum,
        signal=None if scores.signal is None else scores.signal.above(threshold),
        non_closure=beside,
        non_closure_simulation=simulated,
        correction=correction,
        correction_error=error,
        variations={
            name: (up.above(threshold), down.above(threshold))
            for name, (up, down) in scores.variations.items()
        },
    )


def _drift(spectrum: Spectrum) -> float:
    """Return half the relative difference of data over template below and above the signal region."""
    centre = 0.5 * sum(spectrum.windows.signal)
    below = _ratio(spectrum, spectrum.in_sidebands & (spectrum.centres < centre))
    above = _ratio(spectrum, spectrum.in_sidebands & (spectrum.centres > centre))
    factor, _ = spectrum.sideband_factor()
    return abs(above - below) / (2 * factor) if factor > 0 else 0.0


def _ratio(spectrum: Spectrum, bins: NDArray[np.bool_]) -> float:
    expected = float(spectrum.expected[bins].sum())
    return float(spectrum.observed[bins].sum()) / expected if expected > 0 else 1.0
