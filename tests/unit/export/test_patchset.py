"""A patchset gives every workspace back, and pyhf verifies it."""

import json
from copy import deepcopy

import pyhf
import pytest
from click.testing import CliRunner
from pyhf.cli import cli as pyhf_command

from hepflow import ConfigError, InputError
from hepflow.export import signal_patches
from hepflow.stats import workspace

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # pyhf 0.7 validates with old jsonschema


def test_every_patched_workspace_is_the_original(points):
    made = signal_patches(points)
    patchset = pyhf.PatchSet(made.patchset)
    patchset.verify(made.background_only)
    assert len(patchset) == 3
    for mass, spec in points:
        assert patchset[(mass,)].apply(made.background_only) == spec


def test_the_background_has_no_signal_and_is_a_workspace_of_its_own(points):
    background = signal_patches(points).background_only
    assert [[one["name"] for one in channel["samples"]] for channel in background["channels"]] == 2 * [
        ["background"]
    ]
    model = pyhf.Workspace(background).model(poi_name=None)
    assert "mu" not in model.config.parameters
    expected = model.expected_actualdata(model.config.suggested_init())
    assert expected[-4:] == pytest.approx(points[0][1]["channels"][0]["samples"][0]["data"])


def test_names_and_digest(points, spectrum, signal_at):
    made = signal_patches(points, hepdata="ins1234567", description="limits")
    about = made.patchset["metadata"]
    assert about["references"] == {"hepdata": "ins1234567"}
    assert (about["labels"], about["description"]) == (["mass"], "limits")
    names = [patch["metadata"]["name"] for patch in made.patchset["patches"]]
    assert names == ["mass_3400", "mass_3500", "mass_3600p5"]
    spectrum.observed[0] += 1
    other = signal_patches([(3500, workspace(spectrum, signal_at(3500)))])
    with pytest.raises(pyhf.exceptions.PatchSetVerificationError):
        pyhf.PatchSet(made.patchset).verify(other.background_only)


def test_signal_first_and_between_comes_back_in_its_place(points):
    """The order of samples and parameters belongs to a workspace."""
    turned = []
    for mass, spec in points:
        spec = deepcopy(spec)
        for channel in spec["channels"]:
            signal = channel["samples"].pop()
            second = {"name": "second signal", "data": signal["data"], "modifiers": signal["modifiers"][:1]}
            channel["samples"] = [signal, *channel["samples"], second]
        spec["measurements"][0]["config"]["parameters"].reverse()
        turned.append((mass, spec))
    made = signal_patches(turned)
    for mass, spec in turned:
        assert pyhf.PatchSet(made.patchset)[(mass,)].apply(made.background_only) == spec


def test_the_commands_of_pyhf_take_the_files(points, tmp_path):
    background, patchset = map(str, signal_patches(points).write(tmp_path / "new" / "likelihoods"))
    verified = CliRunner().invoke(pyhf_command, ["patchset", "verify", background, patchset])
    assert (verified.exit_code, verified.output) == (0, "All good.\n")
    applied = CliRunner().invoke(
        pyhf_command, ["patchset", "apply", background, patchset, "--name", "mass_3500"]
    )
    assert json.loads(applied.output) == points[1][1]


@pytest.mark.parametrize("hepdata", ["", "1234567", "ins123", "ins1234567x"])
def test_refuses_another_kind_of_record(points, hepdata):
    with pytest.raises(ConfigError, match="seven digits"):
        signal_patches(points, hepdata=hepdata)


def test_refuses_masses_that_are_none(points):
    spec = points[0][1]
    for masses in ([3500, 3500], [-1], [float("nan")], [0.0]):
        with pytest.raises(ConfigError, match=r"finite number above zero that appears once"):
            signal_patches([(mass, spec) for mass in masses])
    with pytest.raises(ConfigError, match="at least one mass"):
        signal_patches([])


def test_names_the_channel_in_which_backgrounds_differ(points):
    spec = deepcopy(points[1][1])
    spec["channels"][1]["samples"][0]["data"][0] += 1
    with pytest.raises(InputError, match=r"3400 and 3500 GeV differ in channel 'sidebands'"):
        signal_patches([points[0], (3500, spec)])
    spec = deepcopy(points[1][1])
    spec["observations"][0]["data"][0] += 1
    with pytest.raises(InputError, match=r"differ in observation 'signal_region'"):
        signal_patches([points[0], (3500, spec)])
    spec = deepcopy(points[1][1])
    spec["measurements"][0]["name"] = "another"
    with pytest.raises(InputError, match=r"differ in the names of their measurements"):
        signal_patches([points[0], (3500, spec)])


def test_refuses_what_is_no_search(points):
    with pytest.raises(InputError, match="not a workspace"):
        signal_patches([(3500, {"channels": []})])
    spec = deepcopy(points[0][1])
    spec["measurements"][0]["config"]["poi"] = ""
    with pytest.raises(InputError, match=r"3500 GeV names no parameter of interest .* holds no signal"):
        signal_patches([(3500, spec)])


def test_refuses_a_folder_that_is_a_file(points, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="taken"):
        signal_patches(points).write(tmp_path / "taken")
