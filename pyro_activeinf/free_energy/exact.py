"""Expected free energy where outcomes can be enumerated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import complain, positive_int
from ..filters.prediction import Estimate, Prediction
from ._listed import listed_terms
from .estimator import Estimator, States
from .outcome_rules import Listed, OutcomeRule


@dataclass(frozen=True)
class Exact(Estimator):
    r"""Every outcome enumerated: no noise but that of the particles.

    .. math::
        I(s; o) = \sum_o \sum_j w_j \, p(o|s_j) \log \frac{p(o|s_j)}{\sum_i w_i \, p(o|s_i)}

    Where states are a whole support, as those of a discrete belief are, it agrees with
    :class:`~pyro_activeinf.filters.ExactFilter` to rounding. With drawn particles it has no bias
    from the outcomes, and one of order 1 / particles, downward, from the mixture.

    Args:
        outcomes: number of joint outcomes that may be enumerated, about: what memory is planned by.

    Raises:
        ValueError: on a call, for a site whose outcomes cannot be listed.

    Reference: Friston et al. (2015), "Active inference and epistemic value", eq. 6.

    Example:
        >>> import pyro, pyro.distributions as dist, torch
        >>> from pyro_activeinf.filters.prediction import Likelihood
        >>> look = lambda s: pyro.sample("o", dist.Bernoulli(torch.tensor([0.1, 0.9])[s["s"]]))
        >>> likelihood = Likelihood(look, {"s": torch.arange(2)}, (2,))
        >>> halves = torch.full((2,), 0.5).log()
        >>> prediction = Prediction(1, likelihood.states, halves, likelihood, lambda values: {})
        >>> round(Exact()(prediction).epistemic.item(), 4)  # log 2 - H[0.1]
        0.3681
    """

    outcomes: int = 64
    states = States.LISTED

    def __post_init__(self) -> None:
        positive_int("outcomes", self.outcomes)

    def __call__(self, prediction: Prediction) -> Estimate:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return listed_terms(prediction, _Finite(), 2**30)

    def numbers(self, particles: int) -> int:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return 4 * particles * self.outcomes


class _Finite(OutcomeRule):
    def __call__(self, site: str, fn: Any) -> Listed:
        raise ValueError(
            complain(
                f"site '{site}'",
                "a distribution with a finite support",
                type(fn).__name__,
                "Mixed() takes real outcomes beside discrete ones, Nested() any.",
            )
        )
