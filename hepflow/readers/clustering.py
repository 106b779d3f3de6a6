"""Particles to large-radius jets with N-subjettiness, through FastJet (extra ``generate``)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType

import awkward as ak
import numpy as np

from hepflow.errors import ConfigError, HepflowError, InputError, did_you_mean

AXES = ("KT_Axes", "OnePass_KT_Axes", "WTA_KT_Axes", "OnePass_WTA_KT_Axes")


def cluster(
    particles: ak.Array,
    *,
    radius: float = 1.0,
    min_pt: float = 20.0,
    subjets: Sequence[int] = (1, 2, 3),
    keep: int | None = 2,
    axes: str = "OnePass_KT_Axes",
) -> ak.Array:
    r"""Cluster each event's particles with anti-kt and measure the N-subjettiness of its leading jets.

    Jets are the E-scheme sums of their particles. For a jet with constituents :math:`i` and :math:`N` axes
    :math:`a`, the normalised measure with :math:`\beta = 1` is

    .. math:: \tau_N = \frac{1}{R \sum_i p_{T,i}} \sum_i p_{T,i} \min_a \Delta R_{ia},

    equation 2.2 of arXiv:1011.2268, with distances in rapidity and azimuth.

    Parameters
    ----------
    particles
        One list of records per event, fields ``pt``, ``eta``, ``phi``, ``mass`` (GeV). Entries with
        ``pt = 0`` are padding and are ignored.
    radius
        Anti-kt radius, and the :math:`R` that normalises :math:`\tau_N`.
    min_pt
        Softest jet returned, GeV.
    subjets
        The :math:`N` of each :math:`\tau_N`.
    keep
        Number of leading jets returned in an event, fewer where there are fewer; None returns all. The
        N-subjettiness costs about twice the clustering itself, which is why the rest are left out.
    axes
        One of `AXES`: the exclusive-kt axes of the jet as they are, or as the start of one minimisation.

    Returns
    -------
    ak.Array
        One list per event, descending in pT (possibly empty), of records ``pt``, ``eta``, ``phi`` in
        [-pi, pi], ``mass``, ``tau1``, ... A jet of at most N particles has ``tauN = 0``.

    Raises
    ------
    HepflowError
        FastJet is not installed.
    InputError
        A field is missing, a value is not finite, or a pT or mass is negative.
    ConfigError
        An argument is out of its range.

    References
    ----------
    Anti-kt: arXiv:0802.1189. FastJet: arXiv:1111.6097. N-subjettiness: arXiv:1011.2268; the one-pass
    minimisation: arXiv:1108.2701.
    """
    if radius <= 0 or min_pt < 0 or (keep is not None and keep < 1):
        raise ConfigError(
            f"radius > 0, min_pt >= 0 and keep >= 1 expected; got {radius}, {min_pt} and {keep}"
        )
    if not subjets or min(subjets) < 1:
        raise ConfigError(f"subjets needs whole numbers from 1 up, such as (1, 2, 3); got {tuple(subjets)}")
    if axes not in AXES:
        raise ConfigError(f"unknown axes {axes!r}; {did_you_mean(axes, AXES)}")
    fastjet = load_fastjet()
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    clustered = fastjet.ClusterSequence(_momenta(particles), definition)
    jets, constituents = clustered.inclusive_jets(min_pt), clustered.constituents(min_pt)
    order = ak.argsort(np.hypot(jets.px, jets.py), axis=1, ascending=False)[:, :keep]
    jets, constituents = jets[order], constituents[order]

    momentum = np.sqrt(jets.px**2 + jets.py**2 + jets.pz**2)
    pt = np.hypot(jets.px, jets.py)
    columns = {
        "pt": pt,
        "eta": np.arcsinh(jets.pz / pt),
        "phi": np.arctan2(jets.py, jets.px),
        # Rounding alone makes this negative, and only for a jet of one massless particle.
        "mass": np.sqrt(np.maximum((jets.E - momentum) * (jets.E + momentum), 0.0)),
    }
    tau = np.zeros((ak.sum(ak.num(jets)), len(subjets)))
    if len(tau):
        # FastJet's njettiness takes whole events: each jet's constituents become one.
        alone = fastjet.ClusterSequence(ak.to_packed(ak.flatten(constituents, axis=1)), definition)
        tau = np.asarray(
            alone.njettiness(
                measure_definition="NormalizedMeasure",
                axes_definition=axes,
                njets=list(subjets),
                beta=1.0,
                R0=radius,
            )
        )
    counts = ak.num(jets)
    columns |= {f"tau{n}": ak.unflatten(tau[:, i], counts) for i, n in enumerate(subjets)}
    return ak.zip(columns)


def load_fastjet() -> ModuleType:
    """Import FastJet and keep its banner off standard output, which is for results."""
    try:
        import fastjet
    except ImportError as error:
        raise HepflowError("clustering needs FastJet: pip install hepflow[generate]") from error
    with suppress(AttributeError):
        fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    module: ModuleType = fastjet
    return module


def _momenta(particles: ak.Array) -> ak.Array:
    """Return the particles' four-momenta as FastJet reads them (jagged ``Momentum4D``), checked."""
    wanted = ("pt", "eta", "phi", "mass")
    missing = [name for name in wanted if name not in ak.fields(particles)]
    if missing:
        raise InputError(
            f"particles need the fields {wanted}; missing {missing}, found {ak.fields(particles)}"
        )
    if particles.ndim != 2:
        raise InputError(f"particles need one list per event (two dimensions); got {particles.ndim}")
    counts = ak.num(particles)
    columns = {name: ak.to_numpy(ak.flatten(particles[name])).astype(np.float64) for name in wanted}
    for name, values in columns.items():
        bad = ~np.isfinite(values) | ((values < 0) if name in ("pt", "mass") else False)
        if bad.any():
            raise InputError(
                f"{bad.sum()} particles with an impossible {name}; the first is {values[bad][0]}"
            )
    real = columns["pt"] > 0
    pt, eta, phi, mass = (columns[name][real] for name in wanted)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    kept = ak.sum(ak.unflatten(real, counts), axis=1)
    flat = ak.zip({"px": px, "py": py, "pz": pz, "E": energy}, with_name="Momentum4D")
    return ak.unflatten(flat, kept)
