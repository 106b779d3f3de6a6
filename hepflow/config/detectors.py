"""The schema of outlier detectors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from hepflow.config.blocks import Block
from hepflow.config.choice import LISTED, OR_ITS_NAME, named
from hepflow.config.classifiers import Width
from hepflow.config.defaults import default

FOREST = "hepflow.outliers.isolation:IsolationForest"
ENCODER = "hepflow.outliers.autoencoder:Autoencoder"
NORMALIZED = "hepflow.outliers.normalized"
FLOW = "hepflow.outliers.flow"


class DetectorBlock(Block):
    """The settings of a detector."""

    name: str

    @property
    def seen_in(self) -> str:
        """The coordinates that outliers are looked for in, in words: in others, other events are rare."""
        return "the features as they are, in their units"

    def misfit(self, features: int) -> tuple[str, str] | None:
        """Return key and reason of what does not go with so many features."""
        if features > 1:
            return None
        return (
            "name",
            f"{self.name!r} has one feature to look at; expected at least two: else cut on that feature",
        )


class Isolation(DetectorBlock):
    """Isolation forest (Liu, Ting and Zhou, ICDM 2008): how few random cuts set an event apart."""

    name: Literal["isolation-forest"] = Field(
        "isolation-forest",
        examples=["isolation-forest"],
        description="The detector: isolation-forest, autoencoder, vae, normalized, flow or latent-radius.",
    )
    trees: int = Field(default(f"{FOREST}.trees"), ge=1, le=100_000, description="How many trees.")
    sampled: int = Field(
        default(f"{FOREST}.sampled"), ge=2, le=1_000_000, description="Events that each is grown of."
    )


class Networks(DetectorBlock):
    """What autoencoders have in common."""

    ensemble: int = Field(
        default(f"{ENCODER}.members"), ge=1, le=1000, description="Networks of each fold, which are averaged."
    )
    bottleneck: int | None = Field(
        default(f"{ENCODER}.bottleneck"),
        ge=1,
        le=10_000,
        description="Its width, less than the number of features; left out, half of them.",
    )
    hidden: Annotated[tuple[Width, ...], Field(min_length=1), LISTED] = Field(
        default(f"{ENCODER}.hidden"),
        description="Widths of the encoder's hidden layers; the decoder mirrors them.",
    )
    epochs: int = Field(
        default("hepflow.outliers.autoencoder:EPOCHS"),
        ge=1,
        le=10_000,
        description="Most passes over the sidebands; a training stops early.",
    )

    @property
    def seen_in(self) -> str:
        """The coordinates, in words."""
        return "the features, standardised"

    def misfit(self, features: int) -> tuple[str, str] | None:
        """Return key and reason of what does not go with so many features."""
        if self.bottleneck is not None and 1 < features <= self.bottleneck:
            return "bottleneck", (
                f"{self.bottleneck} for {features} features lets everything through, outliers too; expected at most "
                f"{features - 1}"
            )
        return super().misfit(features)


class Autoencoder(Networks):
    """An autoencoder (arXiv:1808.08979, 1808.08992): how badly an event comes back from a bottleneck."""

    name: Literal["autoencoder"] = Field("autoencoder", description="The detector.")


class Variational(Networks):
    """A variational autoencoder (arXiv:1312.6114), its latent kept near a normal distribution."""

    name: Literal["vae"] = Field("vae", description="The detector.")
    beta: float = Field(
        default("hepflow.outliers.autoencoder:VariationalAutoencoder.beta"),
        ge=0,
        description="What the latent's distance from it counts.",
    )


class Normalized(Networks):
    """A normalized autoencoder (arXiv:2206.14225): the reconstruction error is the energy of a density."""

    name: Literal["normalized"] = Field("normalized", description="The detector.")
    epochs: int = Field(
        default(f"{NORMALIZED}:EPOCHS"), ge=1, le=10_000, description="Passes over the sidebands."
    )
    steps: int = Field(
        default(f"{NORMALIZED}:NormalizedAutoencoder.steps"),
        ge=1,
        le=10_000,
        description="Of each of the chains that draw from the density.",
    )
    regularisation: float = Field(
        default(f"{NORMALIZED}:NormalizedAutoencoder.regularisation"),
        ge=0,
        description="What the squares of both energies count.",
    )


class Flows(DetectorBlock):
    """What the detectors made of flows have in common."""

    ensemble: int = Field(
        default(f"{FLOW}:MEMBERS"), ge=1, le=1000, description="Flows of each fold, which are averaged."
    )
    epochs: int = Field(
        default("hepflow.flows.conditional:EPOCHS"),
        ge=1,
        le=10_000,
        description="Passes over the sidebands in a training.",
    )


class Density(Flows):
    """Minus the log-density of a flow in coordinates that are named."""

    name: Literal["flow"] = Field("flow", description="The detector.")
    coordinates: Literal["features", "normal", "uniform"] = Field(
        default(f"{FLOW}:FlowDensity.coordinates"),
        description="The features in their units, each made normal by its own quantiles, or its quantile itself.",
    )

    @property
    def seen_in(self) -> str:
        """The coordinates, in words."""
        return {
            "features": super().seen_in,
            "normal": "the features, each made normal by its own quantiles",
            "uniform": "the features, each made uniform by its own quantiles",
        }[self.coordinates]


class Radius(Flows):
    """The distance of an event from the middle of a flow's latent space."""

    name: Literal["latent-radius"] = Field("latent-radius", description="The detector.")

    @property
    def seen_in(self) -> str:
        """The coordinates, in words."""
        return "the latent space of a flow"


Detector = Annotated[
    Annotated[Isolation, Tag("isolation-forest")]
    | Annotated[Autoencoder, Tag("autoencoder")]
    | Annotated[Variational, Tag("vae")]
    | Annotated[Normalized, Tag("normalized")]
    | Annotated[Density, Tag("flow")]
    | Annotated[Radius, Tag("latent-radius")],
    Discriminator(named("isolation-forest")),
    OR_ITS_NAME,
]
