"""What a step would tell of the parameters of a model, in nats."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, positive_int
from ..compile import Programs
from ..filters.novelty_draws import add_novelty
from ..filters.particle_program import ParticlePrograms
from ..filters.prediction import Estimate, Likelihood, Prediction
from ..guides.sites import quiet, sampled
from ..models.unroll import random_names
from .outcome_rules import finite_support


@dataclass(frozen=True)
class ParameterDraws:
    """Values of a model's random parameters that are compared with each other.

    Example:
        >>> from pyro_activeinf.models import Ensemble, Neural
        >>> model = Neural(2, 1, uncertainty=Ensemble(3))
        >>> ParameterDraws.of(model).values["dynamics.member"].tolist()
        [0, 1, 2]
    """

    values: Mapping[str, Tensor]  # site: (draws, *event)
    log_weights: Tensor  # (draws): their exponentials sum to 1
    complete: bool  # whether these are all the values there are

    @classmethod
    def of(cls, model: Programs, guide: Any = None, count: int = 16) -> ParameterDraws | None:
        """All values where there is one discrete parameter (an ensemble's member), else draws.

        Args:
            model: whose ``PyroSample`` attributes they are; ``None`` is returned where it has none.
            guide: with ``random_parameters`` to draw from; from the prior without.
            count: number of draws.
        """
        names = random_names(model)
        if not names:
            return None
        listed = _listed(model, names)
        learned = getattr(guide, "random_parameters", None)
        if listed is not None:
            return listed
        if learned is not None:
            return cls.drawn(learned.draw(positive_int("count", count)))
        return cls.drawn(ParticlePrograms(model).draw_parameters((positive_int("count", count),)))

    @classmethod
    def drawn(cls, values: Mapping[str, Tensor]) -> ParameterDraws:
        """Equally likely draws, site to ``(draws, *event)``.

        Raises:
            ValueError: for sites with different numbers of draws, or none.
        """
        counts = {name: len(value) for name, value in values.items()}
        if len(set(counts.values())) != 1:
            raise ValueError(complain("parameters", "as many draws of each site", counts))
        count = next(iter(counts.values()))
        return cls(dict(values), torch.full((count,), -math.log(count)), False)


def _listed(model: Programs, names: set[str]) -> ParameterDraws | None:
    program: Any = model
    fns = {name: fn for name, fn in sampled(quiet(program)).items() if name in names}
    if len(fns) != 1:
        return None
    ((name, fn),) = fns.items()
    support = finite_support(fn)
    if support is None:
        return None
    return ParameterDraws({name: support}, fn.log_prob(support).reshape(-1), True)


def with_novelty(estimate: Estimate, prediction: Prediction, draws: ParameterDraws) -> Estimate:
    r"""Terms with the information about parameters, were the step and its outcome seen.

    .. math::
        I(\theta; s', o | s, u) = E\Big[\log \frac{p(s'|s, u, \theta) \, p(o|s', \theta)}
            {\sum_k v_k \, p(s'|s, u, \theta_k) \cdot \sum_k v_k \, p(o|s', \theta_k)}\Big]

    (its two parts are added, each as if the other told nothing). Each particle has a draw of its
    own; where the draws are not all values there are, its own is among those it is compared with,
    so that novelty is at most the logarithm of their number, and a little too low. Every step is
    scored as if nothing had been learned at those before it.

    Args:
        estimate: of the prediction.
        prediction: whose particles carry parameters.
        draws: the values to compare.

    Reference: Friston et al. (2017), "Active inference, curiosity and insight"; Shyam, Jaskowski
    and Gomez (2019), "Model-based active exploration", eq. 7.
    """
    parts = [told(prediction.likelihood, draws)]
    if prediction.moves is not None:
        parts.append(told(prediction.moves(), draws))
    each = sum(parts[1:], parts[0])
    return add_novelty(estimate, prediction.weights, each)


def told(likelihood: Likelihood, draws: ParameterDraws) -> Tensor:
    """log p(x|theta) - log sum_k v_k p(x|theta_k) at each particle, ``(particles, *batch)``."""
    lead = [1] * len(likelihood.shape)
    spread = {
        name: value.reshape(len(value), *lead, *value.shape[1:])
        for name, value in draws.values.items()
    }
    own = _joint(likelihood)
    under = _joint(likelihood.under(spread))
    log_weights = draws.log_weights.to(own).reshape(-1, *lead)
    mixture = ops.logsumexp(under + log_weights, 0)
    if not draws.complete:
        count = len(draws.log_weights)
        mixture = torch.logaddexp(mixture + math.log(count), own) - math.log(count + 1)
    return own - mixture


def _joint(likelihood: Likelihood) -> Tensor:
    each = list(likelihood.own().values())
    return sum(each[1:], each[0])
