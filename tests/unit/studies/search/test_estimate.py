"""The estimate of time and memory: what it is made of, and what it leaves out."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.storage import load_sample, save_sample
from hepflow.studies.search.check import check
from hepflow.studies.search.estimate import Costs, Estimate, Load, estimate, measure

COSTS = Costs(step=0.5, drawn=1e-3, trained=1e-2, scored=1e-4)


@pytest.fixture(scope="module")
def samples(inputs):
    return {name: load_sample(inputs / f"{name}.h5") for name in ("data", "signal")}


def test_time_is_counted_from_steps_and_events(configure):
    """Known answer: 100 events in the signal region, 2,000 beside it."""
    config = configure("method.oversampling=10", "method.validation_oversampling=3", "classifier.ensemble=7")
    load = Load(judged=100, beside=2000, drawn=150, further=50)
    steps = 2000 // 2 * 9 // 10 // 128 * 2  # two epochs of the nine tenths of one of two folds
    # 150 x 10 in the template, 150 x 4 halves for each classifier to learn from, 2,000 x 3 beside
    rows = 100 / 2 * (1 + 4)  # one of two folds, and four template events for each event
    scored = 100 * 11 + 2000 * 4 + 50
    assert load.seconds(config, COSTS) == pytest.approx(
        (steps * 0.5 + (1500 + 600 + 6000) * 1e-3, 7 * (2 * rows * 1e-2 + scored * 1e-4))
    )


def test_costs_are_positive_and_truth_plays_no_part(configure, samples, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "hepflow.studies.search.estimate.measure", lambda config, sidebands: seen.append(sidebands) or COSTS
    )
    estimate(configure(), samples)
    (sidebands,) = seen
    assert sidebands.label is None
    assert not np.any((sidebands.mass >= 3300) & (sidebands.mass < 3700))
    monkeypatch.undo()
    monkeypatch.setattr("hepflow.studies.search.estimate.DRAWN", 500)
    costs = measure(configure(), sidebands)
    assert costs.drawn > 0
    assert costs.trained > 0
    assert costs.scored > 0
    assert measure(configure("method=cwola"), sidebands).step == 0


def test_stages(configure, samples, monkeypatch):
    monkeypatch.setattr("hepflow.studies.search.estimate.measure", lambda *_: COSTS)
    whole = estimate(configure(), samples)
    assert list(whole.seconds) == ["background", "scores", "validation"]
    alone = estimate(configure("regions.validation=0"), samples)
    assert alone.seconds == {name: whole.seconds[name] for name in ("background", "scores")}
    tried = estimate(configure("regions.validation=0"), {**samples, "simulation": samples["data"]})
    assert tried.seconds["validation"] > sum(alone.seconds.values())
    other = estimate(configure("method=cwola"), samples)
    assert "background" not in other.seconds
    assert "what cwola trains" in other.missing
    more = estimate(configure("method.oversampling=100"), samples)
    assert more.memory > whole.memory
    assert more.seconds["scores"] > whole.seconds["scores"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.1 s"), (4.321, "4.3 s"), (89.0, "89 s"), (95.0, "1.6 min"), (7e4, "19 h")]
)
def test_text(seconds, text):
    lines = Estimate({"scores": seconds}, 3e9, ("figures",)).lines()
    assert f"time: {text} (scores {text}); not in it: figures" in lines[1]
    assert "memory: 3.0 GB" in lines[2]
    assert lines[2].endswith("too little") is (3e9 > 1e18)
    assert Estimate({}, 1e18, ()).lines()[2].endswith("too little")


def test_check_says_what_is_read_and_how_much(configure, inputs, monkeypatch):
    monkeypatch.setattr("hepflow.studies.search.estimate.measure", lambda *_: COSTS)
    lines = check(configure()).lines
    assert lines[0].startswith("data: 1 file(s), 3,000 events")
    assert lines[1] == "  reads m_jj, m_J1, tau21, weight, label"
    assert any(line.startswith("  signal region: ") and "; sidebands: " in line for line in lines)
    assert any(line.startswith("  time: ") for line in lines)
    narrow = load_sample(inputs / "data.h5")
    save_sample(replace(narrow, label=None), inputs / "narrow.h5")
    assert check(configure(data="narrow.h5")).lines[1] == "  reads m_jj, m_J1, tau21, weight"
