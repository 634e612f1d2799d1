"""The T-maze: gamble on one of two arms, or look at a cue first."""

from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks

CENTER, LEFT, RIGHT, CUE = range(4)
NOTHING, REWARD, LOSS = range(3)
ARMS = (LEFT, RIGHT)

CONTEXTS = ("reward is left", "reward is right")
LOCATIONS = ("center", "left", "right", "cue")
POSITIONS = ("center", "left", "right", "cue: reward is left", "cue: reward is right")
OUTCOMES = ("nothing", "reward", "loss")
REWARD_OF_OUTCOME = (0.0, 1.0, -1.0)

PICTURE = """\
left [{1}]---[{0}]---[{2}] right
            |
           [{3}] cue
move {move} of {moves}, {context}, seen: {position}, {outcome}"""


@dataclass(frozen=True)
class Trial:
    """Where a trial stands: hidden state, last outcome, number of moves made (all scalars)."""

    context: int
    location: int = CENTER
    outcome: int = NOTHING
    move: int = 0

    @property
    def baited_arm(self) -> int:
        """The arm that is likely to hold the reward."""
        return ARMS[self.context]

    @property
    def position(self) -> int:
        """The location as it is observed: at the cue, the context is seen with it."""
        return CUE + self.context if self.location == CUE else self.location

    def location_after(self, action: int) -> int:
        """The next location: an arm, once entered, is not left."""
        return self.location if self.location in ARMS else action


class TMaze(gym.Env[dict[str, Any], np.int64]):
    r"""A maze with a center, two arms and a cue that tells which arm is baited.

    Hidden state: the *context* (0 the reward is left, 1 it is right; uniform, fixed within a trial)
    and the *location* (0 center, where every trial starts, 1 left arm, 2 right arm, 3 cue).
    The action is the location to move to; the arms are absorbing. Observed are

    - ``position``: 0 center, 1 left, 2 right, 3 cue saying "reward is left", 4 cue saying
      "reward is right" (the cue is always right);
    - ``reward``: 0 nothing (at the center and the cue), 1 reward, 2 loss, with validity :math:`v`:

    .. math::

        p(o^{\text{reward}} = 1 \mid s) = 1 - p(o^{\text{reward}} = 2 \mid s) = \begin{cases}
            v & \text{in the baited arm} \\ 1 - v & \text{in the other arm.}\end{cases}

    This outcome is drawn anew at every time step spent in an arm: an observation depends on the
    present state alone, as in the likelihood arrays of the literature.

    The reward handed to Gymnasium is +1 for a reward, -1 for a loss, else 0. A trial *terminates*
    after its last move: their number is part of the task, so ``truncated`` is always False.
    ``info`` holds the true ``context`` and ``location``.

    Args:
        validity: probability of the reward in the baited arm, and of the loss in the other.
        moves: number of moves in a trial.
        render_mode: ``"ansi"`` makes :meth:`render` return a picture as text.

    Raises:
        TypeError: ``validity`` is not a number, or ``moves`` not an integer.
        ValueError: ``validity`` is outside [0, 1], ``moves`` below 1, or the render mode unknown.

    Reference:
        K. Friston, T. FitzGerald, F. Rigoli, P. Schwartenbeck and G. Pezzulo (2017), "Active
        inference: a process theory", Neural Computation 29(1); ``DEM_demo_MDP_X.m`` of SPM12.

    Example:
        >>> env = TMaze()
        >>> observation, info = env.reset(seed=0, options={"context": 1})
        >>> observation
        {'position': 0, 'reward': 0}
        >>> observation, *_ = env.step(3)  # to the cue, which says: right
        >>> observation
        {'position': 4, 'reward': 0}
        >>> observation, reward, terminated, truncated, info = env.step(2)
        >>> observation, reward, terminated
        ({'position': 2, 'reward': 1}, 1.0, True)
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self, validity: float = 0.98, moves: int = 2, render_mode: str | None = None
    ) -> None:
        self.validity = _checks.probability("validity", validity)
        self.moves = _checks.count("moves", moves)
        self.render_mode = _checks.render_mode(render_mode, self.metadata["render_modes"])
        self.action_space = gym.spaces.Discrete(len(LOCATIONS))
        self.observation_space = gym.spaces.Dict(
            position=gym.spaces.Discrete(len(POSITIONS)), reward=gym.spaces.Discrete(len(OUTCOMES))
        )
        self._trial: Trial | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start a trial at the center; ``options={"context": 0}`` (or 1) sets its context.

        Raises:
            TypeError: the context is not an integer.
            ValueError: an unknown option, or a context other than 0 and 1.
        """
        context = _context_option(options)
        super().reset(seed=seed)
        # Drawn even where it is given, so that the outcomes of a seed stay the same.
        drawn = int(self.np_random.integers(2))
        self._trial = trial = Trial(drawn if context is None else context)
        return _observation(trial), _info(trial)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Move to the location ``action`` (from an arm: stay) and observe the outcome there.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is not one of 0, 1, 2, 3.
            gymnasium.error.ResetNeeded: no trial was started, or the last one is over.
        """
        trial = self._trial_under_way()
        location = trial.location_after(_checks.index("action", action, LOCATIONS))
        outcome = self._draw_outcome(location, trial.baited_arm)
        trial = replace(trial, location=location, outcome=outcome, move=trial.move + 1)
        self._trial = trial
        reward, terminated = REWARD_OF_OUTCOME[outcome], trial.move == self.moves
        return _observation(trial), reward, terminated, False, _info(trial)

    def render(self) -> str | None:
        """Draw the maze as text, the agent at ``@``; None before a trial or without render mode."""
        if self.render_mode is None or self._trial is None:
            return None
        return _picture(self._trial, self.moves)

    def _trial_under_way(self) -> Trial:
        over = self._trial is not None and self._trial.move == self.moves
        return _checks.under_way(self._trial, f"with move {self.moves}" if over else None)

    def _draw_outcome(self, location: int, baited_arm: int) -> int:
        if location not in ARMS:
            return NOTHING
        valid = self.np_random.random() < self.validity
        return REWARD if valid == (location == baited_arm) else LOSS


def _context_option(options: dict[str, Any] | None) -> int | None:
    given = _checks.options(options, ["context"])
    if "context" not in given:
        return None
    return _checks.index("options['context']", given["context"], CONTEXTS)


def _observation(trial: Trial) -> dict[str, Any]:
    return {"position": trial.position, "reward": trial.outcome}


def _info(trial: Trial) -> dict[str, Any]:
    return {"context": trial.context, "location": trial.location}


def _picture(trial: Trial, moves: int) -> str:
    cells = ["@" if location == trial.location else " " for location in range(len(LOCATIONS))]
    return PICTURE.format(
        *cells,
        move=trial.move,
        moves=moves,
        context=CONTEXTS[trial.context],
        position=POSITIONS[trial.position],
        outcome=OUTCOMES[trial.outcome],
    )
