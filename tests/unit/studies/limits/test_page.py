"""The report of limits with retraining: beside those that are not retrained, with the efficiencies behind them."""

import re
from dataclasses import replace

import pytest

from hepflow.studies.limits.figures import figures
from hepflow.studies.limits.record import EfficiencyPoint
from hepflow.studies.show import write_report

HOSTILE = "<script>alert(1)</script>"


def titles(page):
    return [text for level, text in page.headings if level == "h2"]


def test_limits_stand_beside_those_not_retrained(page_of, limits):
    page = page_of(limits)
    assert titles(page) == [
        "What was found",
        "Limits",
        "Signal efficiency",
        "Blinding",
        "Warnings and problems",
        "How it was made",
        "To paste in a paper",
    ]
    assert "limits with retraining, signal region 3300 to 3700 GeV, seed 1" in page.text
    assert page.row("1%") == ["1%", "200", "200 (140 to 280)", "400", "400 (280 to 560)"]
    assert page.row("no cut") == ["no cut", "526", "526 (368 to –)", "526", "526 (368 to 737)"]
    assert ["1%", "0.200", "0.20 (0.14 to 0.28)", "0.400", "0.40 (0.28 to 0.56)"] in page.rows
    assert ["1%", "200", "180 to –", "100", "140", "200", "280", "380"] in page.rows
    assert ["1%", "120", "60.0", "84.0", "120", "168", "228"] in page.rows
    assert page.text.count("–: none up to the largest injection.") == 2


def test_the_strongest_expected_limit_comes_first(page_of, limits):
    told = page_of(limits).text.partition("95% CLs upper limits on signal events")[0]
    for piece in (
        "200",
        "signal events; 68%: 140 to 280",
        "180 to – by the efficiency",
        "0.200 expected",
        "400",
    ):
        assert piece in told
    assert "The strongest limit is expected behind the cut at a background efficiency of 1%." in told


def test_efficiencies_that_were_measured(page_of, limits):
    page = page_of(limits)
    heading = next(row for row in page.rows if "0 injected" in row)
    assert heading[1:] == [f"{n} injected" for n in range(0, 601, 100)]
    assert ["1%", *(f"{0.3 + n / 2000:.3f} ± 0.020" for n in range(0, 601, 100))] in page.rows
    assert "mean and error over 3 trainings." in page.text


def test_an_efficiency_that_could_not_be_measured(page_of, limits):
    loose, tight = limits.cuts
    points = (*tight.points[:-1], EfficiencyPoint(700, 0.6, 0.02, 2))
    page = page_of(replace(limits, cuts=(loose, replace(tight, points=points))))
    row = next(row for row in page.rows if "0.300 ± 0.020" in row)
    assert row[-2:] == ["–", "0.600 ± 0.020"]
    assert "over 2 or 3 trainings." in page.text


def test_figures_say_their_numbers(page_of, limits):
    images = page_of(limits).all("img")
    assert len(images) == len(list(figures(limits)))
    told = " ".join(image["alt"] for image in images)
    assert "1%: observed 200, expected 200 (140 to 280), not retrained 400" in told
    assert "1% from 30% to 60%" in told


def test_blinded_limits_are_expected_alone(page_of, blinded_limits):
    page = page_of(blinded_limits)
    assert page.row("1%") == ["1%", "blinded", "200 (140 to 280)", "blinded", "400 (280 to 560)"]
    assert ["1%", "blinded", "–", "100", "140", "200", "280", "380"] in page.rows
    assert page.row("no cut")[1] == "526"
    assert "Observed limit" not in page.text
    tight = page_of(replace(blinded_limits, cuts=blinded_limits.cuts[1:]))
    assert "none up to the largest injection" not in tight.text
    assert "Blinded: no data of the signal region were looked at behind the cuts" in page.text
    assert r"The expected upper limit at a background efficiency of $1\%$ is $200$ signal events" in page.text
    assert r"1\% & blinded & $200 (140~\mathrm{to}~280)$" in page.text


def test_problems_are_counted_first(page_of, limits):
    loose, tight = limits.cuts
    cuts = (loose, replace(tight, problems=("beyond the largest injection",)))
    page = page_of(replace(limits, cuts=cuts, problems=("100 injected, training 2: no event is left",)))
    assert "2 warnings" in page.text[: page.text.index("What was found")]
    assert "1%: beyond the largest injection" in page.text
    assert "100 injected, training 2: no event is left" in page.text


def test_what_is_to_be_pasted(page_of, limits):
    page = page_of(limits, {"config.yaml": "classifier: {name: bdt}\n"})
    for piece in (
        r"$3300 < m_{jj} < 3700$~GeV",
        r"boosted decision trees~\cite{boosted_trees}, at background efficiencies of $1\%$",
        r"with injected signal~\cite{cms_dijet_anomalies}",
        r"upper limit at a background efficiency of $1\%$ is $200$ ($200$) signal events before any selection.",
        r"stands for $1{,}000$ of them",
        r"no cut & $526$ & $526 (368~\mathrm{to}~\textrm{--})$ & $526$",
    ):
        assert piece in page.text
    cited = {key for keys in re.findall(r"\\cite\{(.+?)\}", page.text) for key in keys.split(",")}
    assert cited <= set(re.findall(r"@\w+\{(\w+),", page.text))


def test_without_a_signal_yield_there_is_no_strength(page_of, limits):
    page = page_of(replace(limits, nominal=0.0))
    assert "strength" not in page.text


@pytest.mark.parametrize("cuts", [0, 2])
def test_limits_that_could_not_be_set(page_of, unset_limits, cuts):
    page = page_of(replace(unset_limits, cuts=unset_limits.cuts[:cuts]))
    assert "No expected limit could be set; the section on warnings and problems says why." in page.text
    assert len(page.all("img")) == cuts
    assert ("Signal efficiency" in titles(page)) == bool(cuts)


def test_hostile_names_are_text(page_of, limits):
    loose, tight = limits.cuts
    hostile = {"name": HOSTILE, "method": HOSTILE, "versions": {HOSTILE: HOSTILE}, "problems": (HOSTILE,)}
    page = page_of(
        replace(limits, cuts=(loose, replace(tight, problems=(HOSTILE,))), config_hash=HOSTILE, **hostile),
        {"provenance.json": f"</pre>{HOSTILE}"},
    )
    assert not page.all("script")
    assert page.text.count(HOSTILE) > 7
    assert page.headings[0] == ("h1", HOSTILE)


def test_the_same_record_gives_the_same_bytes(limits, tmp_path):
    limits.write(tmp_path / "limits.json")
    html = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path, tmp_path / "again.html").read_bytes() == html
    assert html.count(b'<img src="data:image/') == html.count(b"<img ") == 2
