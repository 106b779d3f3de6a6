"""The two answers to the background behind a cut, template and smooth function, as parts of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hepflow.parts import OrderRecord


@dataclass(frozen=True)
class SmoothAnswer:
    """The smooth function behind a cut, and whether it may be used.

    Parameters
    ----------
    usable, reason
        Whether it may be used, and what speaks against it.
    function, shape_parameters, chi2, ndf, p_value
        The fit to the sidebands behind the cut; None where there is none.
    tests
        The orders that were tried.
    template_shape_parameters, template_p
        The function fitted to the template behind the cut in all regions: order and goodness-of-fit p-value.
    template_bias, template_bias_error
        Signal that the function, fitted to the template's sidebands, finds in the template's signal region, in
        standard deviations of the signal strength, and its error.
    bias
        Signal that it finds where another function is the truth, by the name of that, in the same unit.
    spurious
        Strength of the signal that is an error of the expected background.
    """

    usable: bool
    reason: str = ""
    function: str = "dijet"
    shape_parameters: int | None = None
    chi2: float | None = None
    ndf: int | None = None
    p_value: float | None = None
    tests: tuple[OrderRecord, ...] = ()
    template_shape_parameters: int | None = None
    template_p: float | None = None
    template_bias: float | None = None
    template_bias_error: float | None = None
    bias: Mapping[str, float] = field(default_factory=dict)
    spurious: float | None = None


@dataclass(frozen=True)
class OtherAnswer:
    """What the background that was not chosen says of a cut; the numbers are those of `CutResult`.

    Parameters
    ----------
    background
        "template" or "dijet".
    usable, reason
        Whether the smooth function may be used, and why not; None of the template, which these tests do not judge.
    n_exp, n_exp_error, pull, z, p0, z_expected, mu_hat, mu_hat_error, mu_up_obs, mu_up_exp
        None where there are none.
    expected, expected_error
        Expected background and its full error per bin, on the edges of the cut's spectrum; empty where there is none.
    calculator, calculator_reason
        Always asymptotic formulae, and why.
    problems
        What could not be computed, and why.
    """

    background: str
    usable: bool | None = None
    reason: str = ""
    n_exp: float | None = None
    n_exp_error: float | None = None
    pull: float | None = None
    z: float | None = None
    p0: float | None = None
    z_expected: float | None = None
    mu_hat: float | None = None
    mu_hat_error: float | None = None
    mu_up_obs: float | None = None
    mu_up_exp: tuple[float | None, ...] = (None,) * 5
    expected: tuple[float, ...] = ()
    expected_error: tuple[float, ...] = ()
    calculator: str = "asymptotic"
    calculator_reason: str = ""
    problems: tuple[str, ...] = ()

    def without_strength(self) -> OtherAnswer:
        """Return the same without a signal strength and its limits."""
        return replace(self, mu_hat=None, mu_hat_error=None, mu_up_obs=None, mu_up_exp=(None,) * 5)


@dataclass(frozen=True)
class Answers:
    """Both answers behind a cut: whose numbers are the cut's own, the other one, and the smooth fit."""

    background: str
    other: OtherAnswer
    smooth: SmoothAnswer
