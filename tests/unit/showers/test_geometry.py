"""Geometry: binning files of the CaloChallenge, read, written and refused."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.showers import Geometry, Layer, photon_detector, read_geometry, toy_detector, write_geometry
from hepflow.showers.geometry import check_same

PLAIN = """<Bins>
  <Bin pid="22" etaMin="0" etaMax="130" name="photon">
    <Layer id="0" r_edges="0,5,20" n_bin_alpha="4" />
    <Layer id="1" r_edges="0" n_bin_alpha="1" />
    <Layer id="2" r_edges="0,9,30,40" n_bin_alpha="1"/>
  </Bin>
</Bins>
"""


def written(tmp_path, text):
    path = tmp_path / "binning.xml"
    path.write_text(text)
    return path


def test_a_file_of_the_challenge_is_read(tmp_path, geometry):
    assert read_geometry(written(tmp_path, PLAIN)) == geometry
    assert geometry.voxels == 11
    assert geometry.slices == (slice(0, 8), slice(8, 11))


def test_voxels_stand_in_the_order_of_the_challenge(geometry):
    """Within a layer sector by sector, within a sector from inside out; sectors begin at -pi."""
    np.testing.assert_allclose(geometry.r, [2.5, 12.5] * 4 + [4.5, 19.5, 35.0])
    np.testing.assert_allclose(geometry.alpha[:4], np.array([-0.75, -0.75, -0.25, -0.25]) * np.pi)
    np.testing.assert_allclose(geometry.alpha[8:], 0.0)
    np.testing.assert_allclose(geometry.eta[1], 12.5 * np.cos(-0.75 * np.pi))
    np.testing.assert_allclose(geometry.phi[1], 12.5 * np.sin(-0.75 * np.pi))


@pytest.mark.parametrize(
    "made", [toy_detector().geometry, photon_detector().geometry], ids=["toy", "photons"]
)
def test_what_is_written_is_read_again(tmp_path, made):
    write_geometry(made, tmp_path / "made.xml")
    assert read_geometry(tmp_path / "made.xml") == made
    assert Geometry.of(made.plain()) == made


def test_the_detectors_have_the_voxels_that_they_say():
    assert toy_detector().geometry.voxels == 27
    assert [(one.number, one.voxels) for one in photon_detector().geometry.filled] == [
        (0, 8), (1, 160), (2, 190), (3, 5), (12, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0,5,20", "0,5,5", r"layer 0: r_edges 0,5,5; expected increasing numbers"),
        ("0,5,20", "0,5,nan", r"layer 0: r_edges"),
        ("0,5,20", "0,5;20", r"line 3: could not convert .*'5;20'"),
        ('n_bin_alpha="4"', 'n_bin_alpha="0"', "layer 0: n_bin_alpha is 0; expected at least 1"),
        ('n_bin_alpha="4"', "", "line 3: a Layer without n_bin_alpha"),
        ('id="2"', 'id="0"', "layer 0 is there 2 times"),
        ("<Bins>", '<!DOCTYPE b [<!ENTITY a "b">]><Bins>', "line 1: a document type"),
        ("</Bins>", "", "cannot be read as XML"),
        ("Bin ", "Bun ", "a Layer outside of a Bin"),
    ],
)
def test_bad_files_are_refused_by_name_and_line(tmp_path, old, new, said):
    with pytest.raises(InputError, match=said) as caught:
        read_geometry(written(tmp_path, PLAIN.replace(old, new)))
    assert "binning.xml" in str(caught.value)


def test_a_geometry_without_any_voxel_is_refused():
    with pytest.raises(InputError, match="a geometry of 0 voxels in 1 layers"):
        Geometry("photon", (Layer(0, (0.0,), 1),))


def test_a_particle_is_found_by_its_name(tmp_path):
    two = PLAIN.replace(
        "</Bins>", '<Bin name="pion"><Layer id="0" r_edges="0,1" n_bin_alpha="1"/></Bin></Bins>'
    )
    path = written(tmp_path, two)
    assert read_geometry(path, "pion").voxels == 1
    with pytest.raises(InputError, match="no particle was asked for; known: 'photon', 'pion'"):
        read_geometry(path)
    with pytest.raises(InputError, match=r"no voxels of 'pions'; did you mean 'pion'\?"):
        read_geometry(path, "pions")


def test_another_geometry_is_named(geometry):
    other = Geometry("photon", (Layer(0, (0.0, 5.0, 21.0), 4), geometry.layers[2]))
    with pytest.raises(ConfigError, match=r"layer 0 with 4 sectors and rings at 0,5,21; expected .* 0,5,20"):
        check_same(geometry, other, "showers")
    with pytest.raises(ConfigError, match="of 1 layers; expected 2 layers with 11 voxels"):
        check_same(geometry, Geometry("photon", geometry.layers[:1]), "showers")
