"""The schema of a generation: what is learned from, by which flows, and what is made of the events."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from hepflow.config.blocks import Block, Figures, Fraction, Posterior, each_once, problem
from hepflow.config.columns import Feature, Features, asked
from hepflow.config.defaults import default
from hepflow.config.executor import Executor, Local, runs_on
from hepflow.config.inputs import Input
from hepflow.config.task import TaskBlock
from hepflow.config.tune_others import GenerationTune
from hepflow.engine.executors import Chosen
from hepflow.errors import did_you_mean
from hepflow.quantity import Quantity

SCORE = "score"  # an observable that is no column: a classifier's
Architecture = Literal[
    "spline_autoregressive",
    "affine_autoregressive",
    "spline_coupling",
    "mixture_autoregressive",
    "flow_matching",
]
OWN_SPLINE: dict[str, int] = {  # of spline_autoregressive, where nothing else is said
    "layers": default("hepflow.generation.generator:LAYERS"),
    "hidden": default("hepflow.generation.generator:HIDDEN"),
}
OPTIONS = ("layers", "hidden", "bins", "components")
What = Literal["mass", "relative", "shares", "parts"]
Area = Annotated[float, Field(gt=0.5, lt=1)]
Share = Annotated[float, Field(ge=0, le=10)]
Number = Annotated[int, Field(ge=1, le=10**12)]


class GenerationInputs(Block):
    """The samples of a generation."""

    training: Input = Field(examples=[{}], description="The events to learn from.")
    held_out: Input | None = Field(
        None,
        description="Events of the same kind that nothing learns from, by which the generated ones are judged; left "
        "out, a share of the training's.",
    )
    signal: Input | None = Field(None, description="A signal sample, for `limits`.")

    @model_validator(mode="after")
    def _weights_are_those_of_the_files(self) -> GenerationInputs:
        for key, entry in self.given.items():
            if entry.variations:
                raise problem(key, "variations are of the signal of a search; leave them out")
            if any(one.cross_section is not None for _, one in entry.each()):
                raise problem(
                    key, "a cross_section needs a luminosity, which no generation has; give samples a `scale`"
                )
        return self

    @property
    def given(self) -> dict[str, Input]:
        """The samples that are there, by name."""
        return {name: value for name, value in self if isinstance(value, Input)}


class Preprocessing(Block):
    """What is done to columns before flows see them; the rest is the same for all."""

    discrete: tuple[str, ...] = Field(
        (), description="Columns of evenly spaced values, such as a number of jets."
    )
    logarithm: tuple[str, ...] = Field((), description="Columns with long tails, such as masses.")
    periodic: tuple[str, ...] | dict[str, Annotated[float, Field(gt=0)]] = Field(
        (), description="Angles, of the period 2 pi, or `{NAME: PERIOD}`."
    )
    across: tuple[dict[What, tuple[str, ...]], ...] = Field(
        (),
        description="What is done across columns, in this order: `{mass: [pt1, eta1, phi1, pt2, eta2, phi2]}` puts a "
        "mass in the place of pt1, `{relative: [phi2, phi1]}` a difference in that of the first, `{shares: [...]}` "
        "makes log-ratios of shares, `{parts: [...]}` a total and log-ratios of amounts.",
    )
    ranks: Literal["smooth", "quantiles", "all"] = Field(
        "smooth",
        description="How columns are made normal: by quantiles with a smooth slope, by quantiles, or by the rank of "
        "every event (arXiv:2310.08994).",
    )

    @property
    def mixed(self) -> tuple[str, ...]:
        """The columns that something is done across."""
        return tuple(name for one in self.across for names in one.values() for name in names)


class Model(Block):
    """The flows that learn the events, as many replicas of one architecture."""

    architecture: Architecture = Field(
        "spline_autoregressive",
        examples=["spline_autoregressive"],
        description="Kind of flow, of those in `hepflow.flows`.",
    )
    layers: int | None = Field(
        None,
        ge=1,
        le=4096,
        description=f"Layers; left out, {OWN_SPLINE['layers']} of splines in a row, else the "
        "architecture's own number.",
    )
    hidden: int | None = Field(
        None,
        ge=1,
        le=4096,
        description=f"Width of the hidden layers; left out, {OWN_SPLINE['hidden']} of splines "
        "in a row, else the architecture's own.",
    )
    bins: int | None = Field(
        None, ge=2, le=4096, description="Bins of each spline; left out, the architecture's own number."
    )
    components: int | None = Field(
        None, ge=1, le=4096, description="Gaussians of a mixture; left out, the architecture's own number."
    )
    epochs: int = Field(
        default("hepflow.generation.generator:EPOCHS"),
        ge=1,
        le=1_000_000,
        description="Passes over the events.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="Events in a training step; left out, a fortieth of the events, from 64 to 512.",
    )
    learning_rate: float = Field(
        default("hepflow.generation.generator:LEARNING_RATE"),
        gt=0,
        le=1,
        description="Peak learning rate.",
    )
    replicas: int = Field(
        default("hepflow.generation.generator:REPLICAS"),
        ge=3,
        le=1000,
        examples=[16],
        description="Flows: their spread is the error that the training leaves.",
    )
    posterior: Posterior = Field(
        default("hepflow.flows.conditional:ConditionalDensity.posterior"),
        description="What the replicas are draws of: `bootstrap` (trainings of other seeds on rows drawn with "
        "replacement), `ensemble` (of other seeds), `bayesian` (a distribution for each weight, arXiv:2104.04543) or "
        "`laplace` (one around trained weights); the last two train four flows whatever the replicas.",
    )
    bias: Architecture | None = Field(
        None,
        description="A second architecture, trained alike: its difference in a histogram is one more error.",
    )

    @model_validator(mode="after")
    def _architecture_has_the_options(self) -> Model:
        for key, value in self.options.items():
            where = f"hepflow.flows.architectures:{self.architecture}"
            try:
                default(f"{where}.{key}")
            except LookupError:
                raise problem(key, f"{self.architecture} has none; leave out {value:g}") from None
        if self.bias == self.architecture:
            raise problem("bias", f"{self.bias!r} is the architecture itself; name another")
        if self.posterior in ("bayesian", "laplace") and "flow_matching" in (self.architecture, self.bias):
            raise problem(
                "posterior",
                f"{self.posterior!r} needs a likelihood in the loss, which flow_matching has not; expected bootstrap "
                "or ensemble",
            )
        return self

    @property
    def options(self) -> dict[str, int]:
        """What is asked of the architecture."""
        own = OWN_SPLINE if self.architecture == "spline_autoregressive" else {}
        given = {key: getattr(self, key) for key in OPTIONS}
        return own | {key: value for key, value in given.items() if value is not None}


class Output(Block):
    """The generated events as a file."""

    events: int = Field(100_000, ge=1, le=10**10, examples=[100_000], description="How many.")
    format: Literal["parquet", "h5", "root", "csv"] = Field(
        "parquet", examples=["parquet"], description="Kind of file; each row has the replica that made it."
    )


class Judged(Block):
    """How the generated events are held against those that were held out."""

    derived: tuple[Feature, ...] = Field(
        (),
        description="Quantities computed of columns, such as a mass: what is right in each column may be wrong in "
        "them. Blocks `{name: ..., expression: ..., label: ..., unit: ...}`.",
    )
    planted: tuple[Area, ...] = Field(
        default("hepflow.twosample.power:BEST"),
        min_length=1,
        description="Areas under the ROC curve of the best classifiers of differences that are planted, to see what "
        "a test would find.",
    )
    replicas: int = Field(
        default("hepflow.generation.judgement:judge.replicas"),
        ge=19,
        le=100_000,
        description="Replicas of the two-sample tests.",
    )

    @field_validator("derived")
    @classmethod
    def _each_once(cls, value: tuple[Feature, ...]) -> tuple[Feature, ...]:
        each_once(tuple(one.name for one in value))
        return value


class EventLimits(Block):
    """Expected limits on a signal against the number of generated background events."""

    observable: str = Field(
        examples=["m_bb"],
        description=f"What is counted in bins: a column, a derived quantity, or `{SCORE}` for a classifier of signal "
        "against held-out events.",
    )
    bins: int = Field(25, ge=2, le=10_000, description="Bins, of equal width.")
    range: tuple[float, float] | None = Field(
        None,
        description="From where to where they are; left out, over all but a thousandth of the events on either side. "
        "What lies beyond is counted in the outer bins.",
    )
    background: float = Field(100_000.0, gt=0, description="Background events that are expected in the data.")
    signal_to_background: float = Field(
        0.05, gt=0, le=100, description="Signal at strength one over that background."
    )
    uncertainties: tuple[Share, ...] = Field(
        (0.05, 0.1, 0.2),
        min_length=1,
        description="Relative errors of the background's yield: a limit for each.",
    )
    events: tuple[Number, ...] = Field(
        (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000),
        min_length=1,
        description="Numbers of generated events, increasing.",
    )

    @model_validator(mode="after")
    def _numbers_increase(self) -> EventLimits:
        if any(low >= high for low, high in zip(self.events, self.events[1:], strict=False)):
            raise problem("events", f"{list(self.events)}: expected increasing numbers")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise problem(
                "range", f"[{self.range[0]:g}, {self.range[1]:g}]: expected [low, high] with low < high"
            )
        return self


class Generation(TaskBlock):
    """Events from flows, `task: generate`."""

    name: str = Field(
        "generation",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["generation"],
        description="Name of the generation: letters, digits, `.`, `_` and `-`.",
    )
    task: Literal["generate"] = Field(
        "generate", examples=["generate"], description="What makes this file one of a generation."
    )
    inputs: GenerationInputs = Field(examples=[{}], description="The samples.")
    columns: Features = Field(
        min_length=1,
        examples=[["pt", "m"]],
        description="What is generated: columns of files of format `table` or `hepflow`, features of jets, or blocks "
        "`{name: ..., expression: ..., label: ..., unit: ...}`.",
    )
    given: tuple[str, ...] = Field(
        (),
        description="Of the columns, the conditions of the others; these are drawn from the training's events.",
    )
    held_out: Fraction = Field(
        0.5,
        description="Share of the training's events that is held out, where there are no `inputs.held_out`.",
    )
    preprocessing: Preprocessing = Field(Preprocessing(), description="What is done to columns before.")
    model: Model = Field(Model(), examples=[{}], description="The flows.")
    output: Output = Field(Output(), examples=[{}], description="The generated events.")
    judgement: Judged = Field(Judged(), description="How they are judged.")
    limits: EventLimits | None = Field(
        None, description="Limits against the number of generated events; these need `inputs.signal`."
    )
    tune: GenerationTune = Field(GenerationTune(), examples=[{}], description="What `hepflow tune` searches.")
    figures: Figures = Field(Figures(), description="What stands above the figures.")
    executor: Executor = Field(Local(), description="Where the steps run; results do not depend on it.")

    @field_validator("columns")
    @classmethod
    def _each_column_once(cls, value: Features) -> Features:
        each_once(tuple(one if isinstance(one, str) else one.name for one in value))
        return value

    @model_validator(mode="after")
    def _names_are_columns(self) -> Self:
        learned = tuple(name for name in self.names if name not in self.given)
        for key, names, there in (
            ("given", self.given, self.names),
            ("preprocessing.discrete", self.preprocessing.discrete, learned),
            ("preprocessing.logarithm", self.preprocessing.logarithm, learned),
            ("preprocessing.periodic", tuple(self.preprocessing.periodic), learned),
            ("preprocessing.across", self.preprocessing.mixed, learned),
        ):
            for name in names:
                if name not in there:
                    raise problem(key, f"no column {name!r}; {did_you_mean(name, there)}")
        if not learned:
            raise problem("given", "all columns are conditions; leave one to learn")
        for one in self.judgement.derived:
            if one.name in self.names:
                raise problem("judgement.derived", f"{one.name!r} is a column; name it otherwise")
        return self

    @model_validator(mode="after")
    def _limits_have_a_signal(self) -> Self:
        if self.limits is None:
            return self
        if self.inputs.signal is None:
            raise problem("limits", "needs a signal sample; give `inputs.signal`, or leave this out")
        known = (*self.names, *(one.name for one in self.judgement.derived), SCORE)
        if self.limits.observable not in known:
            name = self.limits.observable
            raise problem("limits.observable", f"no column {name!r}; {did_you_mean(name, known)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(one if isinstance(one, str) else one.name for one in self.columns)

    @property
    def asked(self) -> list[str | Quantity]:
        """The columns, as `hepflow.events_of` takes them."""
        return asked(self.columns, None)[0]

    @property
    def derived(self) -> tuple[Quantity, ...]:
        """The quantities that are computed of columns."""
        return tuple(one.quantity for one in self.judgement.derived)

    @property
    def blind(self) -> bool:
        """Nothing is hidden: there are no data."""
        return False

    @property
    def runs_on(self) -> Chosen:
        """Where the steps run, as the engine has it."""
        return runs_on(self.executor)

    def skipping_bad_files(self) -> Self:
        """Return the same generation, in which damaged files are left out."""
        skip = {
            name: one.model_copy(update={"skip_bad_files": True}) for name, one in self.inputs.given.items()
        }
        return self.model_copy(update={"inputs": self.inputs.model_copy(update=skip)})
