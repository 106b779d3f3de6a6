"""Both answers to the background behind a cut, for a report to show."""

from dataclasses import replace

from hepflow.answers import OtherAnswer, SmoothAnswer
from hepflow.parts import OrderRecord

SMOOTH = SmoothAnswer(
    usable=True,
    shape_parameters=2,
    chi2=11.3,
    ndf=12,
    p_value=0.503,
    tests=(OrderRecord(2, 11.3, 12, 0.503, 0.01, 20.0),),
    template_shape_parameters=2,
    template_p=0.27,
    template_bias=-0.21,
    template_bias_error=0.3,
    bias={"ua2": 0.01, "modified-exponential": -0.12},
    spurious=0.02,
)
OTHER = OtherAnswer(
    background="dijet",
    usable=True,
    n_exp=160.4,
    n_exp_error=12.5,
    pull=4.8,
    z=5.12,
    p0=1.5e-7,
    z_expected=5.3,
    mu_hat=0.955,
    mu_hat_error=0.18,
    mu_up_obs=1.31,
    mu_up_exp=(0.2, 0.26, 0.36, 0.5, 0.7),
    expected=(182.0, 160.4, 95.0),
    expected_error=(9.0, 12.5, 8.0),
    calculator_reason="the second answer, for which no toys are thrown",
)
WHY = "the cut sculpts m_jj: no order of the dijet function describes the template (p = 1e-06)"


def answered(results, background="template", why=""):
    """Return results whose cuts have both answers, the smooth function usable where nothing speaks against it."""
    smooth = replace(SMOOTH, usable=not why, reason=why)
    other = replace(OTHER, usable=not why, reason=why)
    if background == "dijet":
        other = replace(OTHER, background="template", usable=None)
    cuts = [replace(cut, background=background, other=other, smooth=smooth) for cut in results.cuts]
    return replace(results, inclusive=replace(results.inclusive, background="dijet"), cuts=tuple(cuts))
