"""The page on publishing: its Python runs as it stands, from top to bottom."""

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from hepflow.atomic import write_text
from hepflow.records import write_json
from hepflow.smooth import SQRT_S

PAGE = Path(__file__).parents[3] / "docs" / "publishing.md"


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.skipif(find_spec("hepdata_lib") is None, reason="needs hepflow[hepdata]")
def test_every_snippet(results, points, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/demo/workspaces").mkdir(parents=True)
    results.write("runs/demo/results.json")
    write_json("runs/demo/workspaces/eps0.01.json", points[0][1])
    edges = np.linspace(2500, 5000, 51)
    x = 0.5 * (edges[1:] + edges[:-1]) / SQRT_S
    counts = np.random.default_rng(1).poisson(2e4 * (1 - x) ** 10 / x**5 * 1e-6)
    rows = (f"{low},{high},{count}" for low, high, count in zip(edges, edges[1:], counts, strict=False))
    write_text("mjj.csv", "\n".join(rows))
    namespace = {}
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(snippets) == 10
    for snippet in snippets:
        needed = next((package for package in ("pyhs3", "onnx") if package in snippet), "hepflow")
        if find_spec("onnxruntime" if needed == "onnx" else needed) is not None:
            exec(compile(snippet, PAGE.name, "exec"), namespace)
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {
        "background_only.json",
        "patchset.json",
        "hs3.json",
        "hepdata.tar.gz",
        "scan.tar.gz",
        "scan.json",
        "histograms.root",
        "histograms.json",
        "classifier.safetensors",
    } <= written
