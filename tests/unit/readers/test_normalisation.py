"""Samples with cross-sections: yields known by hand, and periods side by side."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.features import features
from hepflow.readers import Normalisation, Source, read
from hepflow.storage import save_sample


def test_known_yield():
    assert Normalisation(2.0, 3.0).factor(600.0) == pytest.approx(10.0)  # 2 pb x 3 fb^-1 = 6000 events
    assert Normalisation(2.0, 3.0, generated=1200.0).factor(600.0) == pytest.approx(5.0)
    assert Normalisation(2.0, 3.0, generated="genWeight", scale=1.5).factor(600.0) == pytest.approx(15.0)
    assert Normalisation(scale=0.5).factor(600.0) == 0.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cross_section": 1.0}, "luminosity None"),
        ({"luminosity": 1.0}, "cross_section None"),
        ({"cross_section": -1.0, "luminosity": 1.0}, "cross_section -1.0: expected a number above zero"),
        ({"scale": 0.0}, "scale 0.0"),
        ({"scale": float("nan")}, "scale nan"),
        ({"generated": 5.0}, "only beside a cross_section"),
    ],
)
def test_what_makes_no_sense_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Normalisation(**values)


@pytest.mark.parametrize("chunk", [60, 10_000])
def test_weights_add_up_to_the_yield_of_all_events_before_any_cut(tree_file, toy, chunk):
    """The acceptance stays in the sum of the weights: only what all events would add up to is known."""
    normalisation = Normalisation(cross_section=0.5, luminosity=2.0)
    options = {"weight": "genWeight", "selection": "HLT_PFJet500", "chunk": chunk}
    plain = features(read(tree_file, "nanoaod", **options))
    sample = features(read(tree_file, "nanoaod", normalisation=normalisation, **options))
    expected = 1000.0 * plain.weight / np.sum(toy["genWeight"])
    np.testing.assert_allclose(sample.weight, expected, rtol=1e-12)
    assert np.array_equal(sample.mass, plain.mass)


def test_generated_weights_of_another_column_or_none(tree_file, toy):
    counted = features(read(tree_file, "nanoaod", normalisation=Normalisation(0.5, 1.0)))
    assert counted.weight[0] == pytest.approx(500.0 / 500)
    for generated, total in (("genWeight", np.sum(toy["genWeight"])), ("", 500.0), (250.0, 250.0)):
        normalisation = Normalisation(0.5, 1.0, generated=generated)
        sample = features(read(tree_file, "nanoaod", normalisation=normalisation))
        np.testing.assert_allclose(sample.weight, 500.0 / total, rtol=1e-12)
    with pytest.raises(InputError, match=r"'genWeigth' \(generated\); did you mean"):
        read(tree_file, "nanoaod", normalisation=Normalisation(0.5, 1.0, generated="genWeigth"))


def test_one_truth_of_a_mixed_file(tree_file, toy):
    """A label picks the process, so that the others are no part of its generated events."""
    options = {"label_branch": "truth", "label": 1}
    sample = features(read(tree_file, "nanoaod", normalisation=Normalisation(1.0, 1.0), **options))
    np.testing.assert_allclose(sample.weight, 1000.0 / np.sum(toy["truth"] == 1), rtol=1e-12)


@pytest.fixture
def three(tmp_path, toy, write_tree):
    """Three files of the toy events: 500, the first 300 and the first 100."""
    return [
        write_tree(tmp_path / f"{n}.root", {name: column[:n] for name, column in toy.items()})
        for n in (500, 300, 100)
    ]


def test_samples_are_joined_each_with_its_own_cross_section(three):
    def opened(path, name, cross_section):
        return replace(read(path, "nanoaod", normalisation=Normalisation(cross_section, 2.0)), name=name)

    sources = [opened(three[0], "low", 4.0), opened(three[1], "high", 0.5), opened(three[2], "high", 0.1)]
    joined = Source.join(sources)
    assert joined.num_events == 900
    assert joined.files == tuple(map(str, three))
    sample = features(joined)
    parts = [features(source) for source in sources]
    assert np.array_equal(sample.mass, np.concatenate([part.mass for part in parts]))
    factors = [4.0 * 2000 / 500, 0.5 * 2000 / 300, 0.1 * 2000 / 100]
    expected = np.concatenate(
        [np.full(len(part), factor) for part, factor in zip(parts, factors, strict=True)]
    )
    np.testing.assert_allclose(sample.weight, expected, rtol=1e-12)
    kept = [len(part) for part in parts]
    assert sample.cutflow[:5] == (
        ("low: events read", 500),
        ("low: events kept", kept[0]),
        ("high: events read", 400),
        ("high: events kept", kept[1] + kept[2]),
        ("events read", 900),
    )
    dropped = sum(events for cause, events in sample.cutflow if cause.startswith("dropped"))
    assert sample.cutflow[-1] == ("events kept", 900 - dropped)


def test_joined_events_survive_a_file_of_features(three, tmp_path):
    joined = Source.join([replace(read(path, "nanoaod"), name=path.stem) for path in three])
    sample = features(joined)
    save_sample(sample, tmp_path / "f.h5")
    again = features(read(tmp_path / "f.h5", "hepflow"), sample.names)
    assert again.cutflow == sample.cutflow


def test_samples_with_and_without_weights(three):
    joined = Source.join([read(three[0], "nanoaod"), read(three[1], "nanoaod", weight="genWeight")])
    sample, weighted = features(joined), features(read(three[1], "nanoaod", weight="genWeight"))
    assert np.array_equal(sample.weight[-len(weighted) :], weighted.weight)
    assert np.all(sample.weight[: -len(weighted)] == 1)


def test_what_cannot_be_joined(three, tmp_path):
    with pytest.raises(InputError, match="given twice"):
        Source.join([read(three[0], "nanoaod"), read(three[:2], "nanoaod")])
    save_sample(features(read(three[0], "nanoaod")), tmp_path / "f.h5")
    with pytest.raises(ConfigError, match="all of format 'hepflow' or none"):
        Source.join([read(three[0], "nanoaod"), read(tmp_path / "f.h5", "hepflow")])
    with pytest.raises(ConfigError, match="give generated"):
        read(tmp_path / "f.h5", "hepflow", normalisation=Normalisation(1.0, 1.0))


def test_a_given_sum_does_not_fit_the_files_that_are_left(three):
    three[1].write_bytes(b"")
    for generated, wrong in ((None, False), (900.0, True)):
        normalisation = Normalisation(1.0, 1.0, generated=generated)
        source = read(three, "nanoaod", normalisation=normalisation, skip_bad_files=True)
        if wrong:
            with pytest.raises(
                InputError, match="generated: 900 counts the events of files that were skipped"
            ):
                features(source)
        else:  # the sum is that of the files that were read: the yield is right
            np.testing.assert_allclose(features(source).weight, 1000.0 / 600)


def test_weights_that_cancel(tmp_path, toy, write_tree):
    toy["genWeight"] = np.tile([1.0, -1.0], 250)
    path = write_tree(tmp_path / "negative.root", toy)
    source = read(path, "nanoaod", weight="genWeight", normalisation=Normalisation(1.0, 1.0))
    with pytest.raises(InputError, match=r"negative.root: the generated weights add up to 0"):
        features(source)
