"""Expected free energy with a bound on epistemic value: a guide goes from outcomes to states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .._checks import complain
from ..filters.nested import estimate, preferences
from ..filters.prediction import Estimate, Prediction
from ..filters.sampling import Sampler, log_prob
from ..guides import RecognitionGuide
from .estimator import Estimator, States

Reverse = Callable[[Mapping[str, Tensor]], Any]


class Bound(Estimator):
    r"""A lower bound on epistemic value, by a guide as the reverse model r(s|o).

    .. math::
        I(s; o) \ge E_{q(s) p(o|s)}[\log r(s|o) - \log q(s)], \qquad
        I(s; o) - E[..] = E_{q(o)} \, KL[q(s|o) \,\|\, r(s|o)]

    In expectation the bound lies **below** the truth (and G above it) whatever the guide, and is
    equal to it where the guide is the posterior. The draws need not be many: it is noisy, not
    biased. (Where states are particles, the entropy of q(s) is that of their own mixture, which
    is too low; the bound stays one.)

    To make it tight, train the guide on draws of the prediction: :meth:`loss` is what to minimize,
    :func:`~pyro_activeinf.free_energy.tighten` does it. G itself, as a loss for SVI, trains the
    guide as well.

    Args:
        guide: a :class:`~pyro_activeinf.RecognitionGuide`, such as
            ``guides.Amortized(model, [32], flow)``, which is asked to recognize a state from its
            outcome alone; or any Pyro program of the outcomes, site to ``(particles, *batch,
            *event)``, that samples the state sites. It has to broadcast.

    Attributes:
        guide: the same.

    Raises:
        TypeError: for a guide that cannot be called.
        ValueError: on a call, for a guide that does not sample every state site, or a prediction
            whose density of states is unknown (of a belief that was updated, not predicted).

    Reference: Barber and Agakov (2003), "The IM algorithm: a variational approach to information
    maximization", eq. 3; Foster et al. (2019), eq. 5.

    Example:
        >>> import math, pyro, pyro.distributions as dist
        >>> from pyro_activeinf.filters.prediction import Likelihood
        >>> _ = pyro.set_rng_seed(0)
        >>> prior, states = dist.Normal(0.0, 1.0), {"s": torch.randn(5000)}
        >>> look = lambda s: pyro.sample("o", dist.Normal(s["s"], 1.0))
        >>> prediction = Prediction(
        ...     step=1,
        ...     states=states,
        ...     log_weights=torch.full((5000,), -math.log(5000)),
        ...     likelihood=Likelihood(look, states, (5000,)),
        ...     log_preference=lambda values: {},
        ...     log_density=lambda: prior.log_prob(states["s"]),
        ... )
        >>> posterior = Bound(lambda o: pyro.sample("s", dist.Normal(o["o"] / 2, 0.5**0.5)))
        >>> crude = Bound(lambda o: pyro.sample("s", dist.Normal(o["o"] / 3, 1.0)))
        >>> bool((posterior(prediction).epistemic - 0.5 * math.log(2)).abs() < 0.03)
        True
        >>> bool(crude(prediction).epistemic < posterior(prediction).epistemic)
        True
    """

    states = States.DRAWN

    def __init__(self, guide: RecognitionGuide | Reverse) -> None:
        if not callable(guide):
            raise TypeError(
                complain("guide", "a RecognitionGuide, or a program of the outcomes", repr(guide))
            )
        self.guide = guide

    def __call__(self, prediction: Prediction) -> Estimate:
        """See :class:`~pyro_activeinf.free_energy.Estimator`.

        Of a site by itself, a ``RecognitionGuide`` is asked with the other sites missing; any
        other program says nothing about it, and the bound is the trivial one, 0.
        """
        likelihood = prediction.likelihood
        outcomes, log_q = likelihood.sample(), _density(prediction)
        sites = tuple(likelihood.sites)
        joint = self.log_prob(outcomes, prediction) - log_q
        information = [joint, *self._apart(outcomes, prediction, log_q, joint)]
        worth, zero = preferences(prediction), torch.zeros_like(joint)
        entropy = likelihood.entropy()
        return estimate(
            prediction.weights,
            sites,
            [sum(worth.values(), zero), *(worth.get(name, zero) for name in sites)],
            information,
            [sum(entropy.values(), zero), *entropy.values()],
        )

    def log_prob(self, outcomes: Mapping[str, Tensor], prediction: Prediction) -> Tensor:
        """log r(s|o) of each particle's own state, ``(particles, *batch)``, in nats."""
        shape, states = prediction.likelihood.shape, dict(prediction.states)
        sampler = Sampler(shape, states)
        sampler.run(self._reverse, outcomes)
        if sampler.sites.keys() != states.keys():
            raise ValueError(
                complain(
                    "guide",
                    f"samples of the state sites {list(states)}, and of no others",
                    list(sampler.sites),
                )
            )
        each = [log_prob(fn, states[name]).expand(shape) for name, fn in sampler.sites.items()]
        return sum(each[1:], each[0])

    def loss(self, prediction: Prediction) -> Tensor:
        r"""-E[log r(s|o)], a mean over particles and batch: what a guide is trained on, in nats."""
        outcomes = {n: x.detach() for n, x in prediction.likelihood.sample().items()}
        each = prediction.weights * self.log_prob(outcomes, prediction)
        return -each.sum(0).mean()

    def numbers(self, particles: int) -> int:
        """See :class:`~pyro_activeinf.free_energy.Estimator`."""
        return 32 * particles

    @property
    def _reverse(self) -> Reverse:
        if isinstance(self.guide, RecognitionGuide):
            return _recognizing(self.guide)
        return self.guide

    def _apart(
        self, outcomes: dict[str, Tensor], prediction: Prediction, log_q: Tensor, joint: Tensor
    ) -> list[Tensor]:
        if len(outcomes) == 1:
            return [joint]
        if not isinstance(self.guide, RecognitionGuide):
            return [torch.zeros_like(joint) for _ in outcomes]
        return [self.log_prob({n: x}, prediction) - log_q for n, x in outcomes.items()]


def _recognizing(guide: RecognitionGuide) -> Reverse:
    def reverse(outcomes: Mapping[str, Tensor]) -> Any:
        return guide.recognize(None, None, outcomes)

    return reverse


def _density(prediction: Prediction) -> Tensor:
    if prediction.log_density is None:
        raise ValueError(
            complain(
                "belief",
                "one whose density of states is known, as after a prediction",
                "a belief that was updated",
                "Predict first, or take Nested().",
            )
        )
    return prediction.log_density()


def tighten(
    bound: Bound,
    draw: Callable[[], Prediction],
    steps: int = 500,
    rate: float = 1e-2,
) -> list[float]:
    """Train the guide of a bound by Adam, on fresh draws at each step.

    Args:
        bound: whose guide is a torch module (a ``PyroModule``, a ``RecognitionGuide``, ...).
        draw: makes a prediction, such as ``lambda: filter.prediction(filter.predict(belief, u))``.
        steps: gradient steps; the rate falls to 0 over them.
        rate: of Adam.

    Returns:
        The loss -E[log r(s|o)] at each step, in nats.

    Raises:
        TypeError: for a guide that has no parameters of its own.

    Reference: Foster et al. (2019), "Variational Bayesian optimal experimental design", sec. 3.

    Example:
        >>> import math, pyro
        >>> from pyro_activeinf.filters import GaussianFilter
        >>> from pyro_activeinf.free_energy import Estimated
        >>> from pyro_activeinf.guides import Amortized
        >>> from pyro_activeinf.models import LinearGaussian
        >>> pyro.set_rng_seed(0)
        >>> walk = LinearGaussian(torch.eye(1))
        >>> bound = Bound(Amortized(walk, [8]))
        >>> filter = Estimated(GaussianFilter(walk), walk, bound)
        >>> ahead = filter.predict(filter.initial())  # variance 2, seen through noise of 1
        >>> losses = tighten(bound, lambda: filter.prediction(ahead), steps=200, rate=0.05)
        >>> bool((filter.expected_free_energy(ahead).epistemic - 0.5 * math.log(3)).abs() < 0.1)
        True
    """
    if not isinstance(bound.guide, nn.Module):
        way_out = "Programs with pyro.param are trained by pyro.infer.SVI."
        raise TypeError(complain("bound.guide", "a torch module", repr(bound.guide), way_out))
    optimizer = torch.optim.Adam(bound.guide.parameters(), rate)
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 1 / max(2, steps), steps)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with torch.no_grad():
            prediction = draw()
        loss = bound.loss(prediction)
        loss.backward()
        optimizer.step()
        slower.step()
        losses.append(loss.item())
    return losses
