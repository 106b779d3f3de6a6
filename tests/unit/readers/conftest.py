"""Toy events with zero to four jets, and the files to put them in."""

import awkward as ak
import numpy as np
import pytest
import uproot

FIELDS = ("pt", "eta", "phi", "mass", "tau1", "tau2", "tau3")


@pytest.fixture
def toy():
    """500 events of jets in descending pT, GeV, with a trigger bit, a weight and a truth label."""
    random = np.random.default_rng(7)
    counts = random.integers(0, 5, 500)
    jets = int(counts.sum())
    pt = 200 + random.exponential(400, jets)
    columns = {
        "pt": pt[np.lexsort((-pt, np.repeat(np.arange(500), counts)))],
        "eta": random.normal(0, 1, jets),
        "phi": random.uniform(-np.pi, np.pi, jets),
        "mass": random.exponential(100, jets),
        **{tau: random.uniform(0.01, 0.5, jets) for tau in FIELDS[4:]},
    }
    events = {f"FatJet_{name}": ak.unflatten(column, counts) for name, column in columns.items()}
    events["HLT_PFJet500"] = random.random(500) > 0.5
    events["genWeight"] = random.normal(1, 0.1, 500)
    events["truth"] = random.integers(0, 2, 500).astype(np.int32)
    return events


@pytest.fixture
def write_tree():
    """Return a function that writes columns to a TTree, in several baskets."""

    def write(path, columns, tree="Events", step=130):
        with uproot.recreate(path) as file:
            arrays = {name: ak.Array(column) for name, column in columns.items()}
            written = file.mktree(tree, {name: array.type.content for name, array in arrays.items()})
            for start in range(0, len(next(iter(arrays.values()))), step):
                written.extend({name: array[start : start + step] for name, array in arrays.items()})
        return path

    return write


@pytest.fixture
def tree_file(tmp_path, toy, write_tree):
    """The toy events as a NanoAOD-like TTree."""
    return write_tree(tmp_path / "toy.root", toy)
