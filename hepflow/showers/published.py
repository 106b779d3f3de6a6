"""What papers found of showers of the CaloChallenge."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What a paper found of another model, of other showers.

    Parameters
    ----------
    model, showers
        Its name, and what it learned from.
    low, high
        Areas under the ROC curve of classifiers on voxels and on layers.
    paper
        arXiv number.
    """

    model: str
    showers: str
    low: float
    high: float
    paper: str


PHOTONS, PIONS = "photons, data set 1", "charged pions, data set 1"
PUBLISHED = (
    Published("CaloFlow teacher", PHOTONS, 0.733, 0.636, "2210.14245"),
    Published("CaloFlow student", PHOTONS, 0.761, 0.667, "2210.14245"),
    Published("CaloFlow teacher", PIONS, 0.845, 0.797, "2210.14245"),
    Published("CaloFlow student", PIONS, 0.884, 0.827, "2210.14245"),
    Published("CaloDiffusion", PHOTONS, 0.635, 0.536, "2308.03876"),
    Published("CaloINN", PHOTONS, 0.626, 0.638, "2312.09290"),
)
"""What papers found of showers of data set 1 of the CaloChallenge, to set beside `Judgement.told`."""
