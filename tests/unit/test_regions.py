"""Signal region and sidebands."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.regions import Windows, sliding
from hepflow.sample import Sample

WINDOWS = Windows(signal=(3300, 3700), sidebands=[(3700, 5000), (2500, 3300)])


def sample(*masses):
    return Sample(np.array(masses, dtype=float), np.zeros((len(masses), 1)), ("x",))


def test_sidebands_are_sorted_and_the_range_spans_all():
    assert WINDOWS.sidebands == ((2500.0, 3300.0), (3700.0, 5000.0))
    assert WINDOWS.range == (2500.0, 5000.0)
    assert Windows([3300, 3700], [[2500, 3300], [3700, 5000]]) == WINDOWS


def test_windows_are_half_open():
    mass = np.array([2499.9, 2500.0, 3300.0, 3699.9, 3700.0, 5000.0])
    assert WINDOWS.in_signal(mass).tolist() == [False, False, True, True, False, False]
    assert WINDOWS.in_sidebands(mass).tolist() == [False, True, False, False, True, False]


def test_split():
    signal, sidebands = WINDOWS.split(sample(2600, 3400, 4000, 9000))
    assert signal.mass.tolist() == [3400.0]
    assert sidebands.mass.tolist() == [2600.0, 4000.0]


@pytest.mark.parametrize(
    ("masses", "where"),
    [
        ((2600, 4000), "signal region 3300-3700"),
        ((3400, 4000), "sideband 2500-3300"),
        ((), "no event at all"),
    ],
)
def test_split_refuses_an_empty_region(masses, where):
    with pytest.raises(InputError, match=where):
        WINDOWS.split(sample(*masses))


@pytest.mark.parametrize(
    ("signal", "sidebands", "message"),
    [
        ((3700, 3300), [(2500, 3300), (3700, 5000)], r"signal region \[3700, 3300\]: expected \[low, high\]"),
        ((3300, 3700), [(2500, 2500), (3700, 5000)], r"sideband \[2500, 2500\]"),
        ((3300, 3700, 1), [(2500, 3300)], "expected"),
        ((3300, np.inf), [(2500, 3300)], "expected"),
        ((-5, 3700), [(3700, 5000)], "0 <= low < high"),
        ((3300, 3700), [], "no sideband given"),
        ((3300, 3700), [(2500, 3400), (3700, 5000)], "regions overlap: 2500-3400 GeV and 3300-3700 GeV"),
        ((3300, 3700), [(2500, 2900), (2900, 3300)], "one side of the signal region"),
        ((3300, 3700), [(3700, 4000)], "give one below and one above"),
    ],
)
def test_impossible_windows(signal, sidebands, message):
    with pytest.raises(ConfigError, match=message):
        Windows(signal, sidebands)


@pytest.mark.parametrize("width", [50, 33, 7, 10_000])
def test_edges_hold_every_border(width):
    edges = WINDOWS.edges(width)
    assert (edges[0], edges[-1]) == WINDOWS.range
    assert {2500.0, 3300.0, 3700.0, 5000.0} <= set(edges)
    assert (np.diff(edges) > 0).all()
    assert np.diff(edges).max() <= 1.5 * width


def test_edges_across_gaps():
    gapped = Windows((3300, 3700), [(2500, 3100), (3900, 5000)])
    assert {2500.0, 3100.0, 3300.0, 3700.0, 3900.0, 5000.0} <= set(gapped.edges(100))


@pytest.mark.parametrize(
    ("width", "signal"), [(None, (3100, 3900)), (100, (3200, 3800)), (750, (2550, 4450))]
)
def test_validation_bands(width, signal):
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)]).validation(width)
    assert windows.signal == signal
    assert windows.sidebands == ((2500, signal[0]), (signal[1], 5000))


def test_validation_bands_leave_half_of_a_narrow_sideband_and_all_others():
    windows = Windows((3300, 3700), [(2000, 2500), (3000, 3200), (3700, 5000)]).validation()
    assert windows == Windows((3100, 3900), [(2000, 2500), (3000, 3100), (3900, 5000)])


def test_validation_bands_leave_sidebands_as_wide_as_what_lies_between_them():
    narrow = Windows((3300, 3700), [(2900, 3300), (3700, 4100)])
    assert narrow.validation() == Windows((3200, 3800), [(2900, 3200), (3800, 4100)])
    narrow.validation().check_sidebands()


def test_a_signal_region_wider_than_the_sidebands():
    wide = Windows((3000, 4000), [(2500, 3000), (4000, 4400)])
    for refused in (wide.check_sidebands, wide.validation):
        with pytest.raises(
            ConfigError, match="3000-4000 GeV is wider than the sidebands: 1000 GeV, and 900 GeV"
        ):
            refused()
    WINDOWS.check_sidebands()
    Windows((3000, 4000), [(2500, 3000), (4000, 4500)]).check_sidebands()


@pytest.mark.parametrize("width", [800, 900, -10, 0])
def test_validation_bands_that_leave_nothing(width):
    with pytest.raises(
        ConfigError, match="leave nothing of the sideband 2500-3300 GeV; choose a smaller width"
    ):
        Windows((3300, 3700), [(2500, 3300), (3700, 5000)]).validation(width)


def test_sliding_windows_are_as_wide_as_their_mass_asks_and_overlap_by_half():
    windows = np.array(sliding((2500, 6000), width=0.1, step=0.5, sidebands=1.0))
    middle, width = windows.mean(axis=1), windows[:, 1] - windows[:, 0]
    assert np.allclose(width / middle, 0.1, atol=1 / 2500)  # edges stand at whole GeV
    assert np.allclose(np.diff(middle) / width[:-1], 0.5, atol=0.01)
    assert windows[0, 0] - width[0] >= 2499
    assert windows[-1, 1] + width[-1] <= 6001
    assert windows[-1, 1] + 2 * width[-1] > 6000  # another one had no room


def test_no_room_for_sliding_windows():
    with pytest.raises(ConfigError, match=r"no window of 0\.2 of its mass has room in 2500-3000 GeV"):
        sliding((2500, 3000), width=0.2, step=0.5, sidebands=2.0)
    with pytest.raises(ConfigError, match="choose narrower windows or sidebands"):
        sliding((2500, 6000), width=0.5, step=0.5, sidebands=2.0)


def test_sidebands_beside_a_signal_region_end_with_the_range():
    windows = Windows.beside((3300, 3700), 1000, within=(2500, 5000))
    assert windows == Windows((3300, 3700), [(2500, 3300), (3700, 4700)])
    with pytest.raises(ConfigError, match="3300-3700 GeV leaves no room for sidebands in 3300-5000 GeV"):
        Windows.beside((3300, 3700), 100, within=(3300, 5000))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"sidebands": (2500, 3300)},
            r"sidebands \(2500, 3300\): expected pairs \[low, high\] in GeV, one below",
        ),
        (
            {"signal": (3300, 3700), "sidebands": (2500, 3300)},
            r"such as sidebands=\[\(2500, 3300\), \(3700",
        ),
        ({"signal": 3300, "sidebands": [(2500, 3300)]}, r"signal region 3300: expected \[low, high\]"),
        ({"signal": ("a", "b"), "sidebands": [(2500, 3300)]}, r"signal region \['a', 'b'\]: expected"),
        ({"sidebands": [(2500, 3300)]}, r"signal region \[\]: expected"),
        ({"signal": (3300, 3700)}, "no sideband given"),
    ],
)
def test_windows_say_what_they_take(given, message):
    with pytest.raises(ConfigError, match=message):
        Windows(**given)
