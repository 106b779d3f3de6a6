"""A run with simulated background: the method is tried on it, and what it misses is an error of the fit."""

from dataclasses import replace

import pytest

from hepflow.config import Input
from hepflow.selection import non_closure
from hepflow.selection.non_closure import IN_SIMULATION
from hepflow.storage import save_sample
from hepflow.studies.analysis.validation import load_validation
from hepflow.studies.search.study import STUDY

pytestmark = pytest.mark.usefixtures("_quick_closure")


@pytest.fixture
def with_simulation(configure, inputs, toy):
    """Return a function that loads the configuration with so many simulated events."""

    def configured(events):
        save_sample(replace(toy.background(events, seed=7), label=None), inputs / "simulation.h5")
        config = configure()
        simulation = Input(path="simulation.h5", format="hepflow")
        return config.model_copy(
            update={"inputs": config.inputs.model_copy(update={"simulation": simulation})}
        )

    return configured


def test_simulation_is_tried_as_well(with_simulation, tmp_path, forbid, toy):
    config = with_simulation(9000)
    results = STUDY.run(config, tmp_path, until="fit")
    simulated = load_validation(tmp_path / "stages" / "validation" / "simulation")
    assert simulated.windows == toy.windows
    for cut in results.cuts:
        found = non_closure([simulated], cut.background_efficiency, IN_SIMULATION)
        assert (cut.non_closure_simulation, cut.non_closure_simulation_error) == (found.value, found.error)
        assert cut.non_closure is not None
    assert results.inclusive.non_closure_simulation is None
    assert not [line for line in results.warnings if "simulation" in line]

    forbid("features", "background", "scores")
    assert STUDY.run(config, tmp_path, until="fit").cuts == results.cuts


def test_too_little_simulation_is_named_and_not_used(with_simulation, tmp_path):
    results = STUDY.run(with_simulation(2000), tmp_path, until="fit")
    assert [cut.non_closure_simulation for cut in results.cuts] == [None, None]
    (warning,) = (line for line in results.warnings if "simulation" in line)
    assert "give more simulation" in warning
