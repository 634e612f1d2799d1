"""Learning while one lives: a world model is trained on what its agent has just seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .._checks import complain, positive_int
from ..filters import Filter
from ..models import NeuralDynamics
from .learner import Experience, Learner
from .replay import Replay, Transitions
from .training import adam

LEAST = 8  # transitions, before there is anything to learn from


def brisk(parameters: Iterable[Tensor]) -> Optimizer:
    """Adam at a rate at which small networks keep up with what is seen."""
    return adam(parameters, lr=3e-3)


class OnlineLearner(Learner):
    r"""Trains a :class:`~pyro_activeinf.models.NeuralDynamics` while its agent acts.

    .. math:: F(\theta) = \frac1K \sum_k E_{replay} \big[ -\log p_\theta(s' | s, u, k) \big]

    The state being observed, this is the free energy itself, without a guide. Each member sees
    batches of its own, drawn with replacement, so that members agree where there is data and
    only there. Location and scale of the data are read anew whenever it has doubled.

    Randomness comes from a generator of its own, seeded from torch's when the learner is made, so
    that ``pyro.set_rng_seed`` fixes it and a saved one goes on as if it had never stopped.

    Args:
        model: what is learned.
        every: number of transitions from one training to the next.
        steps: gradient steps of a training.
        batch_size: transitions of a step, for each member.
        capacity: transitions that are remembered.
        optimizer: makes an optimizer of parameters.

    Attributes:
        replay: the transitions.
        losses: F of the last training, a number for each step, in nats.

    Raises:
        TypeError: for another model.
        ValueError: for numbers below one.

    Example:
        >>> import gymnasium as gym, pyro
        >>> pyro.set_rng_seed(0)
        >>> line = gym.spaces.Box(-1.0, 1.0, (1,))
        >>> model = NeuralDynamics(line, line)
        >>> learner = OnlineLearner(model, every=200, steps=300)
        >>> place, push = torch.rand(200, 1), torch.rand(200, 1)
        >>> learner.see(place, push, place + 0.1 * push)
        >>> loc, scale = model.members(torch.full((5, 1, 1), 0.5), torch.tensor([[0.5]]))
        >>> bool(((loc - 0.55).abs() < 0.01).all())
        True
    """

    def __init__(
        self,
        model: NeuralDynamics,
        every: int = 1,
        steps: int = 10,
        batch_size: int = 64,
        capacity: int = 100_000,
        optimizer: Callable[[Iterable[Tensor]], Optimizer] = brisk,
    ) -> None:
        if not isinstance(model, NeuralDynamics):
            raise TypeError(complain("model", "a NeuralDynamics", repr(model)))
        self.model = model
        self.every, self.steps = positive_int("every", every), positive_int("steps", steps)
        self.batch_size = positive_int("batch_size", batch_size)
        self.replay = Replay(capacity)
        self.losses: tuple[float, ...] = ()
        self.optimizer = optimizer
        self._optimizer = optimizer(list(model.parameters()))
        self._generator = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        self._waiting = self._calibrated = 0
        self._before: Any = None

    @property
    def capacity(self) -> int:
        """Number of transitions that are remembered."""
        return self.replay.capacity

    def check(self, filter: Filter) -> None:
        """Any will do."""

    def experience(self, step: Experience) -> None:
        """Take in an observation; trains where enough transitions have come.

        Rows with missing values are left out.
        """
        before, self._before = self._before, step.observation.get("o")
        if before is not None and step.action is not None and self._before is not None:
            self.see(before, step.action, self._before)

    def finish(self) -> None:
        """Forget the last observation: what comes next does not follow from it."""
        self._before = None

    def see(self, before: Any, action: Any, after: Any) -> None:
        """Remember transitions, and train where enough of them have come.

        Args:
            before: observations ``(*batch, n)``; rows with NaN are left out.
            action: ``(*batch, *event)``.
            after: ``(*batch, n)``.
        """
        first, second = (torch.as_tensor(x).to(self.model.center) for x in (before, after))
        acted = torch.as_tensor(action)
        n, batch = second.shape[-1], second.dim() - 1
        rows = acted.reshape(-1, *acted.shape[batch:])
        new = Transitions(first.reshape(-1, n), rows, second.reshape(-1, n))
        self._waiting += self.replay.add(new)
        if self._waiting >= self.every and len(self.replay) >= LEAST:
            self._waiting = 0
            self.train(self.steps)

    @torch.enable_grad()
    def train(self, steps: int) -> None:
        """Take gradient steps on what is remembered.

        Raises:
            ValueError: where nothing is.
        """
        if self.replay.seen >= 2 * self._calibrated:
            held = self.replay.all()
            self.model.calibrate(held.before, held.after)
            self._calibrated = self.replay.seen
        self.losses = tuple([self._step() for _ in range(steps)])

    def _step(self) -> float:
        shape = (self.model.uncertainty.members, self.batch_size)
        some = self.replay.draw(shape, self._generator)
        self._optimizer.zero_grad()
        loss = self.model.surprise(some.before, some.action, some.after).mean()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """Parameters, optimizer, replay, counts and the generator."""
        return {
            "model": deepcopy(dict(self.model.state_dict())),
            "optimizer": deepcopy(self._optimizer.state_dict()),
            "replay": self.replay.state_dict(),
            "generator": self._generator.get_state(),
            "counts": [self._waiting, self._calibrated],
            "before": None if self._before is None else torch.as_tensor(self._before),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned.

        Raises:
            ValueError: for a replay of another capacity.
        """
        self.replay.load_state_dict(state["replay"])
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(deepcopy(state["optimizer"]))
        self._generator.set_state(state["generator"])
        self._waiting, self._calibrated = state["counts"]
        self._before = state["before"]
