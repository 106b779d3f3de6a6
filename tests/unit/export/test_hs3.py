"""An HS3 document holds the likelihood of the workspace it was made of."""

import json

import numpy as np
import pytest

from hepflow import ConfigError, InputError
from hepflow.export import hs3, write_hs3
from hepflow.stats import open_workspace

EVERY_MODIFIER = {
    "channels": [
        {
            "name": name,
            "samples": [
                {
                    "name": "signal",
                    "data": [5.0, 0.0],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "lumi", "type": "lumi", "data": None},
                        {"name": "scale", "type": "normsys", "data": {"hi": 1.1, "lo": 0.85}},
                    ],
                },
                {
                    "name": "background",
                    "data": [50.0, 60.0],
                    "modifiers": [
                        {
                            "name": "shape",
                            "type": "histosys",
                            "data": {"hi_data": [55.0, 61.0], "lo_data": [48.0, 57.0]},
                        },
                        {"name": "scale", "type": "normsys", "data": {"hi": 1.05, "lo": 0.9}},
                        {"name": f"template_{name}", "type": "shapesys", "data": [5.0, 0.0]},
                        {"name": f"staterror_{name}", "type": "staterror", "data": [3.0, 4.0]},
                    ],
                },
                {
                    "name": "other",
                    "data": [10.0, 12.0],
                    "modifiers": [
                        {"name": "free", "type": "shapefactor", "data": None},
                        {"name": f"staterror_{name}", "type": "staterror", "data": [1.0, 0.0]},
                    ],
                },
            ],
        }
        for name in ("here", "there")
    ],
    "observations": [{"name": "here", "data": [66.0, 70.0]}, {"name": "there", "data": [61.0, 73.0]}],
    "measurements": [
        {
            "name": "search",
            "config": {
                "poi": "mu",
                "parameters": [
                    {
                        "name": "lumi",
                        "auxdata": [1.0],
                        "sigmas": [0.02],
                        "inits": [1.0],
                        "bounds": [[0.5, 1.5]],
                    }
                ],
            },
        }
    ],
    "version": "1.0.0",
}


def values_of(document):
    """Return the starting values of an HS3 document by name."""
    return {one["name"]: one["value"] for one in document["parameter_points"][0]["parameters"]}


def distribution(document, name):
    return next(one for one in document["distributions"] if one["name"] == name)


def test_constraints_are_those_of_the_workspace():
    document = hs3(EVERY_MODIFIER)
    gamma = distribution(document, "template_here_0_constraint")
    assert (gamma["type"], gamma["x"]) == ("poisson_dist", pytest.approx((50 / 5) ** 2))
    (function,) = [one for one in document["functions"] if one["name"] == gamma["mean"]]
    assert function["factors"] == ["template_here_0", pytest.approx(100.0)]
    lumi = distribution(document, "lumi_constraint")
    assert (lumi["type"], lumi["x"], lumi["mean"], lumi["sigma"]) == ("gaussian_dist", 1.0, "lumi", 0.02)
    both = distribution(document, "staterror_there_0_constraint")
    assert (both["x"], both["sigma"]) == (1.0, pytest.approx(np.hypot(3, 1) / 60))
    assert set(document["likelihoods"][0]["aux_distributions"]) == {
        one["name"] for one in document["distributions"] if one["type"] != "histfactory_dist"
    }


def test_parameters_keep_their_place_in_the_fit():
    document = hs3(EVERY_MODIFIER)
    (analysis,) = document["analyses"]
    assert (analysis["name"], analysis["parameters_of_interest"]) == ("search", ["mu"])
    constant = {one["name"] for one in document["parameter_points"][0]["parameters"] if one["const"]}
    assert {"template_here_1", "template_there_1"} <= constant  # shapesys of no size, which pyhf fixes
    assert not {"lumi", "mu", "template_here_0"} & constant
    assert {one["name"] for one in document["domains"][0]["axes"]} == set(values_of(document))
    assert [one["contents"] for one in document["data"]] == [[66.0, 70.0], [61.0, 73.0]]


def test_a_parameter_shared_by_channels_is_one():
    document = hs3(EVERY_MODIFIER)
    modifiers = [
        modifier
        for channel in document["distributions"][:2]
        for sample in channel["samples"]
        for modifier in sample["modifiers"]
    ]
    assert {tuple(one["parameters"]) for one in modifiers if one["name"] == "free"} == {("free_0", "free_1")}
    assert len({tuple(one["parameters"]) for one in modifiers if one["name"].startswith("staterror")}) == 2


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize("which", ["every modifier", "bump hunt"])
def test_pyhs3_gives_the_likelihood_of_pyhf(which, points):
    """Compare log L at random parameters, and its constant, which pyhs3 partly computes in single precision."""
    pyhs3 = pytest.importorskip("pyhs3", reason="needs hepflow[hs3]")
    from pytensor import Mode, function
    from pytensor.graph.traversal import explicit_graph_inputs

    workspace = EVERY_MODIFIER if which == "every modifier" else points[0][1]
    document = json.loads(json.dumps(hs3(workspace)))
    model = pyhs3.Workspace(**document).model(document["analyses"][0]["name"], progress=False)
    inputs = list(explicit_graph_inputs([model.log_prob]))
    log_prob = function(
        inputs, model.log_prob, mode=Mode(linker="py", optimizer=None)
    )  # spares a compilation
    reference, data = open_workspace(workspace)
    names = [name.replace("[", "_").removesuffix("]") for name in reference.config.par_names]
    free = ~np.array(reference.config.suggested_fixed())
    assert {one.name for one in inputs} == set(np.array(names)[free])

    def both(parameters):
        at = dict(zip(names, parameters, strict=True))
        found = log_prob(*[at[one.name] for one in inputs])
        return np.array([np.squeeze(found), reference.logpdf(parameters, data)[0]])

    random = np.random.default_rng(4)
    start = np.array(reference.config.suggested_init())
    assert both(start)[0] == pytest.approx(both(start)[1], abs=1e-5)
    for _ in range(5):
        step = free * random.uniform(-0.2, 0.2, len(start)) * np.maximum(start, 1.0)
        found, expected = both(start + step) - both(start)
        assert found == pytest.approx(expected, abs=1e-8)
        assert abs(expected) > 0.01


def test_the_file_is_the_document(points, tmp_path):
    write_hs3(tmp_path / "hs3.json", points[0][1])
    assert json.loads((tmp_path / "hs3.json").read_text()) == json.loads(json.dumps(hs3(points[0][1])))


def changed(change):
    """Return the workspace of every modifier after a change."""
    spec = json.loads(json.dumps(EVERY_MODIFIER))
    change(spec)
    return spec


def test_refuses_what_hs3_cannot_say():
    def wide(spec):
        spec["measurements"][0]["config"]["parameters"].append({"name": "shape", "auxdata": [0.5]})

    with pytest.raises(ConfigError, match=r"'shape' is constrained to 0.5 \+- 1"):
        hs3(changed(wide))

    def one_staterror(spec):
        for channel in spec["channels"]:
            for sample in channel["samples"][1:]:
                sample["modifiers"][-1]["name"] = "staterror"

    with pytest.raises(
        ConfigError, match="staterror 'staterror' of channel 'here' has parameters of other channels"
    ):
        hs3(changed(one_staterror))

    def no_poi(spec):
        spec["measurements"][0]["config"]["poi"] = ""

    with pytest.raises(ConfigError, match="no parameter of interest"):
        hs3(changed(no_poi))


def test_refuses_two_parameters_of_one_name():
    def double(spec):
        for channel in spec["channels"]:
            channel["samples"][1]["modifiers"].append({"name": "free_0", "type": "normfactor", "data": None})

    with pytest.raises(InputError, match="'free_0'"):
        hs3(changed(double))


def test_refuses_what_is_no_workspace():
    with pytest.raises(InputError, match="not a workspace"):
        hs3({"channels": []})
