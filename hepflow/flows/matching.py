"""Conditional flow matching (Lipman et al., arXiv:2210.02747): a velocity learned by regression, an ODE to sample."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

VALIDATION_SEED = 1


class FlowMatching(nn.Module):
    """A continuous flow from a standard normal at time 0 to the data at time 1.

    A network learns the velocity of straight paths ``x_t = (1 - t) z + t x`` from noise to data: its regression on
    ``x - z`` (eq. 23 there, with no noise left at the end) needs no integration. Samples come from the ODE
    ``dx/dt = v(x, t)``, and the log-probability from the trace of the velocity's Jacobian along it (eq. 3 of
    arXiv:1810.01367), computed exactly.

    Parameters
    ----------
    features, context
        Numbers of features and of contexts, the latter 0 for an unconditional density.
    hidden, layers
        Width and number of the hidden layers.
    steps
        Steps of the fourth-order Runge-Kutta method between noise and data.
    """

    def __init__(
        self, features: int, context: int = 0, *, hidden: int = 128, layers: int = 3, steps: int = 16
    ) -> None:
        super().__init__()
        self.features, self.steps = features, steps
        self.register_buffer(
            "frequencies", 2 * math.pi * torch.arange(1, 5, dtype=torch.float32), persistent=False
        )
        size = features + context + 1 + 2 * len(self.frequencies)
        parts: list[nn.Module] = []
        for _ in range(layers):
            parts += [nn.Linear(size, hidden), nn.SiLU()]
            size = hidden
        self.network = nn.Sequential(*parts, nn.Linear(size, features))

    frequencies: Tensor

    def velocity(self, x: Tensor, time: Tensor, context: Tensor | None) -> Tensor:
        """Return dx/dt (N, D) at positions (N, D), times (N, 1) and contexts (N, C)."""
        angles = time * self.frequencies.to(time.dtype)
        columns = [x, time, angles.sin(), angles.cos(), *([] if context is None else [context])]
        velocity: Tensor = self.network(torch.cat(columns, dim=1))
        return velocity

    def loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the squared error (N,) of the velocity at one random point of each event's path.

        Without gradients, as in a validation, points and noise are the same at each call.
        """
        generator = (
            None if torch.is_grad_enabled() else torch.Generator(x.device).manual_seed(VALIDATION_SEED)
        )
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        time = torch.rand(len(x), 1, generator=generator, device=x.device, dtype=x.dtype)
        found = self.velocity((1 - time) * noise + time * x, time, context)
        return (found - (x - noise)).square().sum(1)

    def sample_from(self, noise: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the data (N, D) that a standard normal (N, D) flows to."""
        x = noise
        for step in range(self.steps):
            x = x + self._step(x, step / self.steps, 1 / self.steps, context)
        return x

    def transform_to_noise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the noise (N, D) that data (N, D) come from."""
        for step in range(self.steps, 0, -1):
            x = x + self._step(x, step / self.steps, -1 / self.steps, context)
        return x

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the log-probability (N,) of data (N, D)."""
        total = x.new_zeros(len(x))
        for step in range(self.steps, 0, -1):
            change, trace = self._step_with_trace(x, step / self.steps, -1 / self.steps, context)
            x, total = x + change, total + trace
        return total - 0.5 * (x.square() + math.log(2 * math.pi)).sum(1)

    def _step(self, x: Tensor, time: float, length: float, context: Tensor | None) -> Tensor:
        """Return the change of x over a step of the Runge-Kutta method."""
        slopes = [x.new_zeros(())]
        for part in (0.0, 0.5, 0.5, 1.0):
            at = x.new_full((len(x), 1), time + part * length)
            slopes.append(self.velocity(x + part * length * slopes[-1], at, context))
        _, k1, k2, k3, k4 = slopes
        return length / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    def _step_with_trace(
        self, x: Tensor, time: float, length: float, context: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the change of x over a step, and that of the log-determinant of the way from x to noise."""
        slope, changes, traces = x.new_zeros(()), [], []
        for part in (0.0, 0.5, 0.5, 1.0):
            at = x.new_full((len(x), 1), time + part * length)
            slope, trace = self._velocity_and_trace(x + part * length * slope, at, context)
            changes.append(slope)
            traces.append(trace)
        weights = x.new_tensor([1, 2, 2, 1]) * (length / 6)
        return torch.tensordot(weights, torch.stack(changes), 1), torch.tensordot(
            weights, torch.stack(traces), 1
        )

    def _velocity_and_trace(self, x: Tensor, time: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        wanted = torch.is_grad_enabled()
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            velocity = self.velocity(x, time, context)
            trace = x.new_zeros(len(x))
            for feature in range(x.shape[1]):
                (row,) = torch.autograd.grad(
                    velocity[:, feature].sum(), x, create_graph=wanted, retain_graph=True
                )
                trace = trace + row[:, feature]
        return (velocity, trace) if wanted else (velocity.detach(), trace.detach())
