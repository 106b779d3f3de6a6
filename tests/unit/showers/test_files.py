"""Files of the CaloChallenge: what is written is read, in MeV, and bad ones are refused by name."""

import h5py
import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.showers import Showers, read_showers, toy_detector, write_showers

GEOMETRY = toy_detector().geometry


def kept(path, **datasets):
    given = {"incident_energies": np.full((5, 1), 2000.0), "showers": np.full((5, 27), 10.0), **datasets}
    with h5py.File(path, "w") as file:
        for name, values in given.items():
            if values is not None:
                file[name] = values
    return path


def test_files_are_in_mev_and_showers_in_gev(tmp_path):
    read = read_showers(kept(tmp_path / "showers.h5"), GEOMETRY)
    np.testing.assert_allclose(read.energy, 2.0)
    np.testing.assert_allclose(read.voxels, 0.01)
    assert len(read_showers(tmp_path / "showers.h5", GEOMETRY, most=3)) == 3


def test_what_is_written_piece_by_piece_is_read_again(tmp_path, showers):
    pieces = (showers.select(slice(first, first + 400)) for first in range(0, 1500, 400))
    assert write_showers(pieces, tmp_path / "made.h5") == 1500
    with h5py.File(tmp_path / "made.h5") as file:
        assert file["incident_energies"].shape == (1500, 1)
        np.testing.assert_allclose(file["showers"][:], 1000 * showers.voxels)
    again = read_showers(tmp_path / "made.h5", showers.geometry)
    np.testing.assert_allclose(again.voxels, showers.voxels)
    np.testing.assert_allclose(again.energy, showers.energy)
    np.testing.assert_allclose(Showers.concat([again, again]).energy[1500:], showers.energy)


BAD = np.full((5, 27), 10.0)


def changed(value):
    bad = BAD.copy()
    bad[3, 7] = value
    return bad


@pytest.mark.parametrize(
    ("datasets", "said"),
    [
        ({"showers": changed(-1.0)}, "below zero in 1 of 5 showers, first in shower 3, voxel 7"),
        ({"showers": changed(np.nan)}, "NaN or infinite in 1 of 5 showers, first in shower 3, voxel 7"),
        ({"showers": BAD[:, :20]}, r"shape \(5, 20\); expected \(N, 27\), the voxels of photon in 3 layers"),
        ({"showers": BAD[:4]}, r"'incident_energies' of shape \(5, 1\) beside 4 showers"),
        ({"showers": None}, r"no dataset 'showers'; known: 'incident_energies'"),
        ({"showers": BAD.astype("S3")}, "dataset 'showers' of .*S3; expected numbers"),
        ({"incident_energies": np.array([[1.0], [0.0], [1.0], [1.0], [1.0]])}, "1 of 5 incident energies are zero"),
        ({"incident_energies": np.full((5, 1), np.inf)}, "first that of shower 0: inf GeV"),
        ({"incident_energies": np.zeros((0, 1)), "showers": np.zeros((0, 27))}, "there is none"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name(tmp_path, datasets, said):
    with pytest.raises(InputError, match=said) as caught:
        read_showers(kept(tmp_path / "bad.h5", **datasets), GEOMETRY)
    assert "bad.h5" in str(caught.value)


def test_a_truncated_file_is_refused(tmp_path, showers):
    write_showers(showers, tmp_path / "whole.h5")
    raw = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"cut\.h5: cannot be read as HDF5 .*truncated"):
        read_showers(tmp_path / "cut.h5", showers.geometry)
    with pytest.raises(InputError, match=r"none\.h5: no such file"):
        read_showers(tmp_path / "none.h5", showers.geometry)


def test_nothing_is_written_of_nothing(tmp_path):
    with pytest.raises(InputError, match="no showers to write"):
        write_showers([], tmp_path / "made.h5")
    assert not list(tmp_path.iterdir())


def test_showers_of_another_geometry_are_refused(showers):
    with pytest.raises(ConfigError, match="is it another geometry"):
        Showers(showers.energy, showers.voxels[:, :-1], showers.geometry)
