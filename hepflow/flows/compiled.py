"""Whole autoregressive spline flows in compiled code (`autoregressive.c`): a training step's losses and derivatives.

Layer by layer in torch (`made.py`, `spline.py`), more time goes into moving what lies between the products, and into
products with zeros of the masks, than into the rest. The numbers are the same but for the order in which products are
summed. Where there is no compiler, and for all other flows, the torch code runs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepflow.flows import native
from hepflow.flows.made import Made
from hepflow.flows.spline import EDGE

# as in autoregressive.c
ROWS = 4
WIDTH = 64
TOGETHER = 8
PARTS = 4  # at most, into which a member's events are cut
PER_PART = 2  # blocks of events at least
ENOUGH_FOR_THREADS = 8  # blocks of events, times layers: below, starting threads costs more than they save

Places = NDArray[np.int32]


class _Flow(ctypes.Structure):
    """What autoregressive.c knows of a flow, field by field."""

    _fields_ = (
        *(
            (name, ctypes.c_long)
            for name in (
                *("members", "events", "layers", "features", "contexts", "units", "blocks", "bins", "parts"),
                *("feature_rows", "context_rows", "outputs", "weights", "entries", "kept", "room"),
            )
        ),
        ("bound", ctypes.c_double),
        ("edge", ctypes.c_double),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("order", "initial_limit", "hidden_limit", "final_limit"),
                *("initial_start", "hidden_start", "final_start", "from_", "to", "table", "x", "context"),
                *("by_y", "by_determinant", "packed", "by_packed", "activations", "scratch"),
                *("y", "determinant", "by_x", "by_table"),
            )
        ),
    )


class CompiledFlow:
    """Spline layers of one shape, evaluated and differentiated in one call.

    Parameters
    ----------
    layers
        Of one shape, as `fits` says.
    orders
        The features that each layer reads, of what the one before gave, and the order of the last one's outputs.
    shapes
        Name and shape of each entry of the table, in turn.
    prefixes
        What precedes the names of each layer's network in the table.
    context
        Width of the contexts that are given.
    """

    SIZES = (
        *("layers", "features", "contexts", "units", "blocks", "bins", "bound"),
        *("feature_rows", "context_rows", "outputs", "weights", "entries", "kept"),
    )

    def __init__(
        self,
        layers: Sequence[Any],
        orders: Sequence[Sequence[int]],
        shapes: Mapping[str, torch.Size],
        prefixes: Sequence[str],
        context: int,
    ) -> None:
        first = layers[0]
        made: Made = first.made
        self.features = first.autoregressive_net.initial_layer.in_features
        self.bins, self.bound = first.num_bins, float(first.tail_bound)
        self.contexts, self.blocks = context, made.blocks
        degrees = np.sort(made.degrees)
        self.units, self.feature_rows, self.context_rows, self.outputs = (
            -(-size // ROWS) * ROWS
            for size in (len(degrees), self.features, self.contexts, 3 * self.bins - 1)
        )
        ends = np.cumsum([shape.numel() for shape in shapes.values()])
        starts = dict(zip(shapes, [0, *ends[:-1]], strict=True))
        self.entries = int(ends[-1])
        places = [self._places(layer, starts, prefix) for layer, prefix in zip(layers, prefixes, strict=True)]
        self.layers, self.weights = len(layers), len(places[0])
        origin = np.concatenate(places)
        used = origin >= 0
        to = np.full(self.entries, -1)
        to[origin[used]] = np.flatnonzero(used)

        padded = np.concatenate([degrees, np.full(self.units - len(degrees), degrees[-1])])
        known = np.searchsorted(degrees, np.arange(self.features), side="right")  # units for each feature
        groups = self.outputs // ROWS
        last, first_of = padded[ROWS - 1 :: ROWS], padded[::ROWS]
        each = np.arange(0, self.feature_rows, ROWS)
        arrays = {
            "order": np.array(orders),
            "from_": origin,
            "to": to,
            "initial_limit": last,
            "hidden_limit": np.searchsorted(padded, last, side="right"),
            "final_limit": np.repeat(known, groups),
            "initial_start": np.searchsorted(padded, each + 1) // ROWS,
            "hidden_start": np.searchsorted(padded, first_of) // ROWS,
            "final_start": np.minimum(first_of, self.features) * groups,
        }
        self.arrays = {name: np.ascontiguousarray(values, np.int32) for name, values in arrays.items()}
        self.kept = WIDTH * (
            self.feature_rows + (2 * self.blocks + 1) * self.units + self.features * self.outputs
        )
        self._spare: list[Tensor] = []

    def _places(self, layer: Any, starts: Mapping[str, int], prefix: str) -> Places:
        """Return where each packed weight of a layer stands in the table."""
        units = np.argsort(layer.made.degrees, kind="stable")
        used = 3 * self.bins - 1
        parameters = np.arange(self.features * used)

        def linear(
            name: str, rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]
        ) -> list[Places]:
            module = layer.get_submodule(f"{layer.network}{name}")
            weight = np.full(shape, -1, np.int32)
            free = getattr(module, "mask", torch.ones_like(module.weight)).cpu().numpy() > 0
            place = starts[f"{prefix}{name}.weight"] + np.arange(free.size).reshape(free.shape)
            weight[: len(rows), : len(columns)] = np.where(free, place, -1)[rows][:, columns]
            bias = np.full(shape[0], -1, np.int32)
            bias[: len(rows)] = starts[f"{prefix}{name}.bias"] + rows
            return [weight, bias]

        def packed(weight: Places, bias: Places) -> Places:
            grouped = weight.reshape(-1, ROWS, weight.shape[1]).transpose(0, 2, 1)
            return np.concatenate([grouped.ravel(), bias])

        features, contexts = np.arange(self.features), np.arange(self.contexts)
        found = [packed(*linear("initial_layer", units, features, (self.units, self.feature_rows)))]
        by_context = self.units, self.context_rows
        if self.contexts:
            found.append(packed(*linear("context_layer", units, contexts, by_context)))
        for block in range(self.blocks):
            start = f"blocks.{block}."
            square = self.units, self.units
            found.append(packed(*linear(f"{start}linear_layers.0", units, units, square)))
            if self.contexts:
                found.append(packed(*linear(f"{start}context_layer", units, contexts, by_context)))
            found.append(packed(*linear(f"{start}linear_layers.1", units, units, square)))
        weight, bias = linear("final_layer", parameters, units, (len(parameters), self.units))
        rows = np.full((self.features, self.outputs), -1)
        rows[:, :used] = parameters.reshape(-1, used)
        rows = rows.ravel()
        absent = rows < 0
        found.append(packed(np.where(absent[:, None], -1, weight[rows]), np.where(absent, -1, bias[rows])))
        return np.concatenate(found).astype(np.int32)

    def takes(self, table: Tensor, x: Tensor, context: Tensor | None) -> bool:
        """Return whether these are values that the compiled code takes: what else there is, the torch code does."""
        given = [table, x] if context is None else [table, x, context]
        if any(each.device.type != "cpu" or each.dtype != table.dtype for each in given):
            return False
        if context is not None and (
            context.shape[:-1] != x.shape[:-1] or (context.requires_grad and torch.is_grad_enabled())
        ):
            return False
        shapes = (len(table), x.shape[-1], 0 if context is None else context.shape[-1])
        expected = (len(x), self.features, self.contexts)
        return (
            x.numel() > 0
            and shapes == expected
            and table.dtype in native.PRECISIONS
            and native.library() is not None
        )

    def transform(self, table: Tensor, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Map features (E, B, D) to the latent (E, B, D); return it and the log-determinants (E, B).

        Differentiable by the table (E, P) of all members' weights and by the features, once.
        """
        given = x.contiguous(), None if context is None else context.contiguous()
        if not (torch.is_grad_enabled() and (table.requires_grad or x.requires_grad)):
            return self._evaluate("forward", _Call(self, table, *given, differentiable=False))
        found: tuple[Tensor, Tensor] = _Transform.apply(table, *given, self)  # type: ignore[no-untyped-call]
        return found

    def inverse(self, table: Tensor, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Invert a single layer: features (E, B, D) and the inverse's log-determinants (E, B). Not differentiable."""
        assert self.layers == 1
        given = None if context is None else context.contiguous()
        return self._evaluate("inverse", _Call(self, table, z.contiguous(), given, differentiable=False))

    def _evaluate(self, function: str, call: _Call) -> tuple[Tensor, Tensor]:
        y, determinant = torch.empty_like(call.x), call.x.new_empty(call.x.shape[:2])
        call.point(y=y, determinant=determinant)
        call.run("pack", call.members)
        call.run(function, call.tasks)
        return y, determinant

    def take_room(self, length: int, like: Tensor) -> Tensor:
        """Return memory, that of the last step if it fits: new memory costs more time than what is done in it."""
        room = self._spare.pop() if self._spare else like.new_empty(0)
        return room if len(room) == length and room.dtype == like.dtype else like.new_empty(length)

    def give_back(self, room: Tensor) -> None:
        """Take memory back for the next step."""
        self._spare.append(room)


class _Call:
    """An evaluation by autoregressive.c, and its derivatives: what they read and write, and who shares the work."""

    def __init__(
        self, flow: CompiledFlow, table: Tensor, x: Tensor, context: Tensor | None, differentiable: bool
    ) -> None:
        self.flow, self.x = flow, x
        self.members, events, _ = x.shape
        blocks = -(-events // WIDTH)
        parts = max(1, min(PARTS, blocks // PER_PART))
        self.tasks = self.members * parts
        self.worth = self.members * blocks * flow.layers >= ENOUGH_FOR_THREADS
        self.fields = _Flow(events=events, parts=parts, members=self.members, edge=EDGE)
        for name in flow.SIZES:
            setattr(self.fields, name, getattr(flow, name))
        for name, places in flow.arrays.items():
            setattr(self.fields, name, places.ctypes.data)

        scratch = flow.kept + (flow.units + flow.context_rows + 2 * flow.feature_rows) * WIDTH
        lengths = {"packed": self.members * flow.layers * flow.weights}
        if differentiable:
            by_layer = flow.features * flow.outputs + 2 * flow.units
            wide = 2 * flow.feature_rows + flow.context_rows + 1 + by_layer
            scratch = max(scratch, TOGETHER * WIDTH * wide)
            lengths["by_packed"] = parts * lengths["packed"]
            lengths["activations"] = self.members * blocks * flow.layers * flow.kept
        lengths["scratch"] = self.tasks * scratch
        self.fields.room = scratch
        length = sum(lengths.values())
        self.room = flow.take_room(length, x) if differentiable else x.new_empty(length)
        self._alive: list[Tensor] = []
        self.point(**dict(zip(lengths, torch.split(self.room, list(lengths.values())), strict=True)))
        self.point(table=table.detach().contiguous(), x=x)
        if context is not None:
            self.point(context=context)

    def point(self, **tensors: Tensor) -> None:
        """Point to contiguous tensors, and keep them."""
        for name, each in tensors.items():
            setattr(self.fields, name, each.data_ptr())
        self._alive += tensors.values()

    def run(self, function: str, tasks: int) -> None:
        """Run a function on all members, or all parts of their events."""
        compiled = getattr(native.library(), f"flow_{function}_{native.PRECISIONS[self.x.dtype][0]}")
        flow = ctypes.byref(self.fields)

        def some(first: int, last: int) -> None:
            compiled(flow, ctypes.c_long(first), ctypes.c_long(last))

        native.in_threads(some, tasks, self.worth)


class _Transform(torch.autograd.Function):
    """All layers of a flow, and their derivatives."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, x: Tensor, context: Tensor | None, flow: CompiledFlow
    ) -> tuple[Tensor, Tensor]:
        ctx.call = _Call(flow, table, x, context, differentiable=True)
        ctx.save_for_backward(table, x, context)  # so that none of them is changed before
        return flow._evaluate("forward", ctx.call)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_y: Tensor, by_determinant: Tensor) -> tuple[Tensor, Tensor, None, None]:
        table, x, _ = ctx.saved_tensors
        call: _Call | None = ctx.call
        if call is None:
            raise RuntimeError("the derivatives of this evaluation were taken already; evaluate it again")
        ctx.call = None
        by_table, by_x = torch.empty_like(table), torch.empty_like(x)
        call.point(by_y=by_y.contiguous(), by_determinant=by_determinant.contiguous())
        call.point(by_table=by_table, by_x=by_x)
        call.run("backward", call.tasks)
        call.run("unpack", call.members)
        call.flow.give_back(call.room)
        return by_table, by_x, None, None


_SINGLE: dict[Any, CompiledFlow | None] = {}


def single(layer: Any, context: int) -> CompiledFlow | None:
    """Return one layer in compiled code, shared by all of its shape; None where that does not have it."""
    if layer.made is None or not hasattr(layer, "num_bins"):
        return None
    features = layer.autoregressive_net.initial_layer.in_features
    shape = layer.made, features, layer.num_bins, layer.tail_bound, context
    if shape not in _SINGLE:
        straight = list(range(features))
        shapes = {name: each.shape for name, each in layer.autoregressive_net.named_parameters()}
        fit = fits([layer], context)
        _SINGLE[shape] = CompiledFlow([layer], [straight] * 2, shapes, [""], context) if fit else None
    return _SINGLE[shape]


def fits(layers: Sequence[Any], context: int) -> bool:
    """Return whether layers are splines of one shape behind residual networks of rectifiers, with such contexts."""
    if not layers or any(
        getattr(layer, "made", None) is None or not hasattr(layer, "num_bins") for layer in layers
    ):
        return False
    made: Made = layers[0].made
    same = all(
        (layer.made, layer.num_bins, layer.tail_bound) == (made, layers[0].num_bins, layers[0].tail_bound)
        for layer in layers
    )
    rectifiers = made.activation in (functional.relu, torch.relu)
    known = not context or (
        made.context and layers[0].autoregressive_net.context_layer.in_features == context
    )
    return same and known and made.residual and rectifiers and layers[0].num_bins <= native.MAX_BINS
