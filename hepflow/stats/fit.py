"""Maximum-likelihood fits of a pyhf model, and the discovery significance they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.profile import AnyModel, Profile, as_profile


@dataclass(frozen=True, eq=False)
class FitOutcome:
    """One fit.

    Parameters
    ----------
    parameters
        Best-fit values in the model's order, shape ``(P,)``.
    uncertainties
        Their standard deviations from the curvature of the likelihood, shape ``(P,)``; zero where fixed.
    twice_nll
        -2 ln L above that of the saturated model, in which every rate equals its datum.
    edm
        Estimated distance of `twice_nll` to its minimum.
    valid
        True: a fit that did not converge raises instead.
    """

    parameters: FloatArray
    uncertainties: FloatArray
    twice_nll: float
    edm: float
    valid: bool


@dataclass(frozen=True)
class Discovery:
    """The test of the background-only hypothesis.

    Parameters
    ----------
    q0
        Test statistic, arXiv:1007.1727 eq. 12; zero for a deficit.
    p0
        Its asymptotic p-value, eq. 52.
    z
        Its significance, eq. 53.
    mu_hat, mu_hat_error
        Best-fit signal strength and its error from the curvature of the likelihood.
    """

    q0: float
    p0: float
    z: float
    mu_hat: float
    mu_hat_error: float


def fit(
    model: AnyModel,
    data: ArrayLike,
    *,
    fixed_mu: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> FitOutcome:
    """Maximise the likelihood, with the signal strength free or fixed.

    Parameters
    ----------
    model, data, bounds
        As for `Profile`.
    fixed_mu
        Signal strength to hold, or None.

    Raises
    ------
    FitError
        If no fit converges, the result sits on an upper bound, or the data do not determine the signal
        strength.
    """
    profile = Profile(model, data, bounds=bounds)
    if fixed_mu is not None:
        found = profile.conditional(fixed_mu)
        matrix = profile.covariance_at(found.x, profile.movable(fix_poi=True))
    else:
        found, matrix = profile.free, profile.covariance.copy()
        matrix[profile.model.poi, profile.model.poi] = profile.mu_hat_error**2
    return FitOutcome(found.x, np.sqrt(np.diag(matrix)), found.value, found.edm, found.valid)


def discovery(model: AnyModel | Profile, data: ArrayLike | None = None) -> Discovery:
    """Test the background-only hypothesis with the asymptotic q0 of arXiv:1007.1727, eq. 12.

    Parameters
    ----------
    model, data
        As for `Profile`; or a `Profile` alone.

    Raises
    ------
    FitError
        As for `fit`.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> print(f"{hf.stats.discovery(profile).z:.2f}")
    2.87
    """
    profile = as_profile(model, data)
    rise = profile.rise(0.0)
    q0 = rise if profile.mu_hat > 0 else 0.0
    z = float(np.sqrt(q0))
    return Discovery(q0, float(stats.norm.sf(z)), z, profile.mu_hat, profile.mu_hat_error)


def expected_significance(
    model: AnyModel | Profile, data: ArrayLike | None = None, *, mu: float = 1.0
) -> float:
    """Return the median significance of a signal of strength `mu`, from Asimov data (arXiv:1007.1727, sec. 4.2).

    Parameters
    ----------
    model, data
        As for `Profile`; or a `Profile` alone. The background-only fit to these data sets the nuisance parameters:
        data that may hold a signal would make them absorb it.
    mu
        Signal strength, above zero.

    Raises
    ------
    ConfigError
        If `mu` is not above zero.
    FitError
        If a fit does not converge.

    Examples
    --------
    Of 30 events over a background of 100, ``Z = sqrt(2 (130 ln 1.3 - 30))``:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> print(f"{hf.stats.expected_significance(profile, mu=30):.2f}")
    2.87
    """
    if not mu > 0:
        raise ConfigError(f"an expected significance needs a signal strength above zero; got {mu}")
    return float(np.sqrt(as_profile(model, data).asimov(mu).rise(0.0)))
