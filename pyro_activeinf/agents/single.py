"""An agent: a model, a filter and a planner, and the belief that it holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .._checks import batch_dims, complain, differentiable, nonnegative
from ..compile import Programs, Settled
from ..filters import Filter, auto
from ..learning import Experience, Learner
from ..planning import Planner
from ..records import Belief, PolicyPosterior
from . import keeping
from .actor import Actor
from .choosing import drawn, sharpened


class Agent(Actor):
    r"""Perceives, plans and acts with a generative model.

    .. math:: p(u) \propto q(u)^\alpha, \quad q(u) = \sum_{\pi: \pi_1 = u} q(\pi)

    A large alpha decides even where the planner hardly prefers one action: where ties should be
    broken by chance in proportion to q(u), take alpha = 1. Where actions are real-valued, u is
    the first action of one of the candidates that the planner found.

    A call that raises leaves the agent as it was. Randomness follows ``pyro.set_rng_seed``.

    Args:
        model: a :class:`~pyro_activeinf.GenerativeModel`.
        guide: recognizes the state, for filters that draw states; see ``filters.auto``.
        planner: scores policies, for example :class:`~pyro_activeinf.planning.OpenLoop`.
        filter: carries the belief; by default what :func:`pyro_activeinf.filters.auto` picks.
        action_precision: alpha; infinite takes the most probable action. A number, or a tensor
            without dims that gradients flow to.
        learner: changes the model by what is seen, for example an
            :class:`~pyro_activeinf.learning.OnlineLearner`; the model stays as it is without one.

    Attributes:
        belief: q(s_t) after the last observation; ``None`` before the first.
        posterior: q(pi) of the last plan; ``None`` where there is none for the present belief.
        action: the action chosen since the last observation, if any.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(horizon=2))
        >>> _ = agent.perceive({"position": 0, "reward": 0})
        >>> agent.act().item()  # to the cue
        3
        >>> agent.perceive({"position": 3, "reward": 0}).marginals["context"].probs.tolist()
        [1.0, 0.0]
    """

    def __init__(
        self,
        model: Programs,
        *,
        guide: Any = None,
        planner: Planner,
        filter: Filter | None = None,
        action_precision: float | Tensor = 16.0,
        learner: Learner | None = None,
    ) -> None:
        if isinstance(model, type) or not isinstance(planner, Planner):
            raise TypeError(
                complain(
                    "model, planner",
                    "a model (not its class) and a planner",
                    f"{model!r} and {planner!r}",
                    "For example Agent(TMaze(), planner=planning.OpenLoop(2)).",
                )
            )
        self.model = model
        self.planner = planner
        if not isinstance(learner, Learner | None):
            raise TypeError(complain("learner", "a Learner or None", repr(learner)))
        self.filter = auto(model, guide) if filter is None else filter
        if learner is not None:
            learner.check(self.filter)
        self.action_precision = differentiable("action_precision", action_precision, nonnegative)
        self.learner = learner
        self._unfinished = False
        self.reset()

    @property
    def observation_sites(self) -> tuple[str, ...]:
        """Names of what it can be shown."""
        return self.filter.observation_sites

    def finish(self) -> None:
        """Tell the learner that the episode is over; the belief stays until :meth:`reset`."""
        if self.learner is not None and self._unfinished:
            self._unfinished = False
            self.learner.finish()

    def reset(self, batch_shape: tuple[int, ...] = ()) -> None:
        """Forget the episode: the next observation is the first. Batched where asked."""
        self.batch_shape = batch_dims(batch_shape)
        self.finish()
        self.belief: Belief | None = None
        self.posterior: PolicyPosterior | None = None
        self.action: Tensor | None = None

    def perceive(self, observation: Mapping[str, Any], action: Any = None) -> Belief:
        """Update the belief with an observation, after predicting with the last action.

        Args:
            observation: site to value ``(*batch, *event)``; absent where missing.
            action: the action that led here, where it was not chosen by :meth:`act`.

        Raises:
            ValueError: for an impossible or malformed observation, or where no action was taken
                since the last one.
        """
        taken = self.action if action is None else action
        with Settled():
            updated = self.filter.update(self._prior(taken), observation)
        first = self.belief is None
        self.belief, self.posterior, self.action = updated, None, None
        if self.learner is not None:
            self._learn(None if first else taken, observation, updated)
        return updated

    def _learn(self, taken: Any, observation: Mapping[str, Any], belief: Belief) -> None:
        """Outside of ``Settled``: the filter has to notice that the model is another one."""
        self._unfinished = True
        action = None if taken is None else torch.as_tensor(taken)
        if self.learner is not None:
            self.learner.experience(Experience(self.filter, action, observation, belief))

    def _prior(self, taken: Any) -> Belief:
        if self.belief is None:
            return self.filter.initial(self.batch_shape)
        if taken is None and self.filter.actions is not None:
            raise ValueError(
                complain(
                    "action",
                    "an action between two observations",
                    None,
                    "Call act() first, give perceive(observation, action=..), or reset() for a "
                    "new episode.",
                )
            )
        return self.filter.predict(self.belief, taken)

    def plan(self) -> PolicyPosterior:
        """Score policies from the present belief.

        Raises:
            ValueError: before the first observation.
        """
        if self.belief is None:
            raise ValueError(
                complain("belief", "one to plan from", None, "Call perceive(observation) first.")
            )
        self.posterior = self.planner(self.filter, self.belief)
        return self.posterior

    def act(self) -> Tensor:
        """Choose an action ``(*batch)`` (``(*batch, controls)`` for several controls).

        Real-valued ones are ``(*batch, *event)``. Plans first where that has not been done for
        the present belief.
        """
        posterior = self.plan() if self.posterior is None else self.posterior
        self.action = drawn(posterior, self.action_precision, self.filter.actions)
        return self.action

    def action_probs(self, posterior: PolicyPosterior) -> Tensor:
        """Probabilities of the next action at the agent's precision, ``(*batch, *controls)``.

        Of real-valued ones: of the candidates, ``(*batch, policies)``.
        """
        return sharpened(posterior, self.action_precision)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the agent to a file, as a whole or not at all; nothing in it is code.

        Kept are the belief, the last action, the model's parameters, and what learner and planner
        go on from; planner, filter and learner as far as plain values describe them. Not the
        model's program, nor the plan, nor torch's generator.

        Args:
            path: the file; its folder exists.

        Raises:
            OSError: where it cannot be written; an old file stays as it was.
            TypeError: for a belief that holds more than tensors and plain values.
        """
        keeping.save(path, self)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: Programs,
        *,
        planner: Planner | None = None,
        filter: Filter | None = None,
        learner: Learner | None = None,
    ) -> Agent:
        """Read an agent that :meth:`save` has written.

        Args:
            path: the file.
            model: of the same kind; its parameters become those of the file.
            planner, filter, learner: to be given where plain values did not describe them (a
                planner with a guide, say), or where others are wanted; a learner goes on from
                the state in the file.

        Raises:
            FileNotFoundError: where there is no such file.
            ValueError: for a damaged file, one of another kind, a model whose parameters do not
                fit, or where a planner, filter or learner has to be given.

        Example:
            >>> import tempfile
            >>> from pyro_activeinf.models import TMaze
            >>> from pyro_activeinf.planning import OpenLoop
            >>> agent = Agent(TMaze(), planner=OpenLoop(horizon=2))
            >>> _ = agent.perceive({"position": 0, "reward": 0})
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     agent.save(f"{folder}/agent.pt")
            ...     again = Agent.load(f"{folder}/agent.pt", TMaze())
            >>> again.belief.step, again.planner.horizon
            (0, 2)
        """
        kept = keeping.load(path)
        keeping.restore_model(model, kept)
        parts = keeping.Parts(model, kept)
        agent = cls(
            model,
            planner=parts.planner if planner is None else planner,
            filter=parts.filter if filter is None else filter,
            action_precision=kept["action_precision"],
            learner=parts.learner if learner is None else learner,
        )
        keeping.restore(agent, kept)
        if planner is None:
            keeping.resume(agent.planner, agent.filter, kept)
        return agent
