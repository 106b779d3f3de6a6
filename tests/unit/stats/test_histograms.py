"""What histograms are worth: weights, means, densities and angles, from UHI JSON, ROOT and memory."""

import copy
import json

import hist
import numpy as np
import pytest
import uhi.io.json
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow import Windows
from hepflow.errors import InputError
from hepflow.stats import (
    Bins,
    MassPoint,
    MassScan,
    bias_test,
    gaussian_family,
    global_significance,
    hunt_spectrum,
    read_spectrum,
)

EDGES = np.array([2000.0, 2100.0, 2300.0, 2600.0, 3000.0])
COUNTS = np.array([411.0, 273.0, 130.0, 57.0])
WIDTHS = np.diff(EDGES)


def filled(values, variances=None, edges=EDGES, **axis):
    storage = hist.storage.Double() if variances is None else hist.storage.Weight()
    histogram = hist.Hist(hist.axis.Variable(edges, name="m", **axis), storage=storage)
    histogram[...] = values if variances is None else np.stack([values, variances], axis=1)
    return histogram


@pytest.fixture(params=["json", "root"])
def read(tmp_path, request):
    """Return a function that writes a histogram to a file and reads it."""

    def read(histogram):
        path = tmp_path / f"mjj.{request.param}"
        if request.param == "json":
            path.write_text(json.dumps(histogram, default=uhi.io.json.default), encoding="utf-8")
        else:
            with uproot.recreate(path) as file:
                file["mjj"] = histogram
        return read_spectrum(path)

    return read


@pytest.mark.parametrize("weight", [1.0, 5.0, 0.01, 1 / 3])
def test_weighted_events_count_as_often_as_they_are_worth(read, weight):
    bins = read(filled(weight * COUNTS, weight**2 * COUNTS))
    np.testing.assert_array_equal(bins.counts, COUNTS)
    np.testing.assert_allclose(bins.values, weight * COUNTS)
    assert bins.weight == pytest.approx(weight)
    assert bins.exposure is None


def test_histograms_in_memory_are_read_like_files():
    bins = read_spectrum(filled(5 * COUNTS, 25 * COUNTS))
    edges, counts = bins
    np.testing.assert_array_equal(edges, EDGES)
    np.testing.assert_array_equal(counts, COUNTS)
    assert repr(bins) == "Bins(4 bins of m, 2000-3000 GeV, weights that add up to 4355)"
    assert repr(Bins(EDGES, COUNTS)) == "Bins(4 bins, 2000-3000 GeV, 871 events)"
    assert len(bins) == 2
    assert bins[1] is bins.counts


def test_weights_that_differ_from_bin_to_bin(read):
    weights = np.array([10.0, 10.0, 1.0, 1.0])
    bins = read(filled(weights * COUNTS, weights**2 * COUNTS))
    np.testing.assert_array_equal(bins.counts, COUNTS)
    np.testing.assert_allclose(bins.exposure / bins.exposure[0], [1, 1, 10, 10])
    events = np.sum(weights * COUNTS)
    assert np.sum(bins.counts / bins.exposure) * bins.weight == pytest.approx(events)


def test_an_empty_bin_has_the_weight_of_its_neighbours():
    bins = Bins(
        EDGES, np.array([20.0, 0.0, 8.0, 0.0]), np.array([40.0, 0.0, 32.0, 1.8])
    )  # some write 0 +- 1.3
    np.testing.assert_allclose(bins.counts, [10, 0, 2, 0])
    centres = 0.5 * (EDGES[1:] + EDGES[:-1])
    np.testing.assert_allclose(bins.weight / bins.exposure, np.interp(centres, centres[[0, 2]], [2, 4]))


@pytest.mark.parametrize("weight", [1.0, 5.0])
def test_densities_with_variances_are_events_again(read, weight):
    bins = read(filled(weight * COUNTS / WIDTHS, weight**2 * COUNTS / WIDTHS**2))
    np.testing.assert_array_equal(bins.counts, COUNTS)
    assert bins.exposure is None


@pytest.mark.parametrize(
    ("histogram", "message"),
    [
        (filled(COUNTS / WIDTHS), "times the widths of their bins they are: a density"),
        (filled(COUNTS / COUNTS.sum() / WIDTHS), "add up to one: a density"),
        (
            filled(COUNTS / 200, edges=[2000, 2200, 2400, 2600, 2800]),
            "times the width of a bin they are: a density",
        ),
        (
            filled(
                np.array([1.1, 1, 0.9, 1.1]) * COUNTS / WIDTHS,
                np.array([1.2, 1, 0.8, 1.3]) * COUNTS / WIDTHS**2,
            ),
            "go as one over the widths of the bins: a density of weighted events",
        ),
        (
            filled(COUNTS, 0 * COUNTS),
            "411.0 events with variance 0.0 in bin 2000-2100; expected one above zero",
        ),
        (filled(-COUNTS, COUNTS), "-411.0 events in bin 2000-2100"),
    ],
)
def test_what_cannot_be_made_events_is_refused(read, histogram, message):
    with pytest.raises(InputError, match=message):
        read(histogram).counts  # noqa: B018


@pytest.mark.parametrize("storage", [hist.storage.Mean(), hist.storage.WeightedMean()])
def test_means_are_refused(tmp_path, storage):
    profile = hist.Hist(hist.axis.Variable(EDGES, name="m"), storage=storage)
    profile.fill([2050, 2150, 2700], sample=[1.0, 2.0, 3.0])
    path = tmp_path / "mean.json"
    path.write_text(json.dumps(profile, default=uhi.io.json.default), encoding="utf-8")
    with pytest.raises(InputError, match="a profile, whose bins hold means"):
        read_spectrum(path)
    with pytest.raises(InputError, match="a profile, whose bins hold means"):
        hunt_spectrum(profile, windows=Windows((2100, 2300), [(2000, 2100), (2300, 3000)]))


def test_profiles_and_averages_of_root_are_refused(tmp_path):
    path = tmp_path / "profile.root"
    profile = hist.Hist(hist.axis.Variable(EDGES, name="m"), storage=hist.storage.Mean())
    with uproot.recreate(path) as file:
        file["p"] = profile.fill([2050, 2150, 2700], sample=[1.0, 2.0, 3.0])
        file["h"] = filled(COUNTS)
    assert read_spectrum(f"{path}:h;1").counts.tolist() == COUNTS.tolist()
    with pytest.raises(InputError, match="'p' is a TProfile; "):
        read_spectrum(f"{path}:p")
    with uproot.recreate(path, compression=None) as file:
        file["mjj"] = filled(COUNTS)
    assert read_spectrum(path).counts.tolist() == COUNTS.tolist()
    raw = path.read_bytes()
    average = raw.replace(b"\x03\x00\x00\x08\x03mjj", b"\x03\x04\x00\x08\x03mjj")  # TH1::kIsAverage
    assert average != raw
    path.write_bytes(average)
    with pytest.raises(InputError, match="mjj: its bins hold averages"):
        read_spectrum(path)


@pytest.fixture(scope="module")
def in_root(tmp_path_factory):
    """Return the bytes of a ROOT file with events of weight 5."""
    path = tmp_path_factory.mktemp("good") / "mjj.root"
    with uproot.recreate(path) as file:
        file["mjj"] = filled(5 * COUNTS, 25 * COUNTS)
    return path.read_bytes()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(0, 1), st.integers(1, 255), st.booleans())
def test_corrupted_root_files_are_read_right_or_refused(tmp_path_factory, in_root, where, bits, cut):
    path = tmp_path_factory.mktemp("corrupted") / "mjj.root"
    raw = in_root
    at = int(where * (len(raw) - 1))
    path.write_bytes(raw[:at] if cut else raw[:at] + bytes([raw[at] ^ bits]) + raw[at + 1 :])
    try:
        bins = read_spectrum(path)
    except InputError as refused:
        assert str(path) in str(refused)  # noqa: PT017
        return
    np.testing.assert_array_equal(bins.edges, EDGES)
    np.testing.assert_array_equal(bins.values, 5 * COUNTS)
    np.testing.assert_array_equal(bins.counts, COUNTS)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (hist.axis.Regular(4, 2000, 3000, circular=True), "its axis is circular"),
        (hist.axis.Variable(EDGES, circular=True), "its axis is circular"),
        (hist.axis.IntCategory([1, 2, 3]), "its axis has categories"),
        (hist.axis.StrCategory(["a", "b"]), "its axis has categories"),
        (hist.axis.Boolean(), "its axis has categories"),
        (hist.axis.Variable([2000, 2500, np.inf]), "bin 2500 to inf; expected finite edges"),
    ],
)
def test_axes_that_are_no_masses(tmp_path, axis, message):
    path = tmp_path / "h.json"
    path.write_text(json.dumps(hist.Hist(axis), default=uhi.io.json.default), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_spectrum(path)


def test_variances_that_are_none():
    with pytest.raises(
        InputError, match=r"variance -411.0 in bin 2000-2100; expected a number, zero or more"
    ):
        MassPoint.of_histogram(3000, filled(COUNTS, -COUNTS))


def test_weights_without_variances_are_refused_in_memory():
    histogram = hist.Hist(hist.axis.Variable(EDGES)).fill([2050.0] * 5, weight=5)
    with pytest.raises(InputError, match=r"keeps no variances; fill one with hist.storage.Weight"):
        MassPoint.of_histogram(3000, histogram)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_of_json(tmp_path, encoding):
    path = tmp_path / "h.json"
    path.write_text(json.dumps(filled(COUNTS, COUNTS), default=uhi.io.json.default), encoding=encoding)
    np.testing.assert_array_equal(read_spectrum(path).counts, COUNTS)


def test_json_that_is_not_utf_8(tmp_path):
    path = tmp_path / "h.json"
    text = json.dumps(filled(COUNTS), default=uhi.io.json.default, indent=1).replace('"m"', '"f\u00fcr"')
    path.write_text(text, encoding="latin-1")
    line = 1 + text[: text.index("\u00fc")].count("\n")
    with pytest.raises(
        InputError, match=rf"h.json, line {line}: byte 0xfc is not UTF-8; save the file as UTF-8"
    ):
        read_spectrum(path)


WRITTEN = json.loads(json.dumps(filled(COUNTS, COUNTS), default=uhi.io.json.default))
LEAVES = [
    *(("axes", 0, name) for name in ("edges", "type", "circular", "overflow", "underflow")),
    *(("storage", name) for name in ("values", "variances", "type")),
    *(("axes", 0, "edges", 2), ("storage", "values", 3), ("storage", "variances", 3)),
    *(("axes",), ("axes", 0), ("storage",)),
]
VALUES = [
    None,
    True,
    False,
    -1.0,
    0,
    2.5,
    300.0,
    "300",
    "double",
    "int",
    "mean",
    [],
    [1.0],
    {},
    np.nan,
    np.inf,
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(LEAVES), st.sampled_from([*VALUES, "leave out"])), min_size=1, max_size=2
    )
)
def test_corrupted_json_is_read_right_or_refused(tmp_path_factory, changes):
    content = copy.deepcopy(WRITTEN)
    for (*path, last), value in changes:
        inner = content
        try:
            for step in path:
                inner = inner[step]
            if value == "leave out":
                del inner[last]
            else:
                inner[last] = value
        except (KeyError, IndexError, TypeError):
            continue
    path = tmp_path_factory.mktemp("corrupted") / "h.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        bins = read_spectrum(path)
        counts = bins.counts
    except InputError as refused:
        assert str(path) in str(refused)  # noqa: PT017
        return
    axis, storage = content["axes"][0], content["storage"]
    inside = slice(int(bool(axis["underflow"])), -1 if axis["overflow"] else None)
    np.testing.assert_array_equal(bins.edges, np.array(axis["edges"], dtype=float))
    values = np.array(storage["values"], dtype=float)[inside]
    if storage["type"] == "weighted":
        variances = np.array(storage["variances"], dtype=float)[inside]
        values = np.divide(values**2, variances, out=0 * values, where=values > 0)
    np.testing.assert_allclose(counts, values, rtol=1e-6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(0, 1), st.integers(0, 255), st.booleans())
def test_bytes_of_json_that_change(tmp_path_factory, where, byte, cut):
    raw = json.dumps(WRITTEN).encode()
    at = int(where * (len(raw) - 1))
    raw = raw[:at] if cut else raw[:at] + bytes([byte]) + raw[at + 1 :]
    path = tmp_path_factory.mktemp("corrupted") / "h.json"
    path.write_bytes(raw)
    try:
        bins = read_spectrum(path)
        counts = bins.counts
    except InputError as refused:
        assert str(path) in str(refused)  # noqa: PT017
        return
    content = json.loads(raw)
    values, variances = (
        np.array(content["storage"][key], dtype=float)[1:-1] for key in ("values", "variances")
    )
    np.testing.assert_array_equal(bins.edges, content["axes"][0]["edges"])
    np.testing.assert_allclose(counts, values**2 / variances, rtol=1e-6)


# In every use of a spectrum: a trigger that kept one event in ten below 2600 GeV, a falling spectrum without signal.
FINE = np.arange(2000.0, 5001.0, 100.0)
FALLING = -np.diff(4e4 * (FINE / 2000) ** -6)
KEPT = np.where(FINE[:-1] < 2600, 0.1, 1.0)
PRESCALED = Bins(FINE, FALLING, FALLING / KEPT)  # as many events as expected, each of weight 1 / KEPT
WINDOWS = Windows((3300, 3700), [(2000, 3300), (3700, 5000)])


@pytest.mark.parametrize("fit_range", ["sidebands", "all"])
def test_a_prescale_in_a_hunt(fit_range):
    hunt = hunt_spectrum(PRESCALED, windows=WINDOWS, signal_mass=3500, signal_width=105, fit_range=fit_range)
    assert hunt.smooth.p_value > 0.99
    inside = FALLING[(FINE[:-1] >= 3300) & (FINE[:-1] < 3700)].sum()
    assert hunt.n_obs == pytest.approx(inside)
    assert hunt.n_exp == pytest.approx(inside, rel=2e-3)
    assert abs(hunt.mu_hat) < 0.1 * hunt.mu_hat_error
    whole = hunt_spectrum(FINE, FALLING, WINDOWS, signal_mass=3500, signal_width=105, fit_range=fit_range)
    assert hunt.n_exp_error > 1.05 * whole.n_exp_error  # fewer events tell less


def test_a_prescale_in_a_template():
    template = Bins(FINE, 2 * FALLING, 0 * FALLING)
    hunt = hunt_spectrum(PRESCALED, windows=WINDOWS, background=template)
    assert hunt.n_exp == pytest.approx(hunt.n_obs, rel=1e-6)


def test_a_prescale_in_a_scan():
    scan = MassScan(PRESCALED, masses=[2600, 3500], signal=gaussian_family(0.03), max_shape=2)
    result = scan.run()
    assert np.all(np.abs(result.mu_hat) < 0.1 * result.mu_hat_error)
    bias = bias_test(scan, toys=100, seed=1)
    assert np.all(np.abs(bias.pull) < 5 * bias.pull_error + 0.5)
    assert global_significance(scan, result, toys=100, seed=1).p > 0.2
    assert len(scan.workspaces()) == 2


def test_uniform_weights_change_nothing_but_the_unit():
    counts = FALLING.round()
    whole, weighted = (
        hunt_spectrum(bins, windows=WINDOWS, signal_mass=3500, signal_width=105)
        for bins in (Bins(FINE, counts), Bins(FINE, 5 * counts, 25 * counts))
    )
    assert whole.to_dict() == weighted.to_dict()


def test_variances_of_a_simulated_signal():
    counts = np.array([2.0, 20.0, 2.0, 0.0])
    point = MassPoint.of_histogram(2200, filled(counts, 0.5 * counts))
    assert (point.events, point.weight) == (24.0, 0.5)
    assert MassPoint.of_histogram(2200, EDGES, counts).weight == 0.0
    np.testing.assert_allclose(MassPoint.of_histogram(2200, filled(counts)).quantiles, EDGES)


def test_events_without_a_variance_have_no_exposure():
    """An error, and no division by zero before it."""
    bins = Bins(np.array([2000.0, 2500.0, 3000.0]), np.array([400.0, 100.0]), np.array([0.0, 400.0]))
    with pytest.raises(InputError, match=r"400\.0 events with variance 0\.0 in bin 2000-2500"):
        bins.exposure  # noqa: B018
