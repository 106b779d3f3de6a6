"""A mixture of Gaussians whose parameters an autoregressive network makes (the MADE MoG of nflows)."""

from __future__ import annotations

import torch
from nflows.distributions.mixture import MADEMoG
from torch import Tensor
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows.made import Made, masked_weights


class MixtureAutoregressive(MADEMoG):  # type: ignore[misc]
    """``p(x) = prod_i sum_k w_ik N(x_i | mu_ik, sigma_ik)``, with all parameters functions of ``x_1 ... x_i-1``.

    nflows' distribution with the same ``state_dict`` (MADE, arXiv:1502.03509; mixtures as in arXiv:1306.0186), which
    can be sampled without context too, and computes each hidden unit once.

    """

    @property
    def made(self) -> Made:
        """The shape of the network, which the masks of a loaded state may have changed."""
        made = Made.of(self._made)
        if made is None:
            raise ConfigError("MixtureAutoregressive: expected residual blocks without dropout or batch norm")
        return made

    def sample_given(self, events: int, context: Tensor | None, generator: torch.Generator) -> Tensor:
        """Draw one sample (events, D) for each row of the context (events, C).

        Raises
        ------
        ConfigError
            If the network has dropout, batch norm or other than residual blocks.
        """
        net = self._made
        x = next(net.parameters()).new_zeros(1, net.features, events)
        given = None if context is None else context.T[None].contiguous()
        weights = masked_weights(net)
        with torch.no_grad():
            for feature, outputs in enumerate(self.made.one_by_one(weights, x, given)):
                logits, means, raw = outputs[0].view(net.num_mixture_components, 3, events).unbind(1)
                chosen = torch.multinomial(logits.softmax(0).T, 1, generator=generator).T
                deviation = functional.softplus(raw.gather(0, chosen)) + net.epsilon
                noise = torch.randn(1, events, generator=generator, dtype=x.dtype)
                x[0, feature] = (means.gather(0, chosen) + noise * deviation)[0]
        drawn: Tensor = x[0].T
        return drawn


def show_context_to_the_first_feature(mixture: MixtureAutoregressive) -> MixtureAutoregressive:
    """Give some hidden units the degree 0: functions of the context alone, which all features may use.

    In nflows every hidden unit depends on the first feature, whose own density then cannot depend on the context.
    Flows of several layers in changing order do not suffer from that, but a mixture has one network only.
    """
    net = mixture._made
    inputs = torch.arange(1, net.features + 1)
    hidden = torch.arange(net.hidden_features) % net.features
    net.initial_layer.mask.copy_(hidden[:, None] >= inputs)
    net.initial_layer.degrees.copy_(hidden)
    for block in net.blocks:
        for layer in block.linear_layers:
            layer.mask.copy_(hidden[:, None] >= hidden)
            layer.degrees.copy_(hidden)
        block.degrees = hidden
    outputs = inputs.repeat_interleave(3 * net.num_mixture_components)
    net.final_layer.mask.copy_(outputs[:, None] > hidden)
    return mixture
