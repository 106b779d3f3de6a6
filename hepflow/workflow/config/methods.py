"""The schema of methods: one block a paper."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from hepflow.workflow.config.blocks import GEV, Block, problem
from hepflow.workflow.config.choice import OR_ITS_NAME, named


class Sampled(Block):
    """What the methods that draw their template have in common."""

    oversampling: float = Field(
        20.0,
        ge=1,
        le=1000,
        description="Template events drawn, in units of the background expected in the signal region.",
    )
    validation_oversampling: float = Field(
        4.0, ge=1, le=1000, description="The same in the sidebands, where the template is checked."
    )


class Splines(Sampled):
    """The flow of the sidebands' density, and its training."""

    layers: int = Field(5, ge=1, le=64, description="Spline layers of the flow.")
    hidden: int = Field(64, ge=4, le=4096, description="Width of the hidden layers.")
    bins: int = Field(8, ge=2, le=128, description="Bins of each rational-quadratic spline.")
    epochs: int = Field(6, ge=1, le=10_000, description="Passes over the sidebands in a training.")
    batch_size: int = Field(1024, ge=16, le=1_000_000, description="Events in a training step.")
    learning_rate: float = Field(2e-3, gt=0, lt=1, description="Peak learning rate of AdamW.")
    schedule: Literal["one-cycle", "cosine"] = Field(
        "one-cycle", description="Course of the learning rate: warm-up and decay, or decay alone."
    )
    best_epochs: int = Field(
        2, ge=1, le=1000, description="Epochs of lowest validation loss that are kept and sampled, per flow."
    )
    ensemble: int = Field(
        8,
        ge=1,
        le=1000,
        description="Flows trained, which differ by seed: their mean interpolates better than any, "
        "and their spread is an error.",
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
        description="The method: cathode, lacathode, anode, r-anode, cwola, curtains, flow-matching, feta or salad.",
    )


class Costly(Splines):
    """A template of which every event goes through the flows again to be scored."""

    oversampling: float = Field(8.0, ge=1, le=1000, description="As of `cathode`, with fewer events.")
    validation_oversampling: float = Field(
        2.0, ge=1, le=1000, description="As of `cathode`, with fewer events."
    )


class LaCathode(Costly):
    """LaCATHODE (arXiv:2210.14924): CATHODE, its classifier in the latent space of the flow."""

    name: Literal["lacathode"] = Field("lacathode", description="The method.")
    spaces: int | None = Field(
        None,
        ge=1,
        le=100,
        description="Flows of the ensemble in whose latent a part of the classifiers is trained; left out, five, or "
        "all where there are fewer.",
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


class Cwola(Block):
    """CWoLa hunting (arXiv:1902.02634): the signal region against the sidebands beside it."""

    name: Literal["cwola"] = Field("cwola", description="The method.")
    width: float | None = Field(
        None,
        gt=0,
        json_schema_extra=GEV,
        description="Width of the neighbouring sidebands; left out, half the signal region's.",
    )


class Curtains(Splines):
    """CURTAINs (arXiv:2203.09470, 2305.04646): sideband events transported into the signal region."""

    name: Literal["curtains"] = Field("curtains", description="The method.")
    variant: Literal["flows-for-flows", "latents"] = Field(
        "flows-for-flows",
        description="The transport: a second flow, or through the latent of the sidebands' density.",
    )
    ensemble: int = Field(4, ge=1, le=1000, description="As of `cathode`; each has a transport of its own.")
    oversampling: float = Field(8.0, ge=1, le=1000, description="As of `cathode`, with fewer events.")
    validation_oversampling: float = Field(
        2.0, ge=1, le=1000, description="As of `cathode`, with fewer events."
    )


class Feta(Block):
    """FETA (arXiv:2212.11285): simulation transported to data; needs `inputs.simulation`."""

    name: Literal["feta"] = Field("feta", description="The method.")
    variant: Literal["base-to-data", "identity", "penalty", "two-bases"] = Field(
        "identity",
        description="The transport: from the simulation's density to the data, the same begun as the identity or "
        "with a penalty on the distance, or through the latents of two densities.",
    )
    ensemble: int = Field(
        4, ge=1, le=1000, description="Densities of the simulation, each with its transport."
    )


class Salad(Block):
    """SALAD (arXiv:2001.05001): simulation reweighted to data; needs `inputs.simulation`."""

    name: Literal["salad"] = Field("salad", description="The method.")


class Idealized(Block):
    """The idealized detector: true background as the template. A reference, which no search can be."""

    name: Literal["idealized"] = Field("idealized", description="The reference.")


class Supervised(Block):
    """A classifier that was told the signal. A reference, which no search can be."""

    name: Literal["supervised"] = Field("supervised", description="The reference.")


Method = Annotated[
    Annotated[Cathode, Tag("cathode")]
    | Annotated[LaCathode, Tag("lacathode")]
    | Annotated[Anode, Tag("anode")]
    | Annotated[RAnode, Tag("r-anode")]
    | Annotated[Cwola, Tag("cwola")]
    | Annotated[Curtains, Tag("curtains")]
    | Annotated[FlowMatching, Tag("flow-matching")]
    | Annotated[Feta, Tag("feta")]
    | Annotated[Salad, Tag("salad")]
    | Annotated[Idealized, Tag("idealized")]
    | Annotated[Supervised, Tag("supervised")],
    Discriminator(named("cathode")),
    OR_ITS_NAME,
]
BY_NAME: dict[str, type[Any]] = {
    "cathode": Cathode,
    "lacathode": LaCathode,
    "anode": Anode,
    "r-anode": RAnode,
    "cwola": Cwola,
    "curtains": Curtains,
    "flow-matching": FlowMatching,
    "feta": Feta,
    "salad": Salad,
    "idealized": Idealized,
    "supervised": Supervised,
}
NEEDS_SIMULATION = ("feta", "salad")
BRINGS_SCORE = ("lacathode", "anode", "r-anode")  # of networks of its own
NEEDS_TRUTH = ("idealized", "supervised")
