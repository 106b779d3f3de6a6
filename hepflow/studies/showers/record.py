"""Generated showers as a record: how they were judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hepflow.quantity import Quantity
from hepflow.records import Record
from hepflow.verdicts import Verdict

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class ToldShowers:
    """How well networks tell generated showers from real ones, as `hepflow.showers.Told`."""

    level: str
    auc: float
    auc_error: float
    jsd: float
    jsd_error: float


@dataclass(frozen=True)
class Separated:
    """Separation power of an observable, and what two real samples of this size would show on average."""

    name: str
    value: float
    same: float


@dataclass(frozen=True)
class ShowerJudgementRecord:
    """What tells generated showers from real ones: networks of each level, and each observable."""

    told: tuple[ToldShowers, ...]
    separation: tuple[Separated, ...]


@dataclass(frozen=True)
class Compared:
    """Numbers in bins, of generated and of held-out showers, with their statistical errors.

    Parameters
    ----------
    quantity
        What is on the axis: an observable, or the voxels of a layer.
    edges
        Of the bins; what lies beyond is left out.
    generated, generated_error, real, real_error
        Showers in each; or, of the voxels of a layer, the mean energy in GeV.
    """

    quantity: Quantity
    edges: Numbers
    generated: Numbers
    generated_error: Numbers
    real: Numbers
    real_error: Numbers


@dataclass(frozen=True)
class MeanEnergy:
    """Mean energy of generated over that of held-out showers, in all voxels or those of a layer."""

    where: str
    ratio: float
    error: float


@dataclass(frozen=True)
class ShowerRecord(Record):
    """Showers from flows, schema ``hepflow-showers-1``.

    Parameters
    ----------
    name, seed, config_hash, versions
        Which study this is.
    source
        Where the showers are from: ``files``, or the detector that was simulated.
    particle
        As the geometry has it.
    layers
        Number and voxels of each layer that has some.
    trained, held_out
        Numbers of showers.
    output, generated
        The file, and how many showers it holds.
    losses
        Of each flow, by its first column: training and validation loss, epoch by epoch.
    judgement
        What tells the showers from real ones.
    means
        Mean energies: of all voxels, and of each layer.
    profiles
        Mean energy of each voxel, layer by layer: the average shower.
    energies, shapes
        Histograms: of visible energies, and of the other observables.
    verdicts
        Whether the showers can stand for real ones.
    """

    schema: ClassVar[str] = "hepflow-showers-1"
    remedy: ClassVar[str] = "`hepflow shower CONFIG` writes it anew"

    name: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    source: str
    particle: str
    layers: tuple[tuple[int, int], ...]
    trained: int
    held_out: int
    output: str
    generated: int
    losses: Mapping[str, Mapping[str, Numbers]]
    judgement: ShowerJudgementRecord
    means: tuple[MeanEnergy, ...]
    profiles: tuple[Compared, ...]
    energies: tuple[Compared, ...]
    shapes: tuple[Compared, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def voxels(self) -> int:
        """How many there are."""
        return sum(voxels for _, voxels in self.layers)
