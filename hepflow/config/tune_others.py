"""The schemas of tunings beside that of a search: of a generation, an unfolding and of showers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hepflow.config.budget import Budget, Ranges, Rates, Sizes

Knots = tuple[Annotated[int, Field(ge=2, le=4096)], Annotated[int, Field(ge=2, le=4096)]]
Degrees = tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]]
Leaves = tuple[Annotated[int, Field(ge=2, le=10_000)], Annotated[int, Field(ge=2, le=10_000)]]
WIDENED = "Ranges of the flows' settings; each is widened to what stands in `{}`."


class GeneratorRanges(Ranges):
    """Ranges of the settings of flows that generate."""

    layers: Sizes = Field((1, 5), examples=[[1, 5]], description="Layers of each flow, `[low, high]`.")
    hidden: Sizes = Field((32, 128), description="Width of the hidden layers.")
    bins: Knots = Field((6, 16), description="Bins of each spline, where the architecture has any.")
    epochs: Sizes = Field((5, 30), description="Passes over the events.")
    batch_size: Sizes = Field((64, 1024), description="Events in a training step.")
    learning_rate: Rates = Field((5e-4, 1e-2), description="Peak learning rate.")


class ShowerRanges(Ranges):
    """Ranges of the settings of flows that make showers."""

    layers: Sizes = Field((1, 4), examples=[[1, 4]], description="Layers of each flow, `[low, high]`.")
    hidden: Sizes = Field((32, 192), description="Width of the hidden layers.")
    epochs: Sizes = Field((4, 30), description="Passes over the showers.")
    batch_size: Sizes = Field((32, 512), description="Showers in a training step.")
    learning_rate: Rates = Field((5e-4, 1e-2), description="Peak learning rate.")


class PosteriorRanges(Ranges):
    """Ranges of the settings of a posterior's flow."""

    layers: tuple[Annotated[int, Field(ge=1, le=64)], Annotated[int, Field(ge=1, le=64)]] = Field(
        (1, 5), examples=[[1, 5]], description="Spline layers, `[low, high]`."
    )
    hidden: tuple[Annotated[int, Field(ge=4, le=4096)], Annotated[int, Field(ge=4, le=4096)]] = Field(
        (32, 128), description="Width of the hidden layers."
    )
    epochs: Sizes = Field((3, 30), description="Passes over the events.")
    batch_size: Sizes = Field((128, 2048), description="Events in a training step.")


class SmoothRanges(Ranges):
    """Ranges of the settings of smooth ratios."""

    degree: Degrees = Field((2, 10), examples=[[2, 10]], description="Of polynomials, `[low, high]`.")


class TreesAloneRanges(Ranges):
    """Ranges of the settings of boosted trees of an unfolding."""

    max_iter: Sizes = Field((20, 400), examples=[[20, 400]], description="Most trees, `[low, high]`.")
    max_leaf_nodes: Leaves = Field((4, 64), description="Most leaves of a tree.")
    learning_rate: Rates = Field((0.02, 0.3), description="Shrinkage of each tree.")


class NetworkAloneRanges(Ranges):
    """Ranges of the settings of networks of an unfolding."""

    layers: Sizes = Field((1, 4), examples=[[1, 4]], description="Hidden layers, `[low, high]`.")
    width: Sizes = Field((16, 128), description="Width of all hidden layers.")


class GenerationTune(Budget):
    """What `hepflow tune` searches; events that are held out for the judgement have no part in it."""

    flow: GeneratorRanges = Field(GeneratorRanges(), examples=[{}], description=WIDENED.format("model"))
    ensemble: int = Field(
        1, ge=1, le=1000, description="Flows of a trial; fewer than the replicas, to be quick."
    )


class ShowerTune(Budget):
    """What `hepflow tune` searches; showers that are held out for the judgement have no part in it."""

    flow: ShowerRanges = Field(ShowerRanges(), examples=[{}], description=WIDENED.format("model"))


class UnfoldingTune(Budget):
    """What `hepflow tune` searches: of the method, its flow or its density ratio."""

    flow: PosteriorRanges = Field(
        PosteriorRanges(), examples=[{}], description="Ranges, where the method is `posterior`."
    )
    smooth: SmoothRanges = Field(
        SmoothRanges(), examples=[{}], description="Ranges, where OmniFold's ratio is `smooth`."
    )
    trees: TreesAloneRanges = Field(
        TreesAloneRanges(), examples=[{}], description="Ranges, where it is `bdt`."
    )
    network: NetworkAloneRanges = Field(
        NetworkAloneRanges(), examples=[{}], description="Ranges, where it is `mlp`."
    )
