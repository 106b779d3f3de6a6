"""Features: definitions, and an account of every event."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.errors import ConfigError, InputError
from hepflow.features import FEATURES, LABELS, dijet_mass, features
from hepflow.readers.source import Chunk, Source, SourceFile

FIELDS = ("pt", "eta", "phi", "mass", "tau1", "tau2", "tau3")


def source(events, chunk=1000, fields=FIELDS, **columns):
    """A source of events given as lists of jets, each a dict or a tuple in the order of FIELDS."""
    flat = [jet for event in events for jet in event]
    record = {name: np.array([jet[i] for jet in flat], dtype=float) for i, name in enumerate(FIELDS)}
    jets = ak.unflatten(ak.zip(record), np.array([len(event) for event in events], dtype=np.int64))
    whole = ak.zip({"jets": jets, **columns}, depth_limit=1)

    def stream(only, first, after):
        for start in range(first, after, chunk):
            part = whole[start : min(start + chunk, after)]
            part = ak.with_field(part, part["jets"][list(only or fields)], "jets")
            yield Chunk(part, (("events read", len(part)),))

    return Source((SourceFile("toy", len(events), stream),), "toy", fields)


J1 = (500.0, 0.5, 3.0, 80.0, 0.4, 0.2, 0.1)
J2 = (600.0, -0.5, -3.0, 200.0, 0.5, 0.1, 0.05)
SOFT = (50.0, 0.0, 0.0, 500.0, 0.1, 0.1, 0.1)


def test_definitions():
    sample = features(source([[SOFT, J1, J2]]), FEATURES)
    values = dict(zip(sample.names, sample.features[0], strict=True))
    p4 = [
        np.array([np.hypot(pt * np.cosh(eta), m), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
        for pt, eta, phi, m, *_ in (J1, J2)
    ]
    total = p4[0] + p4[1]
    assert values == pytest.approx(
        {
            "m_jj": np.sqrt(total[0] ** 2 - (total[1:] ** 2).sum()),
            "m_J1": 80.0,
            "m_J2": 200.0,
            "dm_J": 120.0,
            "tau21_J1": 0.5,
            "tau21_J2": 0.2,
            "tau32_J1": 0.5,
            "tau32_J2": 0.5,
            "dR_JJ": np.hypot(1.0, 2 * np.pi - 6.0),
            "pt_J1": 500.0,
            "pt_J2": 600.0,
        },
        rel=1e-12,
    )
    assert sample.mass[0] == values["m_jj"]
    assert np.array_equal(sample.weight, [1.0])
    assert sample.label is None


def test_order_of_the_jets_does_not_matter():
    one, other = (features(source([jets]), FEATURES) for jets in ([J1, J2, SOFT], [SOFT, J2, J1]))
    assert np.array_equal(one.features, other.features)


def test_every_feature_has_a_label():
    assert set(LABELS) == set(FEATURES)
    assert LABELS["m_J1"] == r"$m_{J_1}$ [GeV]"
    assert LABELS["tau21_J2"] == r"$\tau_{21}^{J_2}$"
    assert all(label.startswith("$") for label in LABELS.values())


def jet(**fields):
    return {name: np.array([value]) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Collinear massless jets have no mass; the difference of squares would give tens of GeV of rounding.
        ((1e4, 4.0, 1.0, 0.0), (2e4, 4.0, 1.0, 0.0), 0.0),
        # A small angle: m = sqrt(pT1 pT2) dphi.
        ((1e4, 3.0, 0.0, 0.0), (1e4, 3.0, 1e-6, 0.0), 1e-2),
        # Collinear, equal velocities: the masses add up.
        ((1e4, 3.0, 0.0, 1.0), (2e4, 3.0, 0.0, 2.0), 3.0),
        # Back to back at rest in eta.
        ((1e3, 0.0, 0.0, 0.0), (1e3, 0.0, np.pi, 0.0), 2e3),
    ],
)
def test_mass_is_stable(first, second, expected):
    names = ("pt", "eta", "phi", "mass")
    mass = dijet_mass(
        jet(**dict(zip(names, first, strict=True))), jet(**dict(zip(names, second, strict=True)))
    )
    assert mass[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def value(usual):
    return st.one_of(usual, st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e308]))


JET = st.tuples(value(st.floats(100, 2000)), *[value(st.floats(0.01, 3))] * 6)
EVENTS = st.lists(st.lists(JET, max_size=3), min_size=1, max_size=30)
NAMES = st.lists(st.sampled_from(sorted(FEATURES)), unique=True)


@settings(deadline=None, max_examples=60)
@given(EVENTS, NAMES, st.integers(1, 40), st.booleans())
def test_every_event_is_accounted_for(events, names, chunk, weighted):
    events = [[J1, J2], *events]
    columns = {"weight": np.where(np.arange(len(events)) % 7 == 5, np.nan, 2.0)} if weighted else {}
    sample = features(source(events, chunk, **columns), names)
    causes, numbers = zip(*sample.cutflow, strict=True)
    assert causes[0] == "events read"
    assert causes[-1] == "events kept"
    assert all(cause.startswith("dropped: ") for cause in causes[1:-1])
    assert numbers[0] == len(events) == sum(numbers[1:])
    assert numbers[-1] == len(sample)
    assert min(numbers) >= 0
    assert np.isfinite(sample.features).all()
    assert np.isfinite(sample.mass).all()
    assert np.isfinite(sample.weight).all()
    whole = features(source(events, 1000, **columns), names)
    assert whole.cutflow == sample.cutflow
    assert np.array_equal(whole.features, sample.features)


def change(jet, **fields):
    return tuple(fields.get(name, value) for name, value in zip(FIELDS, jet, strict=True))


@pytest.mark.parametrize(
    ("event", "cause", "names"),
    [
        ([], "fewer than two jets", ()),
        ([J1], "fewer than two jets", ()),
        ([J1, change(J2, pt=0.0)], "fewer than two jets", ()),
        ([J1, change(J2, tau1=0.0)], "tau1 = 0", ("tau21_J1",)),
        ([J1, change(J2, tau2=0.0)], "tau2 = 0", ("tau32_J1",)),
        ([J1, change(J2, tau2=-1.0)], "negative N-subjettiness", ("tau21_J2",)),
        ([change(J1, mass=-0.1), J2], "negative jet mass", ()),
        ([change(J1, mass=-0.1), change(J2, tau1=0.0)], "tau1 = 0", ("tau21_J1",)),
        ([change(J1, mass=np.nan), J2], "NaN or infinite value", ()),
        ([J1, J2, change(SOFT, pt=np.nan)], "NaN or infinite value", ()),
        ([change(J1, eta=np.inf), J2], "NaN or infinite value", ()),
        ([change(J1, eta=900.0), J2], "NaN or infinite value", ()),
        ([change(J1, tau1=np.nan), J2], "NaN or infinite value", ("tau21_J1",)),
    ],
)
def test_causes(event, cause, names):
    sample = features(source([event, [J1, J2]]), ("m_J1", *names))
    assert dict(sample.cutflow)[f"dropped: {cause}"] == 1
    assert len(sample) == 1


def test_only_causes_that_concern_a_requested_feature():
    bad = [change(J1, tau1=0.0, tau2=np.nan), J2]
    sample = features(source([bad, [J1, J2]]), ["m_J1"])
    assert len(sample) == 2
    assert [cause for cause, _ in sample.cutflow] == [
        "events read",
        "dropped: fewer than two jets",
        "dropped: negative jet mass",
        "dropped: NaN or infinite value",
        "events kept",
    ]


def test_nothing_left_says_where_it_went():
    with pytest.raises(
        InputError, match=r"toy: no event is left. events read: 3; dropped: fewer than two jets: 3"
    ):
        features(source([[J1], [], [J2]]))


def test_weight_and_label_follow_the_events():
    sample = features(
        source([[J1, J2], [J1], [J2, J1]], 2, weight=[1.0, 2.0, 3.0], label=np.array([1, 0, 0], np.int8))
    )
    assert sample.weight.tolist() == [1.0, 3.0]
    assert sample.label.tolist() == [1, 0]
    assert sample.label.dtype == np.int8


@pytest.mark.parametrize(("scale", "unit"), [(1000, "MeV"), (0.001, "GeV")])
def test_units_are_checked(scale, unit):
    wrong = [[change(J1, pt=J1[0] * scale), change(J2, pt=J2[0] * scale)]] * 3
    with pytest.raises(InputError, match=rf"toy: the median pT of the leading jet is .* set unit: {unit}"):
        features(source([[], *wrong], chunk=1))


def test_features_that_cannot_be():
    with pytest.raises(ConfigError, match="unknown feature 'tau21_J3': did you mean 'tau21_J"):
        features(source([[J1, J2]]), ["tau21_J3"])
    with pytest.raises(ConfigError, match="expected each only once"):
        features(source([[J1, J2]]), ["m_J1", "m_J1"])
    with pytest.raises(
        InputError, match="'tau32_J1' needs tau3 and tau2 of each jet; the jets have pt, eta, phi, mass, tau1"
    ):
        features(source([[J1, J2]], fields=FIELDS[:5]), ["tau32_J1"])


def test_one_name_and_none():
    assert features(source([[J1, J2]]), "m_J1").names == ("m_J1",)
    assert features(source([[J1, J2]]), ()).features.shape == (1, 0)


def test_a_bar_only_on_a_terminal(capsys):
    features(source([[J1, J2]] * 5, chunk=1))
    assert capsys.readouterr() == ("", "")


def test_features_of_a_path_say_how_to_read_it():
    with pytest.raises(
        ConfigError, match=r"features of 'file.root': expected what hepflow.read returns, as in"
    ):
        features("file.root")
