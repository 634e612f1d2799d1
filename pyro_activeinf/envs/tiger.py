"""The tiger problem: listen as often as it pays, then open one of two doors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks

LEFT, RIGHT = range(2)
LISTEN, OPEN_LEFT, OPEN_RIGHT = range(3)
NOTHING, GOLD, TIGER = range(3)

SIDES = ("left", "right")
ACTIONS = ("listen", "open left", "open right")
OUTCOMES = ("nothing", "gold", "tiger")

PICTURE = """\
 left   right
 [ {0} ]  [ {1} ]
last: {action}, growl: {growl}, outcome: {outcome}"""


@dataclass(frozen=True)
class Situation:
    """Where the tiger is, what was done last (None at the start), and what was observed."""

    tiger: int
    action: int | None
    growl: int
    outcome: int = NOTHING


class Tiger(gym.Env[dict[str, Any], np.int64]):
    r"""Behind one of two doors waits a tiger, behind the other gold; listening tells which.

    Hidden state: where the tiger is (0 left, 1 right; uniform). Actions: 0 listen, 1 open the left
    door, 2 open the right door. Observed are

    - ``growl``: 0 from the left, 1 from the right, with accuracy :math:`a` after listening,

      .. math:: p(o^{\text{growl}} = s \mid s, \text{listen}) = a,

      and uniform at the start and after a door was opened;
    - ``outcome``: 0 nothing (a door was not opened), 1 gold, 2 tiger.

    The problem goes on for ever: after a door was opened, the tiger is placed anew, behind either
    door with equal probability, before the next action. The reward is that of the outcome. An
    episode does not end by itself; ``gymnasium.make(.., max_episode_steps=..)`` cuts it short.
    ``info`` holds the true ``tiger``: where it was when the last action was taken.

    Args:
        accuracy: probability that a growl is heard from where the tiger is.
        rewards: for the outcomes nothing, gold and tiger.
        render_mode: ``"ansi"`` makes :meth:`render` return a picture as text.

    Raises:
        TypeError: ``accuracy`` or a reward is not a number.
        ValueError: ``accuracy`` is outside [0, 1], the rewards are not three finite numbers, or
            the render mode is unknown.

    Reference:
        L. P. Kaelbling, M. L. Littman and A. R. Cassandra (1998), "Planning and acting in partially
        observable stochastic domains", Artificial Intelligence 101.

    Example:
        >>> env = Tiger(accuracy=1.0)
        >>> _ = env.reset(seed=0, options={"tiger": 1})
        >>> observation, reward, *_ = env.step(0)  # listen
        >>> observation, reward
        ({'growl': 1, 'outcome': 0}, -1.0)
        >>> observation, reward, *_ = env.step(1)  # open the left door
        >>> observation["outcome"], reward
        (1, 10.0)
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        accuracy: float = 0.85,
        rewards: Sequence[float] = (-1.0, 10.0, -100.0),
        render_mode: str | None = None,
    ) -> None:
        self.accuracy = _checks.probability("accuracy", accuracy)
        self.rewards = _checks.numbers("rewards", rewards, OUTCOMES)
        self.render_mode = _checks.render_mode(render_mode, self.metadata["render_modes"])
        self.action_space = gym.spaces.Discrete(len(ACTIONS))
        self.observation_space = gym.spaces.Dict(
            growl=gym.spaces.Discrete(len(SIDES)), outcome=gym.spaces.Discrete(len(OUTCOMES))
        )
        self._now: Situation | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Place the tiger; ``options={"tiger": 0}`` (or 1) says where.

        Raises:
            TypeError: the place is not an integer.
            ValueError: an unknown option, or a place other than 0 and 1.
        """
        tiger = _tiger_option(options)
        super().reset(seed=seed)
        # Drawn even where it is given, so that the growls of a seed stay the same.
        drawn = self._draw_side()
        self._now = now = Situation(drawn if tiger is None else tiger, None, self._draw_side())
        return _observation(now), _info(now)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Listen or open a door.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is not one of 0, 1, 2.
            gymnasium.error.ResetNeeded: before the first reset.
        """
        before = _checks.under_way(self._now)
        taken = _checks.index("action", action, ACTIONS)
        opened = before.action in {OPEN_LEFT, OPEN_RIGHT}
        tiger = self._draw_side() if opened else before.tiger
        self._now = now = Situation(tiger, taken, self._growl(tiger, taken), _found(tiger, taken))
        return _observation(now), self.rewards[now.outcome], False, False, _info(now)

    def render(self) -> str | None:
        """Draw the doors, the tiger at ``T``; None before a reset or without render mode."""
        if self.render_mode is None or self._now is None:
            return None
        return _picture(self._now)

    def _draw_side(self) -> int:
        return int(self.np_random.integers(len(SIDES)))

    def _growl(self, tiger: int, action: int) -> int:
        if action != LISTEN:
            return self._draw_side()
        return tiger if self.np_random.random() < self.accuracy else 1 - tiger


def _found(tiger: int, action: int) -> int:
    if action == LISTEN:
        return NOTHING
    return TIGER if action - OPEN_LEFT == tiger else GOLD


def _tiger_option(options: dict[str, Any] | None) -> int | None:
    given = _checks.options(options, ["tiger"])
    if "tiger" not in given:
        return None
    return _checks.index("options['tiger']", given["tiger"], SIDES)


def _observation(now: Situation) -> dict[str, Any]:
    return {"growl": now.growl, "outcome": now.outcome}


def _info(now: Situation) -> dict[str, Any]:
    return {"tiger": now.tiger}


def _picture(now: Situation) -> str:
    behind = ["T" if side == now.tiger else " " for side in range(len(SIDES))]
    return PICTURE.format(
        *behind,
        action="none" if now.action is None else ACTIONS[now.action],
        growl=SIDES[now.growl],
        outcome=OUTCOMES[now.outcome],
    )
