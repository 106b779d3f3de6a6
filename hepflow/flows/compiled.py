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
PARTS = 8  # at most, into which a member's events are cut
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
                *("feature_rows", "context_rows", "outputs", "weights", "entries", "kept"),
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
        self.context, self.blocks = context, made.blocks
        degrees = np.sort(made.degrees)
        self.units, self.feature_rows, self.context_rows, self.outputs = (
            -(-size // ROWS) * ROWS
            for size in (len(degrees), self.features, self.context, 3 * self.bins - 1)
        )
        ends = np.cumsum([shape.numel() for shape in shapes.values()])
        starts = dict(zip(shapes, [0, *ends[:-1]], strict=True))
        self.entries = int(ends[-1])
        places = [self._places(layer, starts, prefix) for layer, prefix in zip(layers, prefixes, strict=True)]
        self.layers, self.weights = len(layers), len(places[0])
        self._from = np.concatenate(places)
        self._to = np.full(self.entries, -1, np.int32)
        used = self._from >= 0
        self._to[self._from[used]] = np.flatnonzero(used)
        self._order = np.array(orders, np.int32)

        padded = np.concatenate([degrees, np.full(self.units - len(degrees), degrees[-1])])
        known = np.searchsorted(degrees, np.arange(self.features), side="right")  # units for each feature
        groups = self.outputs // ROWS
        self._initial_limit = padded[ROWS - 1 :: ROWS].astype(np.int32)
        self._hidden_limit = np.searchsorted(padded, padded[ROWS - 1 :: ROWS], side="right").astype(np.int32)
        self._final_limit = np.repeat(known, groups).astype(np.int32)
        # the first group of outputs that depends on any of a group of inputs
        self._initial_start = (
            np.searchsorted(padded, np.arange(0, self.feature_rows, ROWS) + 1) // ROWS
        ).astype(np.int32)
        self._hidden_start = (np.searchsorted(padded, padded[::ROWS]) // ROWS).astype(np.int32)
        self._final_start = (np.minimum(padded[::ROWS], self.features) * groups).astype(np.int32)
        self.kept = WIDTH * (
            self.feature_rows + (2 * self.blocks + 1) * self.units + self.features * self.outputs
        )
        self._spare: list[Tensor] = []

    def _places(self, layer: Any, starts: Mapping[str, int], prefix: str) -> Places:
        """Return where each packed weight of a layer stands in the table."""
        units = np.argsort(layer.made.degrees, kind="stable")
        used = 3 * self.bins - 1
        parameters = np.arange(self.features * used)

        def linear(name: str, rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> list[Places]:
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

        features, contexts = np.arange(self.features), np.arange(self.context)
        found = [packed(*linear("initial_layer", units, features, (self.units, self.feature_rows)))]
        by_context = self.units, self.context_rows
        if self.context:
            found.append(packed(*linear("context_layer", units, contexts, by_context)))
        for block in range(self.blocks):
            start = f"blocks.{block}."
            square = self.units, self.units
            found.append(packed(*linear(f"{start}linear_layers.0", units, units, square)))
            if self.context:
                found.append(packed(*linear(f"{start}context_layer", units, contexts, by_context)))
            found.append(packed(*linear(f"{start}linear_layers.1", units, units, square)))
        weight, bias = linear("final_layer", parameters, units, (len(parameters), self.units))
        rows = np.full((self.features, self.outputs), -1)
        rows[:, :used] = parameters.reshape(-1, used)
        rows = rows.ravel()
        absent = rows < 0
        found.append(
            packed(np.where(absent[:, None], -1, weight[rows]), np.where(absent, -1, bias[rows]))
        )
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
        expected = (len(x), self.features, self.context)
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
        found: tuple[Tensor, Tensor] = _Transform.apply(table, x.contiguous(), None if context is None else context.contiguous(), self)  # type: ignore[no-untyped-call]
        return found

    def inverse(self, table: Tensor, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Invert a single layer: features (E, B, D) and the inverse's log-determinants (E, B). Not differentiable."""
        assert self.layers == 1
        given = None if context is None else context.contiguous()
        return self._evaluate("inverse", table, z.contiguous(), given, None)

    def _evaluate(
        self, function: str, table: Tensor, x: Tensor, context: Tensor | None, activations: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        call = _Call(self, table, x, context)
        call.set(activations=activations, y=(y := torch.empty_like(x)), determinant=(total := x.new_empty(x.shape[:2])))
        wide = self.units + self.context_rows + 2 * self.feature_rows
        call.run(function, call.tasks * (wide * WIDTH + self.kept))
        return y, total

    def take_room(self, length: int, like: Tensor) -> Tensor:
        """Return memory for activations: that of an earlier step, as a rule, since new memory costs time."""
        for place, room in enumerate(self._spare):
            if len(room) == length and room.dtype == like.dtype:
                return self._spare.pop(place)
        return like.new_empty(length)

    def give_back(self, room: Tensor) -> None:
        """Take memory back for the next step."""
        self._spare = [*self._spare[-1:], room]


class _Call:
    """A call of autoregressive.c: what it reads and writes, kept alive, and the threads that share the work."""

    def __init__(self, flow: CompiledFlow, table: Tensor, x: Tensor, context: Tensor | None) -> None:
        self.flow, self.like = flow, x
        members, events, _ = x.shape
        blocks = -(-events // WIDTH)
        parts = max(1, min(PARTS, blocks // PER_PART))
        self.members, self.tasks = members, members * parts
        self.worth = members * blocks * flow.layers >= ENOUGH_FOR_THREADS
        self.fields = _Flow(
            members=members,
            events=events,
            layers=flow.layers,
            features=flow.features,
            contexts=flow.context,
            units=flow.units,
            blocks=flow.blocks,
            bins=flow.bins,
            parts=parts,
            feature_rows=flow.feature_rows,
            context_rows=flow.context_rows,
            outputs=flow.outputs,
            weights=flow.weights,
            entries=flow.entries,
            kept=flow.kept,
            bound=flow.bound,
            edge=EDGE,
        )
        self.alive: list[Any] = []
        for name in ("order", "from", "to"):
            self._array(name, getattr(flow, f"_{name}"))
        for what in ("initial", "hidden", "final"):
            for end in ("limit", "start"):
                self._array(f"{what}_{end}", getattr(flow, f"_{what}_{end}"))
        packed = x.new_empty(members * flow.layers * flow.weights)
        self.set(table=table.detach().contiguous(), x=x, context=context, packed=packed)

    def _array(self, name: str, values: Places) -> None:
        setattr(self.fields, "from_" if name == "from" else name, values.ctypes.data)

    def set(self, **tensors: Tensor | None) -> None:
        """Point to contiguous tensors."""
        for name, each in tensors.items():
            if each is not None:
                self.alive.append(each)
                setattr(self.fields, name, each.data_ptr())

    def run(self, function: str, scratch: int) -> None:
        """Pack the weights, and run a function on all parts of the events."""
        self.set(scratch=self.like.new_empty(scratch))
        self._share("pack", self.members)
        self._share(function, self.tasks)
        if function == "backward":
            self._share("unpack", self.members)

    def _share(self, function: str, tasks: int) -> None:
        run = getattr(native.library(), f"flow_{function}_{native.PRECISIONS[self.like.dtype][0]}")
        pointer = ctypes.byref(self.fields)
        native.in_threads(
            lambda first, last: run(pointer, ctypes.c_long(first), ctypes.c_long(last)), tasks, self.worth
        )


class _Transform(torch.autograd.Function):
    """All layers of a flow, and their derivatives."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, x: Tensor, context: Tensor | None, flow: CompiledFlow
    ) -> tuple[Tensor, Tensor]:
        room = None
        if any(ctx.needs_input_grad):
            blocks = -(-x.shape[1] // WIDTH)
            room = flow.take_room(len(x) * blocks * flow.layers * flow.kept, x)
            ctx.save_for_backward(table, x, context)
            ctx.flow, ctx.room = flow, room
        return flow._evaluate("forward", table, x, context, room)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_y: Tensor, by_determinant: Tensor) -> tuple[Tensor, Tensor, None, None]:
        table, x, context = ctx.saved_tensors
        flow, room = ctx.flow, ctx.room
        if room is None:
            raise RuntimeError("the derivatives of this evaluation were taken already; evaluate it again")
        ctx.room = None
        call = _Call(flow, table, x, context)
        by_table, by_x = torch.empty_like(table), torch.empty_like(x)
        call.set(
            by_y=by_y.contiguous(),
            by_determinant=by_determinant.contiguous(),
            activations=room,
            by_x=by_x,
            by_table=by_table,
            by_packed=x.new_empty(call.tasks * flow.layers * flow.weights),
        )
        wide = 2 * flow.feature_rows + flow.context_rows + 1 + flow.features * flow.outputs + 2 * flow.units
        call.run("backward", call.tasks * TOGETHER * wide * WIDTH)
        flow.give_back(room)
        return by_table, by_x, None, None


def fits(layers: Sequence[Any]) -> bool:
    """Return whether layers are splines of one shape behind residual networks of rectifiers."""
    if not layers or any(getattr(layer, "made", None) is None or not hasattr(layer, "num_bins") for layer in layers):
        return False
    made: Made = layers[0].made
    same = all(
        (layer.made, layer.num_bins, layer.tail_bound) == (made, layers[0].num_bins, layers[0].tail_bound)
        for layer in layers
    )
    rectifiers = made.activation in (functional.relu, torch.relu)
    return same and made.residual and rectifiers and layers[0].num_bins <= native.MAX_BINS
