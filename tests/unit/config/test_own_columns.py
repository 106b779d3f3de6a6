"""Resonant variable and features of one's own in a configuration."""

import hashlib
import json

import pytest

from hepflow.config import Config, load_config
from hepflow.errors import ConfigError
from hepflow.quantity import Quantity

TABLE = """\
inputs: {data: {path: a.csv, format: table}}
resonance: {column: m_mumu, label: "$m_{\\\\mu\\\\mu}$", title: dimuon mass}
features: [iso1, {name: dphi, expression: "abs(deltaphi(phi1, phi2))", label: "$\\\\Delta\\\\phi$", unit: rad}]
regions: {signal: [85, 97], sidebands: [[60, 85], [97, 200]]}
fit: {bin_width: 2}
"""


def load(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    return load_config(tmp_path / "a.yaml")


def test_what_a_table_is_asked_for(tmp_path):
    config = load(tmp_path, TABLE)
    features, resonance = config.asked
    dphi = Quantity("dphi", r"$\Delta\phi$", "rad", expression="abs(deltaphi(phi1, phi2))")
    assert features == ["iso1", dphi]
    assert resonance == Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV", "dimuon mass", "m_mumu")
    assert load(tmp_path, config.to_yaml()) == config
    short = TABLE.replace(TABLE.splitlines()[1], "resonance: m_mumu")
    assert load(tmp_path, short).asked[1] == Quantity("m_mumu", "", "GeV", "", "m_mumu")


def test_without_a_resonance_the_hash_is_as_before(tmp_path):
    usual = (
        "inputs: {data: {path: a.h5, format: lhco}}\n"
        "regions: {signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}\n"
    )
    values = load(tmp_path, usual).model_dump(mode="json", exclude=Config.beside_results)
    del values["resonance"]
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
    assert load(tmp_path, usual).hash() == hashlib.sha256(canonical).hexdigest()[:16]
    own = usual + "features: [m_J1, {name: hbb, expression: 'FatJet_btagHbb[:, 0]'}]\n"
    assert load(tmp_path, own).asked == (["m_J1", Quantity("hbb", expression="FatJet_btagHbb[:, 0]")], None)


BAD = {
    "no resonance": (
        "resonance: ",
        "name: a #",
        "resonance: missing: format 'table' needs the column that is searched",
    ),
    "itself": ("[iso1,", "[iso1, m_mumu,", "a.yaml:3: features: 'm_mumu' is the mass that is searched"),
    "by expression": (
        "abs(deltaphi(phi1, phi2))",
        "m_mumu",
        "features: 'm_mumu' is the mass that is searched",
    ),
    "twice": ("[iso1,", "[iso1, iso1,", "features: 'iso1' stands there twice"),
    "two ways": (
        'expression: "abs',
        'column: iso1, expression: "abs',
        "expression: has no meaning beside `column`",
    ),
    "unknown key": ("unit: rad", "units: rad", "unknown key; did you mean 'unit'"),
    "unit": (
        "column: m_mumu,",
        "column: m_mumu, unit: fb,",
        "resonance.unit: expected 'eV', 'keV', 'MeV', 'GeV' or 'TeV'",
    ),
    "no name": (
        "column: m_mumu,",
        "column: m mumu,",
        "name: missing: the column 'm mumu' needs one of letters",
    ),
    "bad name": ("name: dphi", "name: d-phi", "features.1.name: expected"),
    "neither": ("[iso1,", "[5,", "features.0: expected text"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_makes_no_sense(tmp_path, case):
    found, instead, message = BAD[case]
    assert found in TABLE
    with pytest.raises(ConfigError) as error:
        load(tmp_path, TABLE.replace(found, instead))
    assert message in str(error.value)
