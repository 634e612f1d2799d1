"""Habits: a network from beliefs to policies, trained on plans, that is a prior for new ones."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence

import gymnasium as gym
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from .._checks import complain, positive_int
from ..compile import control_sizes
from ..filters import Filter
from ..records import Belief, PolicyPosterior
from .action_box import action_box
from .fitting import Optimizer
from .priors import PolicyPrior, Proposal

LEAST = 0.02  # standard deviation of a habit, in half widths of the action space


def belief_features(belief: Belief) -> Tensor:
    """A belief as numbers, ``(*batch, width)``: probabilities, or means and deviations of sites."""
    parts: list[Tensor] = []
    batch = len(belief.batch_shape)
    for q in belief.marginals.values():
        each = [q.probs] if isinstance(q, dist.Categorical) else [q.mean, q.variance.sqrt()]
        parts += [part.flatten(batch) if part.dim() > batch else part[..., None] for part in each]
    return torch.cat(parts, -1)


class Head(nn.Module):
    """What a network's numbers say about policies."""

    width: int  # how many numbers

    @abstractmethod
    def log_prob(self, numbers: Tensor, policies: Tensor) -> Tensor:
        """log p(u), ``(*batch, policies)``, from ``(*batch, width)`` and policies of a batch."""

    @abstractmethod
    def proposal(self, numbers: Tensor) -> Proposal | None:
        """Where real-valued policies are likely."""


class BoxHead(Head):
    """Independent normals about actions within a box."""

    center: Tensor  # (*event)
    half_width: Tensor  # (*event)

    def __init__(self, filter: Filter, horizon: int) -> None:
        super().__init__()
        box = action_box(filter)
        self.shape = (horizon, *box.event)
        self.width = 2 * math.prod(self.shape)
        self.register_buffer("center", box.center)
        self.register_buffer("half_width", box.half_width)

    def proposal(self, numbers: Tensor) -> Proposal:
        """See :class:`Head`."""
        mean, spread = numbers.unflatten(-1, (2, *self.shape)).unbind(numbers.dim() - 1)
        std = self.half_width * (LEAST + nn.functional.softplus(spread))
        return Proposal(self.center + self.half_width * mean.tanh(), std)

    def log_prob(self, numbers: Tensor, policies: Tensor) -> Tensor:
        """See :class:`Head`."""
        found, dim = self.proposal(numbers), numbers.dim() - 1
        normal = dist.Normal(found.mean.unsqueeze(dim), found.std.unsqueeze(dim))
        return normal.log_prob(policies).flatten(-len(self.shape)).sum(-1)


class CountedHead(Head):
    """Independent categoricals for the actions of each step."""

    def __init__(self, filter: Filter, horizon: int) -> None:
        super().__init__()
        self.sizes, self.horizon = control_sizes(filter.actions), horizon
        if not self.sizes:
            raise ValueError(complain("model.actions", "a space of actions to plan over", None))
        self.width = horizon * sum(self.sizes)

    def proposal(self, numbers: Tensor) -> None:
        """See :class:`Head`."""

    def log_prob(self, numbers: Tensor, policies: Tensor) -> Tensor:
        """See :class:`Head`."""
        steps = policies.unsqueeze(-1) if len(self.sizes) == 1 else policies
        parts = numbers.unflatten(-1, (self.horizon, -1)).split(self.sizes, -1)
        total = torch.zeros((), dtype=numbers.dtype, device=numbers.device)
        for f, logits in enumerate(parts):
            rows = logits.log_softmax(-1).unsqueeze(-3)  # (*batch, 1, time, actions)
            chosen = steps[..., f]
            rows = rows.expand(*rows.shape[:-3], *chosen.shape[-2:], -1)
            index = chosen.expand(rows.shape[:-1]).unsqueeze(-1)
            total = total + rows.gather(-1, index).squeeze(-1).sum(-1)
        return total


class AmortizedPolicy(nn.Module, PolicyPrior):
    r"""A habit: what was planned from beliefs like this one, as a prior for what to plan next.

    .. math::
        p_\phi(u_{1:H} | b) = \prod_{h} p_\phi(u_h | b), \qquad
        \min_\phi \; E_{(b, q)} \big[ KL[ q(u) \,\|\, p_\phi(u|b) ] \big]

    A network reads the marginals of a belief (not its time step). Actions of different steps are
    independent given the belief; real-valued ones are normal (not cut off at the bounds of the
    space). It is a :class:`PolicyPrior`: give it to ``CrossEntropy(prior=)`` or
    ``Variational(prior=)`` (``Variational(H, 1, prior=)`` is ``OpenLoop`` with a prior), which then
    look first where it points to.

    Args:
        filter: whose beliefs and actions they are.
        horizon: number of actions in a policy.
        hidden_dims: widths of the network.

    Raises:
        ValueError: for an action space that is neither a bounded Box nor counted.

    Reference: Dayan et al. (1995), "The Helmholtz machine"; Piché et al. (2019), "Probabilistic
    planning with sequential Monte Carlo methods", for policies as proposals; Friston et al. (2016),
    "Active inference and learning", for habits that are learned from what was done.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop, Variational
        >>> _ = torch.manual_seed(0)
        >>> filter = ExactFilter(TMaze())
        >>> start = filter.update(filter.initial(), {"position": 0, "reward": 0})
        >>> habit = AmortizedPolicy(filter, horizon=2)
        >>> losses = habit.fit([start], [OpenLoop(2)(filter, start)], steps=100)
        >>> losses[-1] < losses[0]
        True
        >>> plan = Variational(2, steps=1, precision=0.0, prior=habit)(filter, start)
        >>> plan.action_probs.argmax().item()  # by habit alone: the cue
        3
    """

    def __init__(self, filter: Filter, horizon: int, hidden_dims: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.horizon = positive_int("horizon", horizon)
        real = isinstance(filter.actions, gym.spaces.Box)
        self.head = (BoxHead if real else CountedHead)(filter, self.horizon)
        widths = [belief_features(filter.initial()).shape[-1], *hidden_dims]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after), nn.Tanh()]
        last = nn.Linear(widths[-1], self.head.width)
        nn.init.zeros_(last.weight)  # the same for all beliefs, to begin with
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last).to(filter.device, filter.dtype)

    def log_prob(self, filter: Filter, belief: Belief, policies: Tensor) -> Tensor:
        """log p(u | b), ``(*batch, policies)``, in nats."""
        self._require(policies.shape[policies.dim() - 1 - len(filter.actions.shape or ())])  # type: ignore[union-attr]
        return self.head.log_prob(self.network(belief_features(belief)), policies)

    def proposal(self, filter: Filter, belief: Belief, horizon: int) -> Proposal | None:
        """Where the habit looks first, for real-valued actions."""
        self._require(horizon)
        with torch.no_grad():
            return self.head.proposal(self.network(belief_features(belief)))

    def loss(self, belief: Belief, posterior: PolicyPosterior) -> Tensor:
        """Cross entropy of plans under the habit, ``(*batch)``: KL plus a constant, in nats."""
        log_prob = self.head.log_prob(self.network(belief_features(belief)), posterior.policies)
        probs = posterior.probs.detach()
        return -torch.where(probs > 0, probs * log_prob, 0.0).sum(-1)

    def fit(
        self,
        beliefs: Sequence[Belief],
        posteriors: Sequence[PolicyPosterior],
        steps: int = 200,
        optimizer: Optimizer | None = None,
    ) -> list[float]:
        """Learn from plans; returns the loss at each step, in nats.

        Args:
            beliefs: that were planned from.
            posteriors: what was planned.
            steps: of the optimizer, each on all of them.
            optimizer: makes a torch optimizer of parameters; Adam at 0.01 by default.

        Raises:
            ValueError: without plans, or where there is not one of them for each belief.
        """
        if not beliefs or len(beliefs) != len(posteriors):
            raise ValueError(
                complain(
                    "beliefs, posteriors",
                    "a plan for each belief, and at least one",
                    f"{len(beliefs)} beliefs and {len(posteriors)} plans",
                )
            )
        make = optimizer or (lambda parameters: torch.optim.Adam(parameters, lr=0.01))
        chosen, losses = make(self.parameters()), []
        for _ in range(positive_int("steps", steps)):
            with torch.enable_grad():
                pairs = zip(beliefs, posteriors, strict=True)
                total = torch.stack([self.loss(b, q).mean() for b, q in pairs]).mean()
                chosen.zero_grad()
                total.backward()
            chosen.step()
            losses.append(total.item())
        return losses

    def _require(self, horizon: int) -> None:
        if horizon != self.horizon:
            raise ValueError(
                complain(
                    "horizon",
                    f"{self.horizon}, that of the habit",
                    horizon,
                    "Make an AmortizedPolicy(filter, horizon) for this horizon.",
                )
            )
