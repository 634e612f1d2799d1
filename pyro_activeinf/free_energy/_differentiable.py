"""A loss with gradients, also of those of Pyro's ELBOs that have none of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from pyro.distributions.util import is_identically_zero
from pyro.infer import ELBO, RenyiELBO, TraceGraph_ELBO
from pyro.infer.util import get_dependent_plate_dims, torch_sum
from pyro.poutine import Trace
from torch import Tensor

from .._checks import complain

Loss = Callable[..., Tensor]


def differentiable(elbo: ELBO) -> Loss:
    """The loss of an ELBO as a tensor whose gradient is that of ``loss_and_grads``."""
    if own := getattr(elbo, "differentiable_loss", None):
        return own
    if isinstance(elbo, TraceGraph_ELBO):
        return partial(_graph_loss, elbo)
    if isinstance(elbo, RenyiELBO):
        return partial(_renyi_loss, elbo)
    raise TypeError(
        complain(
            "elbo",
            "an ELBO with differentiable_loss",
            type(elbo).__name__,
            "Its loss and loss_and_grads can be used.",
        )
    )


def _graph_loss(elbo: Any, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Tensor:
    value, surrogate = elbo._loss_and_surrogate_loss(model, guide, args, kwargs)
    return valued(-value, surrogate)


def _renyi_loss(elbo: Any, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Tensor:
    r"""-log E[w^(1 - alpha)] / (1 - alpha), with w = p / q.

    Reference: Li and Turner (2016), "Renyi divergence variational inference", eqs. 6 and 12.
    """
    pairs = [
        _renyi_particle(elbo, *traces) for traces in elbo._get_traces(model, guide, args, kwargs)
    ]
    vectorized = elbo.vectorize_particles and elbo.num_particles > 1
    log_ratio, surrogate = (
        x[0] if vectorized else torch.stack(x) for x in zip(*pairs, strict=True)
    )
    log_weights = (1.0 - elbo.alpha) * log_ratio.detach()
    log_mean = log_weights.logsumexp(0, keepdim=True) - math.log(elbo.num_particles)
    weighted = ((log_weights - log_mean).exp() * surrogate).sum() / elbo.num_particles
    return valued(-log_mean.sum() / (1.0 - elbo.alpha), -weighted)


def _renyi_particle(elbo: Any, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
    """The log-ratio of a particle, and the term that has its gradient."""
    dims = get_dependent_plate_dims(model_trace.nodes.values())
    log_p = sum(torch_sum(site["log_prob"], dims) for site in _samples(model_trace))
    log_ratio = surrogate = log_p
    for site in _samples(guide_trace):
        log_q = torch_sum(site["log_prob"], dims)
        log_ratio = log_ratio - log_q
        sampled = is_identically_zero(site["score_parts"].entropy_term)
        surrogate = surrogate + log_q * (elbo.alpha / (1.0 - elbo.alpha) if sampled else -1.0)
    return log_ratio, surrogate


def _samples(trace: Trace) -> list[Any]:
    return [site for site in trace.nodes.values() if site["type"] == "sample"]


def valued(value: Tensor, surrogate: Tensor) -> Tensor:
    """The first one's value with the second one's gradient."""
    return value.detach() + (surrogate - surrogate.detach())
