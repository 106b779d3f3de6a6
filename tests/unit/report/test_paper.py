"""What is to be pasted in a paper: the numbers, in LaTeX that a name cannot break, and every paper that it cites."""

import re
from dataclasses import replace

import pytest
from made_up.answers import WHY, answered

from hepflow.catalogue import METHODS, PAPERS
from hepflow.report import paper
from hepflow.report.blocks import Table


def test_numbers_become_latex():
    assert paper.mathematical("3.1 × 10⁻¹³") == r"$3.1 \times 10^{-13}$"
    assert paper.mathematical("14,562 ± 137") == r"$14{,}562 \pm 137$"
    assert paper.mathematical("2.7\u202fσ") == r"$2.7\,\sigma$"
    assert paper.mathematical("0.1%") == r"$0.1\%$"
    assert paper.mathematical("–") == "--"
    assert paper.mathematical("0.58 (0.41 to –)") == r"$0.58 (0.41~\mathrm{to}~\textrm{--})$"
    assert paper.mathematical("not_known") == r"not\_known"


def test_the_paragraph_has_the_numbers(results):
    text = paper.paragraph(results, "bdt")
    for piece in (
        r"$3300 < m_{jj} < 3700$~GeV",
        r"CATHODE~\cite{cathode,neural_spline_flows}",
        r"boosted decision trees~\cite{boosted_trees}, at background efficiencies of $1\%$",
        r"at a background efficiency of $1\%$: $245$ events are observed where $152 \pm 57$ are expected",
        r"a local significance of $7.0\,\sigma$ ($p_0 = 3.1 \times 10^{-13}$)",
        r"its significance is $6.9\,\sigma$",
        r"is $1.36$ ($0.308$)",
        "the injected signal, 250 events",
    ):
        assert piece in text
    assert text.count("$") % 2 == 0


def test_an_extrapolated_trials_factor_is_marked(results):
    told = r"the trials factor of $3.7$ is extrapolated from toys"
    assert results.trials.extrapolated
    assert told in paper.paragraph(results, None)
    by_toys = replace(results, trials=replace(results.trials, extrapolated=False))
    assert "extrapolated" not in paper.paragraph(by_toys, None)
    assert paper.mathematical("1.8†") == r"$1.8^{\dagger}$"


def test_a_blinded_run_says_what_is_expected_alone(blinded):
    text = paper.paragraph(blinded, None)
    assert r"blinded behind the cuts; $152 \pm 57$ events are expected" in text
    assert "observed" not in text
    assert "245" not in text


def test_toys_are_named(results):
    cuts = (replace(results.cuts[0], calculator="toys"),)
    assert "or, where few events are expected, toys" in paper.paragraph(replace(results, cuts=cuts), None)
    assert "few events" not in paper.paragraph(results, None)


def test_a_unit_cannot_break_the_document(results):
    text = paper.paragraph(replace(results, signal_unit=r"a_b & 5% {of} #1 \input{x} ^~$"), None)
    assert r"a\_b \& 5\% \{of\} \#1 \textbackslash{}input\{x\} \textasciicircum{}\textasciitilde{}\$" in text


VARIANTS = [f"{name}-{variant}" for name, row in METHODS.items() for variant in row.variants]


@pytest.mark.parametrize("method", [*METHODS, *VARIANTS, "limits", "a method of one's own"])
def test_what_is_cited_is_in_the_bibtex(results, method):
    text = paper.paragraph(replace(results, method=method), "bdt")
    cited = {key for keys in re.findall(r"\\cite\{(.+?)\}", text) for key in keys.split(",")}
    entries = set(re.findall(r"@\w+\{(\w+),", paper.references("0.1.0", method, "bdt")))
    assert cited <= entries
    assert entries <= {key for _, key, *_ in PAPERS} | {"hepflow", "pyhf_joss"}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ("classifier: {name: mlp}", "mlp"),
        ("classifier: {name: <b>}", None),
        ("classifier: [bdt]", None),
        ("classifier: {name: [1]}", None),
        ("a: !!python/object:os.system {}", None),
        ("{", None),
        ("", None),
    ],
)
def test_the_classifier_is_read_with_care(tmp_path, config, name):
    (tmp_path / "config.yaml").write_text(config)
    assert paper.classifier(tmp_path) == name


def test_a_table_of_methods():
    table = Table("", ("Method", "SIC 0.01", "Z_1"), (("a_b", "5.3 ± 1.1", "–"), ("c", "1 × 10⁻³", "2")))
    assert paper.tabular(table) == (
        "\\begin{tabular}{lrr}\n  \\toprule\n  Method & SIC 0.01 & Z\\_1 \\\\\n  \\midrule\n"
        "  a\\_b & $5.3 \\pm 1.1$ & -- \\\\\n  c & $1 \\times 10^{-3}$ & $2$ \\\\\n  \\bottomrule\n\\end{tabular}\n"
    )


def test_the_other_background_has_a_sentence(results):
    assert "smooth function" not in paper.paragraph(results, "bdt")
    text = paper.paragraph(answered(results), "bdt")
    assert (
        r"With a smooth function fitted to the sidebands in place of the template, $160 \pm 12$ events are expected "
        r"at a background efficiency of $1\%$, and the local significance is $5.1\,\sigma$."
    ) in text
    assert "With the template in place of the function" in paper.paragraph(answered(results, "dijet"), "bdt")
    refused = paper.paragraph(answered(results, why=WHY), "bdt")
    assert (
        r"No smooth function is fitted to the sidebands at a background efficiency of $1\%$: the cut sculpts m\_jj"
        in refused
    )
    assert "5.1" not in refused
