"""The schema of classifiers: boosted trees or neural networks, both cross-fitted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from hepflow.config.blocks import Block
from hepflow.config.choice import LISTED, OR_ITS_NAME, named
from hepflow.config.defaults import default

TREES = "hepflow.classifiers.bdt:BoostedTrees"
NETWORK = "hepflow.classifiers.mlp:NeuralNetwork"

Width = Annotated[int, Field(ge=1, le=100_000)]


class CrossFitted(Block):
    """What all classifiers have in common."""

    folds: int = Field(
        5,
        ge=2,
        le=100,
        examples=[5],
        description="Parts of the data, each scored by what the others trained.",
    )


class TreesAlone(Block):
    """Boosted decision trees (arXiv:2309.13111), as a density ratio."""

    name: Literal["bdt"] = Field("bdt", examples=["bdt"], description="Boosted decision trees.")
    ensemble: int = Field(
        default(f"{TREES}.members"),
        ge=1,
        le=1000,
        examples=[20],
        description="Classifiers averaged.",
    )
    max_iter: int = Field(
        default(f"{TREES}.max_iter"),
        ge=1,
        le=100_000,
        description="Most trees in a classifier; it stops early.",
    )
    max_leaf_nodes: int = Field(
        default(f"{TREES}.max_leaf_nodes"), ge=2, le=10_000, description="Most leaves of a tree."
    )
    min_samples_leaf: int | None = Field(
        default(f"{TREES}.min_samples_leaf"),
        ge=1,
        le=1_000_000,
        description="Fewest training events in a leaf; null: the square root of the number of data events.",
    )
    learning_rate: float = Field(
        default(f"{TREES}.learning_rate"), gt=0, le=1, description="Shrinkage of each tree."
    )


class NetworkAlone(Block):
    """Neural networks, each the mean of its best epochs (arXiv:2109.00546), as a density ratio."""

    name: Literal["mlp"] = Field("mlp", examples=["mlp"], description="Multilayer perceptrons.")
    ensemble: int = Field(default(f"{NETWORK}.members"), ge=1, le=1000, description="Networks averaged.")
    hidden: Annotated[tuple[Width, ...], Field(min_length=1), LISTED] = Field(
        default(f"{NETWORK}.hidden"), description="Widths of the hidden layers."
    )
    bins: int = Field(
        0,
        ge=0,
        le=1000,
        description="Pieces in which each feature's rank is encoded (arXiv:2203.05556); 0: the rank itself.",
    )


class Trees(TreesAlone, CrossFitted):
    """Boosted decision trees (arXiv:2309.13111), the default; no event is scored by a model that saw it."""

    ensemble: int = Field(
        default(f"{TREES}.members"),
        ge=1,
        le=1000,
        examples=[20],
        description="Classifiers averaged in each fold.",
    )


class Network(NetworkAlone, CrossFitted):
    """Neural networks, each the mean of its best epochs (arXiv:2109.00546); cross-fitted like the trees."""

    ensemble: int = Field(
        default(f"{NETWORK}.members"), ge=1, le=1000, description="Networks averaged in each fold."
    )
    bins: int = Field(
        default(f"{NETWORK}.bins"),
        ge=0,
        le=1000,
        description="Pieces in which each feature's rank is encoded (arXiv:2203.05556); 0: the rank itself.",
    )


Classifier = Annotated[
    Annotated[Trees, Tag("bdt")] | Annotated[Network, Tag("mlp")], Discriminator(named("bdt")), OR_ITS_NAME
]
