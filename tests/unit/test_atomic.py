"""Files written whole or not at all."""

import errno

import pytest
from safetensors import SafetensorError

from hepflow.atomic import atomic_write, write_text
from hepflow.errors import InputError


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_atomic_write_replaces_whole(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic_write(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupt_leaves_nothing(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(error), atomic_write(target) as temporary:
        raise error(temporary.write_text("half"))
    assert target.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "no space left on device; make room, and give the same",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk quota exceeded; make room"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only file system; write elsewhere"),
        (
            SafetensorError("I/O error: No space left on device (os error 28)"),
            "no space left on device; make room",
        ),
    ],
)
def test_a_disk_that_is_full_is_said_in_words_whatever_library_met_it(error, said, tmp_path):
    with (
        pytest.raises(InputError, match=rf"a\.h5: cannot be written: {said}"),
        atomic_write(tmp_path / "a.h5"),
    ):
        raise error
    assert not list(tmp_path.iterdir())


def test_atomic_write_goes_through_links_and_keeps_usual_permissions(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    write_text(tmp_path / "link.txt", "x")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "x"
    (tmp_path / "plain").touch()
    assert (tmp_path / "real" / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder '.*nowhere'; create it first"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")
    with pytest.raises(InputError, match="it is a folder; name a file in it"):
        write_text(tmp_path, "x")
