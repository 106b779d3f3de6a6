"""The schema of methods: one block a paper."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, Union

from pydantic import Discriminator, Field, Tag, model_validator

from hepflow.catalogue import METHODS
from hepflow.config.blocks import GEV, Block, Posterior, problem
from hepflow.config.choice import OR_ITS_NAME, named
from hepflow.config.defaults import default
from hepflow.config.detectors import Detector, Isolation

CATHODE = "hepflow.methods.cathode:Cathode"
LAYERS = "hepflow.flows.architectures:spline_autoregressive"
TRAINING = "hepflow.training.plan:TrainingPlan"
FEWER: dict[str, float] = default("hepflow.methods.cathode:FEWER")
Samples = partial(Field, ge=1, le=1000)


class MethodBlock(Block):
    """The settings of a method of background estimation."""

    name: str
    made_as: ClassVar[str] = "variant"  # the key that tells its variants apart

    @property
    def variant_name(self) -> str:
        """Its name in a table of methods: variants other than the usual one may stand side by side."""
        own = type(self).model_fields.get(self.made_as)
        if own is None:
            return self.name
        chosen, usual = (getattr(one, "name", one) for one in (getattr(self, self.made_as), own.default))
        return self.name if chosen == usual else f"{self.name}-{chosen}"


class Sampled(MethodBlock):
    """What the methods that draw their template have in common."""

    oversampling: float = Samples(
        default(f"{CATHODE}.oversampling"),
        description="Template events drawn, in units of the background expected in the signal region.",
    )
    validation_oversampling: float = Samples(
        default(f"{CATHODE}.validation_oversampling"),
        description="The same in the sidebands, where the template is checked.",
    )


class Splines(Sampled):
    """The flow of the sidebands' density, and its training."""

    layers: int = Field(default(f"{LAYERS}.layers"), ge=1, le=64, description="Spline layers of the flow.")
    hidden: int = Field(default(f"{LAYERS}.hidden"), ge=4, le=4096, description="Width of the hidden layers.")
    bins: int = Field(
        default(f"{LAYERS}.bins"), ge=2, le=128, description="Bins of each rational-quadratic spline."
    )
    epochs: int = Field(
        default("hepflow.flows.conditional:EPOCHS"),
        ge=1,
        le=10_000,
        description="Passes over the sidebands in a training.",
    )
    batch_size: int = Field(
        default(f"{TRAINING}.batch_size"), ge=16, le=1_000_000, description="Events in a training step."
    )
    learning_rate: float = Field(
        default("hepflow.flows.conditional:LEARNING_RATE"),
        gt=0,
        lt=1,
        description="Peak learning rate of AdamW.",
    )
    schedule: Literal["one-cycle", "cosine"] = Field(
        default(f"{TRAINING}.schedule"),
        description="Course of the learning rate: warm-up and decay, or decay alone.",
    )
    best_epochs: int = Field(
        default(f"{TRAINING}.best_epochs"),
        ge=1,
        le=1000,
        description="Epochs of lowest validation loss that are kept and sampled, per flow.",
    )
    ensemble: int = Field(
        default("hepflow.flows.density:Density.members"),
        ge=1,
        le=1000,
        description="Flows of each fold (`classifier.folds`), trained without its events. They differ by seed: their "
        "mean interpolates better than any, and the spread of all is an error.",
    )
    posterior: Posterior = Field(
        default("hepflow.flows.density:Density.posterior"),
        description="What these flows are draws of: `bootstrap`, `ensemble`, `bayesian` or `laplace`.",
    )


def density_settings(method: Splines) -> dict[str, Any]:
    """Return what makes the density of the sidebands: methods that agree in it train the same one."""
    own = Splines.model_fields.keys() - Sampled.model_fields.keys()
    return method.model_dump(mode="json", include=set(own))


class Cathode(Splines):
    """CATHODE (arXiv:2109.00546): a density learned in the sidebands, sampled in the signal region."""

    name: Literal["cathode"] = Field(
        "cathode",
        examples=["cathode"],
        description="The method: cathode, lacathode, anode, r-anode, cwola, curtains, flow-matching, feta, salad or "
        "outlier.",
    )


class Costly(Splines):
    """A template of which every event goes through the flows again to be scored."""

    oversampling: float = Samples(FEWER["oversampling"], description="As of `cathode`, with fewer events.")
    validation_oversampling: float = Samples(
        FEWER["validation_oversampling"], description="As of `cathode`, with fewer events."
    )


class LaCathode(Costly):
    """LaCATHODE (arXiv:2210.14924): CATHODE, its classifier in the latent space of the flow."""

    name: Literal["lacathode"] = Field("lacathode", description="The method.")
    spaces: int | None = Field(
        None,
        ge=1,
        le=100,
        description="Flows of a fold in whose latent a part of its classifiers is trained; left out, four, or all "
        "where there are fewer.",
    )

    @model_validator(mode="after")
    def _each_space_has_its_flow(self) -> LaCathode:
        if self.spaces is not None and self.spaces > self.ensemble:
            raise problem(
                "spaces", f"{self.spaces} latent spaces of {self.ensemble} flows; expected at most as many"
            )
        return self


class Anode(Costly):
    """ANODE (arXiv:2001.04990): the ratio of two densities, learned in the signal region and in the sidebands."""

    name: Literal["anode"] = Field("anode", description="The method.")


class RAnode(Costly):
    """R-ANODE (arXiv:2312.11629): the background's density stays, the signal's and its share are fitted."""

    name: Literal["r-anode"] = Field("r-anode", description="The method.")


class FlowMatching(Sampled):
    """CATHODE's template by conditional flow matching (arXiv:2210.02747, 2312.10130)."""

    name: Literal["flow-matching"] = Field("flow-matching", description="The method.")


class Cwola(MethodBlock):
    """CWoLa hunting (arXiv:1902.02634): the signal region against the sidebands beside it."""

    name: Literal["cwola"] = Field("cwola", description="The method.")
    width: float | None = Field(
        default("hepflow.methods.cwola:Cwola.width"),
        gt=0,
        json_schema_extra=GEV,
        description="Width of the neighbouring sidebands; left out, half the signal region's.",
    )


class Curtains(Splines):
    """CURTAINs (arXiv:2203.09470, 2305.04646): sideband events transported into the signal region."""

    name: Literal["curtains"] = Field("curtains", description="The method.")
    variant: Literal["flows-for-flows", "latents"] = Field(
        default("hepflow.methods.curtains:Curtains.variant"),
        description="The transport: a second flow, or through the latent of the sidebands' density.",
    )
    ensemble: int = Samples(
        default("hepflow.methods.curtains:MEMBERS"),
        description="As of `cathode`; each has a transport of its own.",
    )
    oversampling: float = Samples(
        default("hepflow.methods.curtains:Curtains.oversampling"),
        description="As of `cathode`, with fewer events.",
    )
    validation_oversampling: float = Samples(
        default("hepflow.methods.curtains:Curtains.validation_oversampling"),
        description="As of `cathode`, with fewer events.",
    )


class Feta(MethodBlock):
    """FETA (arXiv:2212.11285): simulation transported to data; needs `inputs.simulation`."""

    name: Literal["feta"] = Field("feta", description="The method.")
    variant: Literal["base-to-data", "identity", "penalty", "two-bases"] = Field(
        default("hepflow.methods.feta:Feta.variant"),
        description="The transport: from the simulation's density to the data, the same begun as the identity or "
        "with a penalty on the distance, or through the latents of two densities.",
    )
    ensemble: int = Samples(
        default("hepflow.methods.feta:MEMBERS"),
        description="Densities of the simulation, each with its transport.",
    )


class Salad(MethodBlock):
    """SALAD (arXiv:2001.05001): simulation reweighted to data; needs `inputs.simulation`."""

    name: Literal["salad"] = Field("salad", description="The method.")


class Outlier(MethodBlock):
    """Outliers (arXiv:2307.01612): what is unlike the sidebands; meant for `fit.background: dijet`."""

    made_as: ClassVar[str] = "detector"

    name: Literal["outlier"] = Field("outlier", description="The method.")
    detector: Detector = Field(
        Isolation(), description="What scores events, or its name; it learns from the sidebands alone."
    )
    width: float | None = Field(
        default("hepflow.methods.outlier:Outlier.width"),
        gt=0,
        json_schema_extra=GEV,
        description="As of `cwola`, whose template it takes.",
    )


class Idealized(MethodBlock):
    """The idealized detector: true background as the template. A reference, which no search can be."""

    name: Literal["idealized"] = Field("idealized", description="The reference.")


class Supervised(MethodBlock):
    """A classifier that was told the signal. A reference, which no search can be."""

    name: Literal["supervised"] = Field("supervised", description="The reference.")


BLOCKS: dict[str, type[MethodBlock]] = {
    block.model_fields["name"].default: block
    for block in list(globals().values())
    if isinstance(block, type)
    and issubclass(block, MethodBlock)
    and "name" in vars(block).get("__annotations__", {})
}
BY_NAME = {name: BLOCKS[name] for name in METHODS}  # every row of the catalogue has its block
if TYPE_CHECKING:
    Method: TypeAlias = MethodBlock
else:
    Method = Annotated[
        Union[tuple(Annotated[block, Tag(name)] for name, block in BY_NAME.items())],  # noqa: UP007
        Discriminator(named("cathode")),
        OR_ITS_NAME,
    ]
