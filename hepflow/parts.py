"""What a search found beside its cuts, as parts of its record: sideband fit, closure, trials, cross-section."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrderRecord:
    """One order of the smooth function that was tried.

    Parameters
    ----------
    n_shape
        Its shape parameters, without the normalisation.
    chi2, ndf, p_value
        How well it fits.
    f_p_value
        p-value of the F-test against one shape parameter fewer; None for the first order.
    deviance
        -2 ln of the likelihood over the saturated one; None in records of before.
    """

    n_shape: int
    chi2: float
    ndf: int
    p_value: float
    f_p_value: float | None = None
    deviance: float | None = None


@dataclass(frozen=True)
class SmoothRecord:
    """The smooth function fitted to the sidebands: order, goodness of fit, and the orders that were tried."""

    shape_parameters: int
    chi2: float
    ndf: int
    p_value: float
    tests: tuple[OrderRecord, ...]


@dataclass(frozen=True)
class ScoreRecord:
    """What the score of a search is.

    Parameters
    ----------
    what
        What it is called: of data over template a ``log density ratio``, or the detector of outliers.
    coordinates
        In which a detector looks for outliers, in words; empty for a ratio, which is the same in all.
    mass_correlation, mass_correlation_error
        Rank correlation with the resonant variable in the data of the sidebands; None where all scores are equal.
    """

    what: str
    coordinates: str = ""
    mass_correlation: float | None = None
    mass_correlation_error: float | None = None


@dataclass(frozen=True)
class ClosureRecord:
    """Whether a classifier tells the template from what it stands for: areas under its ROC curve; 0.5 is perfect.

    Parameters
    ----------
    auc, auc_error
        Against data, in the sidebands.
    auc_signal_region, auc_signal_region_error
        Against true background, in the signal region; None without labels.
    """

    auc: float | None
    auc_error: float | None
    auc_signal_region: float | None
    auc_signal_region_error: float | None = None


@dataclass(frozen=True)
class TrialsRecord:
    """The largest excess of several cuts, with the trials of looking behind each, as in `hepflow.stats.Trials`.

    Parameters
    ----------
    background_efficiency
        Of the cut with the largest excess.
    z_local, p_local
        Its own significance and p-value.
    z, p, p_error
        Those that any of the cuts shows as much, and the statistical error of the p-value.
    factor, extrapolated, toys
        The trials factor, whether toys are too few to reach the excess, and how many were thrown.
    calculator
        "asymptotic" or "toys": where the local p-value comes from.
    """

    background_efficiency: float
    z_local: float
    p_local: float
    z: float
    p: float
    p_error: float
    factor: float
    extrapolated: bool
    toys: int
    calculator: str = "asymptotic"


@dataclass(frozen=True)
class CrossSection:
    """What cross-section the limits of a run are limits on.

    Parameters
    ----------
    quantity, meaning
        Its factors, such as "sigma x B x A", and what they are.
    luminosity
        Integrated, of the data, inverse femtobarn.
    efficiency
        Share of the signal that reaches the data, besides what the run itself measures.
    theory, theory_mass, theory_file
        Prediction (fb) at a mass (GeV), and the file that it is read from; None without one.
    """

    quantity: str
    meaning: str
    luminosity: float
    efficiency: float = 1.0
    theory: float | None = None
    theory_mass: float | None = None
    theory_file: str | None = None
