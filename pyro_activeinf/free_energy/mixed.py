"""Expected free energy of discrete and real outcomes together."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._checks import positive_int
from ..filters.prediction import Estimate, Prediction
from ._listed import listed_terms
from .estimator import Estimator, States
from .outcome_rules import OutcomeRule, Quadrature


@dataclass(frozen=True)
class Mixed(Estimator):
    r"""Discrete outcomes enumerated; real ones beside them by quadrature, or by draws.

    .. math::
        I(s; d, r) = \sum_j w_j \sum_d p(d|s_j) \int p(r|d, s_j)
            \log \frac{p(d, r|s_j)}{\sum_i w_i \, p(d, r|s_i)} \, dr

    Sites may depend on each other, in either direction. With ``Quadrature`` there is no noise but
    that of the particles; none at all where states are a whole support. ``Draws`` takes any
    distribution, and has the bias of nested Monte Carlo with self-inclusion: downward, of order
    1 / particles.

    Args:
        rule: ``Quadrature(nodes)`` or ``Draws(count)``, for sites whose outcomes have no end.
        memory_limit: bytes that pairs of outcomes and particles may take at a time.

    Raises:
        ValueError: on a call, for a site that the rule does not know.

    Reference: Cover and Thomas (2006), "Elements of information theory", ch. 8, on mixed pairs;
    Friston et al. (2017), "The graphical brain: belief propagation and active inference", for
    models that are discrete and continuous.

    Example:
        >>> import pyro, pyro.distributions as dist, torch
        >>> from pyro_activeinf.filters.prediction import Likelihood
        >>> def look(states):
        ...     pyro.sample("light", dist.Bernoulli(torch.tensor([0.1, 0.9])[states["s"]]))
        ...     pyro.sample("level", dist.Normal(1.0 * states["s"], 0.5))
        >>> states = {"s": torch.arange(2)}
        >>> halves = torch.full((2,), 0.5).log()
        >>> terms = Mixed()(
        ...     Prediction(1, states, halves, Likelihood(look, states, (2,)), lambda values: {})
        ... )
        >>> each = terms.per_site["light"].epistemic + terms.per_site["level"].epistemic
        >>> bool(terms.epistemic < each)  # they tell of the same
        True
    """

    rule: OutcomeRule = field(default_factory=Quadrature)
    memory_limit: int = 2**28
    states = States.LISTED

    def __post_init__(self) -> None:
        positive_int("memory_limit", self.memory_limit)

    def __call__(self, prediction: Prediction) -> Estimate:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return listed_terms(prediction, self.rule, self.memory_limit)

    def numbers(self, particles: int) -> int:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return 64 * particles
