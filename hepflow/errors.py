"""The errors hepflow raises on purpose: each names the value, what was expected, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class HepflowError(Exception):
    """Anything hepflow refuses to do; the command line prints it and exits with 1.

    Examples
    --------
    >>> import hepflow as hf
    >>> try:
    ...     hf.Windows(signal=(3700, 3300), sidebands=[(2500, 3300), (3700, 5000)])
    ... except hf.HepflowError as error:
    ...     print(error)
    signal region [3700, 3300]: expected [low, high] in GeV with 0 <= low < high
    """

    exit_code = 1


class InputError(HepflowError):
    """A file, or what stands in it, cannot be used."""


class ConfigError(HepflowError):
    """A configuration, or the arguments of a call, make no sense (exit 2)."""

    exit_code = 2


class FitError(HepflowError):
    """A fit did not converge, or its result sits on a bound (exit 3)."""

    exit_code = 3


class CheckError(HepflowError):
    """A result failed the checks that say whether it can be trusted (exit 4)."""

    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the entries of `known` nearest to `name`, or lists them all.

    Returns
    -------
    str
        ``"did you mean 'a' or 'b'?"`` or ``"known: 'a', 'b', ..."``.
    """
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(entry) for entry in near) + "?"
    shown = ", ".join(repr(entry) for entry in sorted(known)[:20])
    return f"known: {shown}" + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
