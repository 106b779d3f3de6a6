"""The schema of a tuning of a search: which settings are searched, in which ranges, and for how long."""

from __future__ import annotations

from pydantic import Field

from hepflow.config.blocks import Fraction
from hepflow.config.budget import Budget, Ranges, Real, Sizes, Whole
from hepflow.config.classifiers import Network, Trees
from hepflow.config.methods import Cathode


class FlowRanges(Ranges):
    """Ranges of the flow's settings, for methods that have one; each is widened to what stands in `method`."""

    bounds = Cathode
    layers: Whole = Field((3, 8), examples=[[3, 8]], description="Spline layers, `[low, high]`.")
    hidden: Whole = Field((32, 128), description="Width of the hidden layers.")
    bins: Whole = Field((6, 16), description="Bins of each spline.")
    epochs: Whole = Field((3, 20), description="Passes over the events.")
    batch_size: Whole = Field((256, 2048), description="Events in a training step.")
    learning_rate: Real = Field((5e-4, 1e-2), description="Peak learning rate.")


class TreeRanges(Ranges):
    """Ranges of the settings of boosted trees; each is widened to what stands in `classifier`."""

    bounds = Trees
    max_iter: Whole = Field(
        (50, 400), examples=[[50, 400]], description="Most trees in a classifier, `[low, high]`."
    )
    max_leaf_nodes: Whole = Field((8, 64), description="Most leaves of a tree.")
    min_samples_leaf: Whole = Field((20, 400), description="Fewest events in a leaf.")
    learning_rate: Real = Field((0.02, 0.3), description="Shrinkage of each tree.")


class NetworkRanges(Ranges):
    """Ranges of the settings of networks that classify; each is widened to what stands in `classifier`."""

    bounds = Network
    layers: Sizes = Field((2, 4), examples=[[2, 4]], description="Hidden layers, `[low, high]`.")
    width: Sizes = Field((16, 128), description="Width of all hidden layers.")


class Tune(Budget):
    """What `hepflow tune` searches, and what it is judged by; the signal region has no part in it."""

    ensemble: int = Field(
        2,
        ge=1,
        le=1000,
        description="Flows, or classifiers in each fold, of a trial; fewer than in the analysis, to be quick.",
    )
    significance: float = Field(
        2.5,
        gt=0,
        le=100,
        description="Signal put into the validation bands to judge classifiers, as S/sqrt(B).",
    )
    background_efficiency: Fraction = Field(
        0.01, description="Share of the background template behind the cut that judges classifiers."
    )
    flow: FlowRanges = Field(FlowRanges(), examples=[{}], description="Ranges of the flow's settings.")
    trees: TreeRanges = Field(
        TreeRanges(), examples=[{}], description="Ranges, where the classifier is `bdt`."
    )
    network: NetworkRanges = Field(
        NetworkRanges(), examples=[{}], description="Ranges, where the classifier is `mlp`."
    )
