"""Probabilistic reversal learning: the better of several actions changes now and then."""

from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks

UNSEEN = -1  # the outcome before the first choice


@dataclass(frozen=True)
class Standing:
    """Where an episode stands (all scalars)."""

    better: int
    length: int  # trials of the present block, where it ends by itself
    trials: int = 0  # of all
    block: int = 0  # trials of the present block so far
    streak: int = 0  # choices of the better action in a row


class ReversalLearning(gym.Env[dict[str, Any], np.int64]):
    r"""One of several actions is rewarded more often than the others; now and then it is another.

    Hidden state: the *better* action, any at first. After each block another one becomes the
    better: blocks last for a number of trials that is drawn from ``least`` to ``most``, or, with a
    ``criterion``, until the better action was chosen so many times in a row. Observed is
    ``outcome``: 1 a reward, 0 none, and -1 (nothing to see) before the first choice.

    .. math:: p(o = 1) = \begin{cases} p_{good} & \text{for the better action} \\
        p_{bad} & \text{for the others.} \end{cases}

    The reward handed to Gymnasium is the outcome. An episode *terminates* after its last trial.
    ``info`` holds the ``better`` action of the next trial, and whether there was a ``reversal``.

    Args:
        good, bad: probability of a reward for the better action, and for the others.
        least, most: length of blocks; always ``least`` without ``most``.
        criterion: choices of the better action in a row that end a block, instead.
        trials: of an episode.
        actions: their number.

    Raises:
        TypeError: for what is no number.
        ValueError: for numbers out of range.

    Reference: R. Cools, L. Clark, A. Owen and T. Robbins (2002), "Defining the neural mechanisms
    of probabilistic reversal learning", J. Neurosci. 22.

    Example:
        >>> env = ReversalLearning(good=1.0, bad=0.0, least=2)
        >>> observation, info = env.reset(seed=0, options={"better": 1})
        >>> observation
        {'outcome': -1}
        >>> env.step(1)[:2]
        ({'outcome': 1}, 1.0)
        >>> env.step(0)[4]  # the second trial ends the block
        {'better': 0, 'reversal': True}
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(
        self,
        good: float = 0.8,
        bad: float = 0.2,
        least: int = 20,
        most: int | None = None,
        criterion: int | None = None,
        trials: int = 200,
        actions: int = 2,
    ) -> None:
        self.good = _checks.probability("good", good)
        self.bad = _checks.probability("bad", bad)
        self.least = _checks.count("least", least)
        self.most = self.least if most is None else _checks.count("most", most)
        if self.most < self.least:
            raise ValueError(
                f"`most`: expected at least {self.least}, got {most}. Pass `least` or more."
            )
        self.criterion = None if criterion is None else _checks.count("criterion", criterion)
        self.trials = _checks.count("trials", trials)
        if _checks.count("actions", actions) < 2:
            raise ValueError(f"`actions`: expected two or more, got {actions}. Pass at least 2.")
        self.action_space = gym.spaces.Discrete(actions)
        self.observation_space = gym.spaces.Dict(outcome=gym.spaces.Discrete(3, start=UNSEEN))
        self._standing: Standing | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; ``options={"better": 0}`` sets the better action of its first block.

        Raises:
            TypeError: the action is not an integer.
            ValueError: an unknown option, or another action than there is.
        """
        given = _checks.options(options, ["better"])
        if "better" in given:
            _checks.index("options['better']", given["better"], self._names)
        super().reset(seed=seed)
        # Drawn even where it is given, so that the outcomes of a seed stay the same.
        drawn = int(self.np_random.integers(len(self._names)))
        self._standing = Standing(int(given.get("better", drawn)), self._length())
        return {"outcome": UNSEEN}, self._info(self._standing, reversal=False)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Choose, and see a reward or none.

        Raises:
            TypeError: the action is not an integer.
            ValueError: there is no such action.
            gymnasium.error.ResetNeeded: no episode was started, or the last one is over.
        """
        standing = self._under_way()
        right = _checks.index("action", action, self._names) == standing.better
        outcome = int(self.np_random.random() < (self.good if right else self.bad))
        moved = replace(
            standing,
            trials=standing.trials + 1,
            block=standing.block + 1,
            streak=standing.streak + 1 if right else 0,
        )
        reversal = self._is_due(moved)
        self._standing = self._reversed(moved) if reversal else moved
        over = moved.trials == self.trials
        return (
            {"outcome": outcome},
            float(outcome),
            over,
            False,
            self._info(self._standing, reversal),
        )

    @property
    def _names(self) -> list[str]:
        return [f"action {i}" for i in range(int(self.action_space.n))]  # type: ignore[attr-defined]

    def _under_way(self) -> Standing:
        over = self._standing is not None and self._standing.trials == self.trials
        return _checks.under_way(self._standing, f"with trial {self.trials}" if over else None)

    def _length(self) -> int:
        return self.least + int(self.np_random.integers(self.most - self.least + 1))

    def _is_due(self, standing: Standing) -> bool:
        if self.criterion is not None:
            return standing.streak >= self.criterion
        return standing.block >= standing.length

    def _reversed(self, standing: Standing) -> Standing:
        count = len(self._names)
        other = (standing.better + 1 + int(self.np_random.integers(count - 1))) % count
        return Standing(other, self._length(), standing.trials)

    @staticmethod
    def _info(standing: Standing, reversal: bool) -> dict[str, Any]:
        return {"better": standing.better, "reversal": reversal}
