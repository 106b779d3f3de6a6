"""Shares of a whole, and parts of a total, as log-ratios: no sample leaves the simplex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.weights import storable

EXACT = 1e-6  # difference from one, within which shares add up to one
SHOWN = 6  # names in a message


@storable
@dataclass(frozen=True)
class LogRatios:
    """Shares of a whole to the logarithms of their ratios to the rest.

    K shares that add up to one lie on a simplex and have no density. All but one of them have; these go to
    ``log(s_i / s_K)``, with ``s_K = 1 - sum s_i`` the one left out (additive log-ratios; J. Aitchison, J. R. Stat.
    Soc. B 44 (1982) 139).

    Parameters
    ----------
    columns
        Places of the K - 1 shares in the table.
    """

    columns: tuple[int, ...]

    @classmethod
    def fit(
        cls, x: FloatArray, names: tuple[str, ...], columns: tuple[str, ...], period: Mapping[str, float]
    ) -> LogRatios:
        """Take the columns by their names, and check rows (N, D).

        Raises
        ------
        InputError
            If shares are not inside (0, 1), or add up to one or more.
        """
        del period  # shares have none
        made = cls(tuple(names.index(name) for name in columns))
        shares = x[:, list(made.columns)]
        what = f"the shares {_some(columns)}"
        for name, share in zip(columns, shares.T, strict=True):
            bad = int(np.sum(~((share > 0) & (share <= 1))))
            if bad:
                raise InputError(
                    f"{what}: feature {name!r} is not above zero and at most one in {bad:,} of {len(x):,} events "
                    f"({share.min():g} to {share.max():g}); a share of zero has no logarithm: drop those events "
                    "first, or leave it out"
                )
        total = shares.sum(axis=1)
        if len(columns) > 1 and np.mean(np.abs(total - 1) < EXACT) > 0.5:
            raise InputError(
                f"{what} add up to one: together they have no density. Leave one out of the table: it is the rest"
            )
        bad = int(np.sum(~np.isfinite(made.forward(x)[1])))
        if bad:
            raise InputError(
                f"{what} add up to one or more in {bad:,} of {len(x):,} events (at most {total.max():g}); expected "
                "less than one, the rest being the last share: drop those events first, or name `parts` of a total"
            )
        return made

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the table with log-ratios (N, D) and log-determinants (N,); -inf outside the simplex."""
        shares = x[:, list(self.columns)]
        rest = 1 - np.sum(np.where(np.isfinite(shares), shares, 0.0), axis=1)
        inside = np.all((shares > 0) & np.isfinite(shares), axis=1) & (rest > 0)
        logs = np.log(np.where(inside[:, None], shares, 1.0))
        last = np.log(np.where(inside, rest, 1.0))
        z = x.copy()
        z[:, list(self.columns)] = logs - last[:, None]
        return z, np.where(inside, -logs.sum(axis=1) - last, -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the table with shares (N, D)."""
        x = z.copy()
        x[:, list(self.columns)] = _softmax(z[:, list(self.columns)])[:, :-1]
        return x


@storable
@dataclass(frozen=True)
class Fractions:
    """Parts of a total to that total and the logarithms of their ratios to the last part.

    Parameters
    ----------
    columns
        Places of the K parts in the table; the total takes that of the last.
    """

    columns: tuple[int, ...]

    @classmethod
    def fit(
        cls, x: FloatArray, names: tuple[str, ...], columns: tuple[str, ...], period: Mapping[str, float]
    ) -> Fractions:
        """Take the columns by their names, and check rows (N, D).

        Raises
        ------
        ConfigError
            If there is only one.
        InputError
            If a part is not above zero, or the total is the same in all rows.
        """
        del period  # amounts have none
        if len(columns) < 2:
            raise ConfigError(f"parts: {', '.join(columns)}; expected two features or more")
        made = cls(tuple(names.index(name) for name in columns))
        parts = x[:, list(made.columns)]
        what = f"the parts {_some(columns)}"
        for name, part in zip(columns, parts.T, strict=True):
            bad = int(np.sum(~(part > 0)))
            if bad:
                raise InputError(
                    f"{what}: feature {name!r} is zero or below in {bad:,} of {len(x):,} events; a part of zero has "
                    "no logarithm: drop those events first, or leave it out"
                )
        total = parts.sum(axis=1)
        if np.ptp(total) < EXACT * total.max():
            raise InputError(
                f"{what} add up to {total[0]:g} in all {len(x):,} events: together they have no density. Leave one "
                "out of the table, and name the others, over their total, as `shares`"
            )
        return made

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the table with total and log-ratios (N, D) and log-determinants (N,); -inf where a part is zero."""
        parts = x[:, list(self.columns)]
        inside = np.all((parts > 0) & np.isfinite(parts), axis=1)
        parts = np.where(inside[:, None], parts, 1.0)
        logs, total = np.log(parts), parts.sum(axis=1)
        z = x.copy()
        z[:, list(self.columns)] = np.column_stack([logs[:, :-1] - logs[:, -1:], total])
        return z, np.where(inside, np.log(total) - logs.sum(axis=1), -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the table with the parts (N, D)."""
        *ratios, total = self.columns
        x = z.copy()
        x[:, list(self.columns)] = _softmax(z[:, ratios]) * z[:, [total]]
        return x


def _softmax(ratios: FloatArray) -> FloatArray:
    """Return the K shares (N, K) of which K - 1 log-ratios to the last (N, K - 1) are."""
    logs = np.column_stack([ratios, np.zeros(len(ratios))])
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _some(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns[:SHOWN])) + (", ..." if len(columns) > SHOWN else "")
