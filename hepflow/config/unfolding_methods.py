"""The schema of methods of unfolding, and of the density ratios that they learn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hepflow.config.blocks import Block
from hepflow.config.choice import OR_ITS_NAME, named
from hepflow.config.classifiers import NetworkAlone, TreesAlone
from hepflow.config.defaults import default

OMNIFOLD = "hepflow.unfolding.omnifold:OmniFold"
POSTERIOR = "hepflow.unfolding.posterior:Posterior.unfold"
BINNED = "hepflow.unfolding.binned"


class SmoothOne(Block):
    """A ratio that is no finer than the events tell: a polynomial of ranks, and moments of the columns."""

    name: Literal["smooth"] = Field("smooth", examples=["smooth"], description="A smooth ratio.")
    degree: int = Field(
        default("hepflow.unfolding.omnifold:DEGREE"),
        ge=1,
        le=100,
        description="Of polynomials of one column, as far as there are 100 of them in all.",
    )
    ridge: float | None = Field(
        default("hepflow.classifiers.smooth:SmoothRatio.ridge"),
        gt=0,
        description="How stiff; left out, what cross-validation of the first iteration says, and less.",
    )


Ratio = Annotated[
    Annotated[SmoothOne, Tag("smooth")]
    | Annotated[TreesAlone, Tag("bdt")]
    | Annotated[NetworkAlone, Tag("mlp")],
    Discriminator(named("smooth")),
    OR_ITS_NAME,
]


def _replicas(where: str) -> Any:
    return Field(
        default(where),
        ge=3,
        le=10_000,
        examples=[default(where)],
        description="Unfoldings of bootstraps of data and simulation together: their covariance is the error.",
    )


def _toys(where: str) -> Any:
    return Field(
        default(where),
        ge=3,
        le=1_000_000,
        description="Unfoldings of data and simulation drawn anew in each bin, which the covariance is made of.",
    )


class OmniFold(Block):
    """OmniFold (arXiv:1911.09107), without bins, in any number of columns: weights of generated events."""

    name: Literal["omnifold"] = Field(
        "omnifold",
        examples=["omnifold"],
        description="The method: omnifold, posterior, bayes or tikhonov.",
    )
    ratio: Ratio = Field(SmoothOne(), description="The density ratio that both steps learn.")
    iterations: int = Field(default(f"{OMNIFOLD}.iterations"), ge=1, le=1000, description="How many at most.")
    stop: bool = Field(
        default(f"{OMNIFOLD}.stop"),
        description="Choose the first iteration after which distributions change by less than half of their errors; "
        "without, the last one counts.",
    )
    fakes: Literal["subtract", "model"] | None = Field(
        None,
        description="What is done with reconstructed events that were not generated: taken off the data, or left in "
        "the simulation; left out, the first with a smooth ratio, and else the second.",
    )
    replicas: int = _replicas(f"{OMNIFOLD}.replicas")


class Posterior(Block):
    """A conditional flow p(truth | reco) (arXiv:2006.06685), iterated against its prior (arXiv:2212.08674)."""

    name: Literal["posterior"] = Field("posterior", description="The method.")
    ratio: Ratio = Field(SmoothOne(), description="The density ratio that makes weights of what is drawn.")
    iterations: int = Field(default(f"{POSTERIOR}.iterations"), ge=1, le=1000, description="Trainings.")
    replicas: int = _replicas(f"{POSTERIOR}.replicas")
    layers: int | None = Field(
        None, ge=1, le=64, description="Spline layers of the flow; left out, the method's own number."
    )
    hidden: int | None = Field(
        None, ge=4, le=4096, description="Width of its hidden layers; left out, the method's own."
    )
    epochs: int | None = Field(
        None, ge=1, le=100_000, description="Passes over the events; left out, the method's own number."
    )
    batch_size: int | None = Field(
        None, ge=1, le=10**9, description="Events in a training step; left out, the method's own number."
    )
    members: int | None = Field(
        None, ge=1, le=1000, description="Flows that are averaged; left out, the method's own number."
    )


class Bayes(Block):
    """Iterative Bayes (D'Agostini), each observable in bins."""

    name: Literal["bayes"] = Field("bayes", description="The method.")
    iterations: int = Field(
        default(f"{BINNED}:IterativeBayes.iterations"),
        ge=1,
        le=10_000,
        description="More of them lower the dependence on the simulation and raise the variance.",
    )
    toys: int = _toys(f"{BINNED}:TOYS")


class Tikhonov(Block):
    """Least squares with a penalty on curvature, as TUnfold has it (arXiv:1205.6201), each observable in bins."""

    name: Literal["tikhonov"] = Field("tikhonov", description="The method.")
    strength: float | None = Field(
        default(f"{BINNED}:Tikhonov.strength"),
        ge=0,
        description="Of the penalty, in units in which 1 balances both terms; left out, the corner of the L-curve.",
    )
    toys: int = _toys(f"{BINNED}:TOYS")


class NoReference(Block):
    """No reference."""

    name: Literal["none"] = Field("none", description="No reference.")


Method = Annotated[
    Annotated[OmniFold, Tag("omnifold")]
    | Annotated[Posterior, Tag("posterior")]
    | Annotated[Bayes, Tag("bayes")]
    | Annotated[Tikhonov, Tag("tikhonov")],
    Discriminator(named("omnifold")),
    OR_ITS_NAME,
]
Reference = Annotated[
    Annotated[Bayes, Tag("bayes")]
    | Annotated[Tikhonov, Tag("tikhonov")]
    | Annotated[NoReference, Tag("none")],
    Discriminator(named("bayes")),
    OR_ITS_NAME,
]
