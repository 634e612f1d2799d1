"""Expected free energy by nested Monte Carlo, for any program."""

from __future__ import annotations

from dataclasses import dataclass

from .._checks import positive_int
from ..filters.nested import nested_terms
from ..filters.prediction import Estimate, Prediction
from .estimator import Estimator, States


@dataclass(frozen=True)
class Nested(Estimator):
    r"""Nested Monte Carlo: each particle shows an outcome, weighed against inner particles.

    .. math::
        I(s; o) \approx \frac1N \sum_i \Big[\log p(o_i|s_i)
            - \log \frac1M \sum_{j \in J_i} p(o_i|s_j)\Big]

    **Direction of the bias**, of order 1 / M. By default an outcome's own particle is left out of
    its inner ones: the mixture is then unbiased, and minus its logarithm too large on average
    (Jensen), so that epistemic value is too *high* and G too low; by far, where particles are too
    few to cover each other (but not infinite: an outcome that none of the others could show is held
    against its own particle, too). With ``include_self=True`` the own density counts too often:
    epistemic value is too *low*, never above log M, and G too high. The truth lies between the two.

    Args:
        num_inner: M, inner particles; ``None`` for all there are.
        include_self: whether a particle is among its own inner particles.
        memory_limit: bytes that pairs of outcomes and particles may take at a time.

    Raises:
        ValueError: for a number below one; on a call, where no inner particle would be left.

    Reference: Rainforth et al. (2018), "On nesting Monte Carlo estimators"; Foster et al. (2019),
    "Variational Bayesian optimal experimental design", eq. 4.

    Example:
        >>> import math, pyro, pyro.distributions as dist, torch
        >>> from pyro_activeinf.filters.prediction import Likelihood
        >>> _ = pyro.set_rng_seed(0)
        >>> states = {"s": torch.randn(500)}
        >>> look = lambda s: pyro.sample("o", dist.Normal(s["s"], 1.0))
        >>> prediction = Prediction(
        ...     step=1,
        ...     states=states,
        ...     log_weights=torch.full((500,), -math.log(500)),
        ...     likelihood=Likelihood(look, states, (500,)),
        ...     log_preference=lambda values: {},
        ... )
        >>> low, high = (Nested(include_self=x)(prediction).epistemic for x in (True, False))
        >>> bool(low < high), bool((low - 0.5 * math.log(2)).abs() < 0.1)
        (True, True)
    """

    num_inner: int | None = None
    include_self: bool = False
    memory_limit: int = 2**28
    states = States.DRAWN

    def __post_init__(self) -> None:
        if self.num_inner is not None:
            positive_int("num_inner", self.num_inner)
        positive_int("memory_limit", self.memory_limit)

    def __call__(self, prediction: Prediction) -> Estimate:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return nested_terms(prediction, self.num_inner, self.include_self, self.memory_limit)

    def numbers(self, particles: int) -> int:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        inner = particles if self.num_inner is None else min(self.num_inner, particles)
        return 4 * particles * inner  # pairs, and what is made of them on the way
