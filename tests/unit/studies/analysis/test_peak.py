"""A Gaussian peak that the fit takes in place of a signal sample."""

import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.results import cut_name
from hepflow.stats import bump_hunt, gaussian_signal
from hepflow.studies.search.study import STUDY

pytestmark = pytest.mark.usefixtures("_quick_closure")


def test_a_peak_in_place_of_the_signal_sample(folder, configure):
    config = configure("fit.resonance=0.25")
    results = STUDY.run(config, folder, until="fit")
    analysis = Work(STUDY.plan(config, Blinding()), RunFolder(folder, None))
    assert "one event of a Gaussian peak at 3500 GeV, 100 GeV wide" in results.signal_unit
    for found in (results.inclusive, *results.cuts):
        spectrum = analysis.result(f"fit/{cut_name(found.background_efficiency)}").cut.spectrum
        peak = gaussian_signal(spectrum.edges, 3500, 100)
        alone = bump_hunt(spectrum, peak, calculator="asymptotic", toys=config.fit.toys, seed=config.seed)
        assert (found.z, found.mu_up_obs) == (alone.z, alone.mu_up_obs)
        assert found.spectrum.signal == pytest.approx(peak.counts)


def test_a_peak_has_the_errors_of_its_shape(folder, configure):
    config = configure("fit.resonance=0.25", "fit.mass_scale_error=0.02", "fit.resolution_error=0.1")
    STUDY.run(config, folder, until="fit")
    workspace = (folder / "workspaces" / "inclusive.json").read_text("utf-8")
    assert "signal_mass_scale" in workspace
    assert "signal_resolution" in workspace
