"""What a mass is called reaches all that `hepflow fit`, `hepflow limit` and `hepflow scan` write and draw."""

import pytest
from matplotlib.text import Text

ROWS = "low,high,count\n" + "".join(
    f"{low},{low + 20},{round(1e5 * ((low / 200) ** -5 - ((low + 20) / 200) ** -5))}\n"
    for low in range(200, 600, 20)
)
NAMED = "# resonance: m_mumu\n# label: $m_{\\mu\\mu}$\n# title: dimuon mass\n"
REGION = ("--signal-region", 300, 340)
OF_DIJETS = ("m_jj", "m_{jj}", "ijet mass", r"m\_jj")


@pytest.fixture
def drawn(monkeypatch):
    """Return the texts of figures as they are drawn."""
    found = {}

    def keep(figures, folder):
        found.update({name: [one.get_text() for one in each.canvas.findobj(Text)] for name, each in figures})

    monkeypatch.setattr("hepflow.plots.save_all", keep)
    return found


COMMANDS = {
    "fit": (
        "fit",
        "mass.csv",
        *REGION,
        "--figures",
        "f",
        "--toys",
        200,
        "--workspace-out",
        "w.json",
        "--json",
    ),
    "scan": (
        *("scan", "mass.csv", "--masses", 300, 360, 60, "--toys", 0, "--limits", "--figures", "f"),
        *("--export", "e", "--json"),
    ),
    "limit": ("limit", "mass.csv", *REGION, "--plot", "l.svg", "--json"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_file_calls_its_mass(hepflow, drawn, tmp_path, command):
    (tmp_path / "mass.csv").write_text(NAMED + ROWS)
    code, out, err = hepflow(*COMMANDS[command])
    assert code == 0, err
    written = [path.read_bytes().decode(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    drawings = [text for texts in drawn.values() for text in texts]
    assert not [word for text in (out, err, *written, *drawings) for word in OF_DIJETS if word in text]
    assert {name for name, texts in drawn.items() if r"$m_{\mu\mu}$ [GeV]" in texts} == {
        "fit": {"spectrum", "smooth_fit", "post_fit_sidebands", "post_fit_signal_region"} & drawn.keys(),
        "scan": {"smooth_fit"},
        "limit": set(),
    }[command]


def test_an_option_says_it(hepflow, drawn, tmp_path):
    (tmp_path / "mass.csv").write_text(ROWS)
    options = ("--resonance", r"$m_{\mu\mu}$", "--toys", 200)
    assert hepflow("fit", "mass.csv", *REGION, "--figures", "f", *options)[0] == 0
    assert r"$m_{\mu\mu}$ [GeV]" in drawn["spectrum"]
    assert (
        hepflow("scan", "mass.csv", "--masses", 300, 300, 1, "--toys", 0, "--figures", "f", *options[:2])[0]
        == 0
    )
    assert r"$m_{\mu\mu}$ [GeV]" in drawn["smooth_fit"]


@pytest.mark.parametrize("said", ["m_mumu [TeV]", "", "..."])
def test_an_option_that_is_no_name(hepflow, tmp_path, said):
    (tmp_path / "mass.csv").write_text(ROWS)
    code, _, err = hepflow("fit", "mass.csv", *REGION, "--resonance", said)
    assert code == 2
    assert f"--resonance {said!r}: expected a name or a label, such as m_mumu; masses are in GeV" in err


def test_a_workspace_has_no_mass_to_name(hepflow, write_workspace):
    code, _, err = hepflow("fit", write_workspace(), "--resonance", "m_mumu")
    assert code == 2
    assert "leave --resonance out" in err
