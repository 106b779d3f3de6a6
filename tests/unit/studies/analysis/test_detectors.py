"""Detectors in the configuration: by name or with settings, and only with features that they can learn from."""

import pytest

from hepflow.catalogue import DETECTORS, METHODS, method_title, papers_of
from hepflow.errors import ConfigError
from hepflow.results import Results
from hepflow.storage import save_sample
from hepflow.studies.analysis.build import build_method
from hepflow.studies.analysis.steps import method_class
from hepflow.studies.search.study import STUDY
from hepflow.studies.search.text import text


@pytest.mark.parametrize("name", DETECTORS)
def test_each_is_built(name, configure):
    for given in (name, f"{{name: {name}}}"):
        config = configure(f"method={{name: outlier, detector: {given}}}")
        detector = build_method(config).detector
        assert f"{type(detector).__module__}:{type(detector).__name__}" == DETECTORS[name].where
        assert method_class(config.method) == {
            "method": METHODS["outlier"].where,
            "detector": DETECTORS[name].where,
        }


def test_settings_reach_the_detector(configure):
    config = configure(
        "method={name: outlier, detector: {name: vae, bottleneck: 1, hidden: [7], epochs: 3, beta: 2}}"
    )
    detector = build_method(config).detector
    assert (detector.bottleneck, detector.hidden, detector.plan.epochs, detector.beta) == (1, (7,), 3, 2)
    config = configure("method={name: outlier, detector: {name: flow, coordinates: uniform, ensemble: 3}}")
    detector = build_method(config).detector
    assert (detector.coordinates, detector.density.members) == ("uniform", 3)


def test_variants_stand_side_by_side(configure):
    config = configure(
        "compare.methods=[outlier, {name: outlier, detector: vae}, {name: outlier, detector: flow}]"
    )
    names = [method.variant_name for method in config.compare.methods]
    assert names == ["outlier", "outlier-vae", "outlier-flow"]
    assert [method_title(name) for name in names] == [
        "outliers, isolation forest",
        "outliers, variational autoencoder",
        "outliers, flow density",
    ]
    assert papers_of("outlier-vae") == ["atlas_unsupervised", "variational_autoencoder"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method={name: outlier, detector: lof}"], "method.detector"),
        (
            ["method={name: outlier, detector: {name: autoencoder, bottleneck: 3}}"],
            "bottleneck.*3 for 2 features",
        ),
        (["method={name: outlier, detector: vae}", "features=[m_J1]"], "'vae' has one feature to look at"),
        (["method={name: outlier, detector: {name: flow, coordinates: ranks}}"], "coordinates"),
        (
            ["compare.methods=[cwola, {name: outlier, detector: {name: vae, bottleneck: 5}}]"],
            "5 for 2 features",
        ),
    ],
)
def test_bad_settings(overrides, message, configure):
    with pytest.raises(ConfigError, match=message):
        configure(*overrides)


FOREST = "method={name: outlier, width: 400, detector: {name: isolation-forest, trees: 10}}"


@pytest.fixture(scope="module")
def medium(inputs, toy):
    save_sample(toy.background(14_000, seed=8), inputs / "medium_outliers.h5")
    return "medium_outliers.h5"


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("background", ["dijet", "template"])
def test_a_search_names_its_coordinates(background, configure, medium, tmp_path):
    """And the correlation with the mass; where the template is the background, it says what that supposes."""
    more = ("regions.validation=0", "selection.background_efficiency=[0.1]", f"fit.background={background}")
    STUDY.run(configure(FOREST, *more, data=medium), tmp_path, until="fit")
    found = Results.from_json(tmp_path / "results.json")
    assert found.score.what == "isolation forest"
    assert found.score.coordinates == "the features as they are, in their units (m_J1, tau21)"
    assert -0.3 < found.score.mass_correlation < 0.3
    assert 0.005 < found.score.mass_correlation_error < 0.02
    assert "outliers by isolation forest in the features" in text(found)
    warned = [one for one in found.warnings if one.startswith("fit.background: template, but the score of")]
    assert len(warned) == (background == "template")
