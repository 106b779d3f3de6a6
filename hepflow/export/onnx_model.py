"""A cross-fitted classifier as ONNX (https://onnx.ai), which C++, Java or a browser can evaluate.

The model takes features ``(N, D)``, double precision, in the units and order of the training (GeV for masses), and
gives the mean log density ratio of all folds, ``(N,)``, single precision. Trees compare the features themselves: a
split at a number of a bin is one at that bin's edge. Networks see ranks, made by linear interpolation between knots
and a polynomial in place of the normal quantile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from hepflow.atomic import atomic_write
from hepflow.classifiers import BoostedTrees, CrossFit, NeuralNetwork
from hepflow.classifiers.mlp import TAIL, Ranks
from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.version import __version__

OPSETS = {"": 17, "ai.onnx.ml": 3}  # those of 2022, which runtimes of today and of years ago read
IR_VERSION = 8
DEGREE = 20  # of the polynomial: 2e-9 of the quantile, less than a network's single precision can tell


def write_onnx(path: str | Path, fit: CrossFit) -> None:
    """Write the classifiers of a cross-fit as one ONNX model: their mean, as `CrossFit.log_ratio` gives it.

    Parameters
    ----------
    path
        The file, ``*.onnx``.
    fit
        Of `BoostedTrees` or of `NeuralNetwork`.

    Raises
    ------
    ConfigError
        If onnx is not installed, or the classifiers are of another kind or know m_jj.
    InputError
        If the file cannot be written.
    """
    try:
        import onnx  # optional, and slow to import
    except ImportError:
        raise ConfigError("ONNX files need onnx: pip install 'hepflow[onnx]'") from None
    graph = _Graph()
    names = _features(fit)
    trees = [one for one in fit.classifiers if isinstance(one, BoostedTrees)]
    if trees:
        scores = _forest(graph, trees)
    else:
        each = [_network(graph, one) for one in fit.classifiers if isinstance(one, NeuralNetwork)]
        scores = graph.add("Mean", *each)
    graph.add("Reshape", scores, graph.constant(np.array([-1])), output="log_ratio")
    helper, kinds = onnx.helper, onnx.TensorProto
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "hepflow",
            [helper.make_tensor_value_info("features", kinds.DOUBLE, ["events", len(names)])],
            [helper.make_tensor_value_info("log_ratio", kinds.FLOAT, ["events"])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid(domain, number) for domain, number in OPSETS.items()],
        ir_version=IR_VERSION,
        producer_name="hepflow",
        producer_version=__version__,
        doc_string="Mean log density ratio, data to background template, of events that no classifier was trained on",
    )
    helper.set_model_props(model, {"features": json.dumps(names)})
    onnx.checker.check_model(model)
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def has_onnx(fit: CrossFit) -> bool:
    """Return whether `write_onnx` has a model for the classifiers of a cross-fit."""
    first, *others = fit.classifiers
    known = isinstance(first, BoostedTrees) or (isinstance(first, NeuralNetwork) and not first.with_mass)
    return known and all(type(other) is type(first) for other in others)


def _features(fit: CrossFit) -> tuple[str, ...]:
    """Return the features of a cross-fit that has a model; refuse another."""
    if not has_onnx(fit):
        kinds = sorted({type(one).__name__ for one in fit.classifiers})
        raise ConfigError(
            f"no ONNX for classifiers of the kind {', '.join(kinds)}; expected BoostedTrees or NeuralNetwork, of "
            "features alone. Weights (`hepflow.selection.save_weights`) keep any"
        )
    first = fit.classifiers[0]
    assert isinstance(first, BoostedTrees | NeuralNetwork)
    return first.names


class _Graph:
    """The nodes and constants of a model under construction; a value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output


def _forest(graph: _Graph, folds: Sequence[BoostedTrees]) -> str:
    """Add the trees of all folds as one ensemble, whose sum is the mean of all members; return it, (N, 1)."""
    from onnx import numpy_helper

    parts: list[dict[str, NDArray[Any]]] = []
    start, count = 0.0, 0
    for fold in folds:
        assert fold.forest is not None
        bounds = [np.concatenate([[-np.inf], edges, [np.inf]]) for edges in fold.edges]
        share = 1 / (len(folds) * len(fold.forest.members))
        start += share * float(fold.forest.baselines.sum())
        for tree in (tree for member in fold.forest.members for tree in member):
            nodes = tree.nodes
            values = np.zeros(len(nodes))
            for feature, edges in enumerate(bounds):  # bin <= k where x <= edge k
                own = (nodes["is_leaf"] == 0) & (nodes["feature_idx"] == feature)
                last = np.clip(np.floor(nodes["num_threshold"][own]), -1, len(edges) - 2)
                values[own] = edges[1 + last.astype(np.intp)]
            parts.append(
                {
                    "tree": np.full(len(nodes), count),
                    "node": np.arange(len(nodes)),
                    "leaf": nodes["is_leaf"] == 1,
                    "feature": nodes["feature_idx"],
                    "value": values,
                    "left": nodes["left"],
                    "right": nodes["right"],
                    "weight": share * nodes["value"],
                }
            )
            count += 1
    if not count:
        parts.append(
            {"tree": np.zeros(1), "node": np.zeros(1), "leaf": np.ones(1, bool), "weight": np.zeros(1)}
        )
        parts[0] |= {name: np.zeros(1) for name in ("feature", "value", "left", "right")}
    table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    integers = {
        name: table[name].astype(np.int64).tolist() for name in ("tree", "node", "feature", "left", "right")
    }
    leaf = table["leaf"]
    return graph.add(
        "TreeEnsembleRegressor",
        "features",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=integers["tree"],
        nodes_nodeids=integers["node"],
        nodes_featureids=integers["feature"],
        nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_values_as_tensor=numpy_helper.from_array(table["value"]),
        nodes_truenodeids=integers["left"],
        nodes_falsenodeids=integers["right"],
        target_treeids=table["tree"][leaf].astype(np.int64).tolist(),
        target_nodeids=table["node"][leaf].astype(np.int64).tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights_as_tensor=numpy_helper.from_array(table["weight"][leaf]),
        base_values_as_tensor=numpy_helper.from_array(np.array([start])),
    )


def _network(graph: _Graph, fold: NeuralNetwork) -> str:
    """Add the ranks and all networks of a fold, side by side; return their mean, (N, 1)."""
    assert fold.ranks is not None
    rank = _ranks(graph, fold.ranks)
    x = _pieces(graph, rank, fold.bins) if fold.bins else _normal(graph, rank)
    x = graph.add("Cast", x, to=1)  # to single precision
    layers = len(fold.hidden) + 1
    for layer in range(layers):
        weight, bias = (fold.networks[f"{layer}.{what}"].numpy() for what in ("weight", "bias"))
        x = graph.add("MatMul", x, graph.constant(weight.transpose(0, 2, 1)))
        x = graph.add("Add", x, graph.constant(bias[:, None, :]))
        x = graph.add("Relu", x) if layer < layers - 1 else x
    return graph.add("ReduceMean", x, axes=[0], keepdims=0)


def _ranks(graph: _Graph, ranks: Ranks) -> str:
    """Add the ranks of the features, from 0 to 1; return them, (N, D)."""
    columns = []
    for number, (knots, images) in enumerate(ranks.tables()):
        x = graph.add("Gather", "features", graph.constant(np.array([number])), axis=1)
        if len(knots) == 1:  # a constant
            columns.append(graph.add("Add", graph.add("Sub", x, x), graph.constant(images)))
            continue
        widths = np.diff(knots)
        inside = graph.add(
            "Max", graph.add("Sub", x, graph.constant(knots[:-1])), graph.constant(np.zeros(1))
        )
        inside = graph.add("Min", inside, graph.constant(widths))  # how much of each piece lies below x
        slopes = np.array(
            [(high - low) / width for (low, high), width in zip(pairwise(images), widths, strict=True)]
        )
        risen = graph.add("MatMul", inside, graph.constant(slopes[:, None]))
        columns.append(graph.add("Add", risen, graph.constant(images[:1])))
    return graph.add("Concat", *columns, axis=1)


def _pieces(graph: _Graph, rank: str, bins: int) -> str:
    """Add ranks (N, D), encoded piece by piece; return that, (N, D bins)."""
    each = graph.add(
        "Unsqueeze",
        graph.add("Mul", rank, graph.constant(np.array(float(bins)))),
        graph.constant(np.array([2])),
    )
    each = graph.add("Sub", each, graph.constant(np.arange(float(bins))))
    each = graph.add("Clip", each, graph.constant(np.array(0.0)), graph.constant(np.array(1.0)))
    return graph.add("Flatten", each, axis=1)


def _normal(graph: _Graph, rank: str) -> str:
    """Add the map of ranks (N, D) to a normal distribution, which ends at those of the tails; return it."""
    return _quantile(
        graph, graph.add("Clip", rank, graph.constant(np.array(TAIL)), graph.constant(np.array(1 - TAIL)))
    )


def _quantile(graph: _Graph, rank: str) -> str:
    """Add the normal quantile of ranks (N, D) between the tails: ``t P(t^2)`` of their log-odds t."""
    reach = float(logit(1 - TAIL)) ** 2
    powers = _polynomial(reach)
    rest = graph.add("Sub", graph.constant(np.array(1.0)), rank)
    odds = graph.add("Sub", graph.add("Log", rank), graph.add("Log", rest))
    scaled = graph.add("Mul", graph.add("Mul", odds, odds), graph.constant(np.array(2 / reach)))
    scaled = graph.add("Sub", scaled, graph.constant(np.array(1.0)))
    total = graph.constant(np.array(powers[-1]))
    for coefficient in powers[-2::-1]:  # Horner's rule
        total = graph.add("Add", graph.add("Mul", total, scaled), graph.constant(np.array(coefficient)))
    return graph.add("Mul", odds, total)


def _polynomial(reach: float) -> FloatArray:
    """Return the coefficients in ``u = 2 t^2 / reach - 1`` of the quantile over its log-odds t, an even function."""

    def over_odds(u: FloatArray) -> FloatArray:
        odds = np.sqrt(0.5 * reach * (u + 1))
        return np.asarray(ndtri(expit(odds)) / odds)

    chebyshev = np.polynomial.Chebyshev.interpolate(over_odds, DEGREE)
    return np.asarray(chebyshev.convert(kind=np.polynomial.Polynomial).coef)
