"""Goodness of fit: whether the model describes the data at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hepflow.sample import FloatArray
from hepflow.stats.batch import fit_many
from hepflow.stats.profile import AnyModel, Profile, as_profile
from hepflow.stats.toys import check_toys, conditional, reaches, throw


@dataclass(frozen=True, eq=False)
class GoodnessOfFit:
    """The saturated-model test.

    Parameters
    ----------
    statistic
        -2 ln of the likelihood over that of the saturated model, in which every rate equals its datum.
    ndf
        Bins and auxiliary data of free parameters, less fitted parameters.
    p
        p-value from the chi2 distribution, right where many events are expected in every bin.
    toys, p_toys, p_toys_error
        The statistic of toys (T,), and from the k that reach the data's the p-value ``(k + 1) / (T + 1)`` and its
        error; None without toys.
    """

    statistic: float
    ndf: int
    p: float
    toys: FloatArray | None = None
    p_toys: float | None = None
    p_toys_error: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers without the single toys."""
        names = ("statistic", "ndf", "p", "p_toys", "p_toys_error")
        return {
            **{name: getattr(self, name) for name in names},
            "toys": 0 if self.toys is None else len(self.toys),
        }


def goodness_of_fit(
    model: AnyModel | Profile,
    data: ArrayLike | None = None,
    *,
    mu: float | None = 0.0,
    toys: int = 0,
    seed: int = 0,
) -> GoodnessOfFit:
    """Test whether data follow the fitted model (Baker and Cousins, NIM 221 (1984) 437).

    Parameters
    ----------
    model, data
        As for `Profile`; or a Profile alone.
    mu
        Signal strength to hold, by default none at all; None to fit it, too.
    toys
        Toys to throw from the fit and to fit in turn; 0 for the chi2 distribution alone.
    seed
        Of the toys.

    Raises
    ------
    ConfigError
        If `toys` is neither zero nor at least a hundred.
    FitError
        If the fit to the data does not converge.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> found = hf.stats.goodness_of_fit(profile)
    >>> found.p < 0.01  # without signal, the model does not describe the data
    True
    >>> print(f"{hf.stats.goodness_of_fit(profile, mu=None).statistic:.1f}")
    0.0
    """
    profile = as_profile(model, data)
    likelihood = profile.model
    fitted = profile.free if mu is None else profile.conditional(mu)
    free = int(np.sum(~likelihood.fixed)) - (mu is not None)
    measured = int(np.sum(~likelihood.fixed[likelihood.constraints.index]))
    ndf = max(likelihood.n_bins + measured - free, 0)
    p = float(stats.chi2.sf(fitted.value, ndf)) if ndf else 1.0
    if not toys:
        return GoodnessOfFit(fitted.value, ndf, p)
    check_toys(toys)
    thrown = throw(likelihood, fitted.x, toys, np.random.default_rng(seed))
    if mu is None:
        values = fit_many(likelihood, thrown, fitted.x).value
    else:
        values = conditional(likelihood, thrown, mu, fitted.x).value
    # the data count as one more toy: a p-value of zero would claim more than any number of toys can show
    p_toys = (int(reaches(values, fitted.value).sum()) + 1) / (toys + 1)
    return GoodnessOfFit(fitted.value, ndf, p, values, p_toys, float(np.sqrt(p_toys * (1 - p_toys) / toys)))
