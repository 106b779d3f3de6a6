"""The schema of executors: where the steps of an analysis run. Results do not depend on it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from hepflow.config.blocks import Block
from hepflow.config.choice import OR_ITS_NAME, named
from hepflow.engine import executors


class Local(Block):
    """One step after another, in this process."""

    name: Literal["local"] = Field(
        "local", examples=["local"], description="Where steps run: local, processes or dask."
    )


class Several(Block):
    """What all that run several steps at once have in common."""

    workers: int | None = Field(
        executors.Processes.workers,
        ge=1,
        le=10_000,
        description="Processes, or jobs of a batch farm; left out, as many as fit.",
    )
    threads: int = Field(
        executors.Processes.threads,
        ge=1,
        le=1024,
        description="Threads of each; results are the same to the bit for any number of workers, but not of threads.",
    )


class Processes(Several):
    """Processes of this machine."""

    name: Literal["processes"] = Field("processes", description="Where steps run.")


class Dask(Several):
    """Workers of a Dask cluster, which see the same files as this machine."""

    name: Literal["dask"] = Field("dask", description="Where steps run.")
    scheduler: str | None = Field(
        executors.Dask.scheduler,
        description="Address of a running scheduler, such as `tcp://host:8786`; left out, a cluster is made.",
    )
    cluster: Literal["local", "slurm", "htcondor", "lsf", "pbs"] = Field(
        executors.Dask.cluster,
        description="The cluster that is made: on this machine, or of jobs of a batch farm.",
    )
    memory: str = Field(
        executors.Dask.memory, description="Memory of each worker, which is restarted where it takes more."
    )
    options: dict[str, Any] = Field(
        {}, description="Passed on to the cluster, such as `queue` and `walltime` to dask-jobqueue."
    )
    timeout: float = Field(
        executors.Dask.timeout,
        gt=0,
        json_schema_extra={"unit": "s"},
        description="How long to wait for the first worker.",
    )


def _name_of(block: Any) -> Any:
    """Return the name of a block; one with workers and no name means processes, as does `--workers` alone."""
    return named("processes" if isinstance(block, dict) and "workers" in block else "local")(block)


Executor = Annotated[
    Annotated[Local, Tag("local")] | Annotated[Processes, Tag("processes")] | Annotated[Dask, Tag("dask")],
    Discriminator(_name_of),
    OR_ITS_NAME,
]


def runs_on(block: Local | Several) -> executors.Chosen:
    """Return where steps run, as the engine has it."""
    kind: dict[str, type[executors.Chosen]] = {
        "local": executors.Local,
        "processes": executors.Processes,
        "dask": executors.Dask,
    }
    settings = block.model_dump()
    return kind[settings.pop("name")](**settings)
