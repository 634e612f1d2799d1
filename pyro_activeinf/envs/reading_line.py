"""Reading along a line: words that begin alike, seen one letter at a time."""

from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks
from .reading import FEEDBACK, REWARD_OF_FEEDBACK

WORDS = ("form", "fort", "fork", "ford")
LETTERS = "formtkd"
TEXTS = (
    ("form", "form", "form", "form"),
    ("form", "fort", "form", "form"),
    ("form", "fork", "form", "fort"),
    ("form", "ford", "form", "fort"),
    ("form", "form", "fort", "form"),
    ("form", "fort", "fort", "form"),
    ("fort", "fork", "fort", "fort"),
    ("fort", "ford", "fort", "fort"),
)
LINES, PLACES = len(TEXTS[0]), len(WORDS[0])
ACTIONS = (
    "read on",
    *(f"go to word {line}" for line in range(LINES)),
    *(f"report text {text}" for text in range(len(TEXTS))),
)


@dataclass(frozen=True)
class LineTrial:
    """Where a trial stands (all scalars)."""

    text: int
    line: int = 0
    place: int = 0
    feedback: int = 0
    move: int = 0

    @property
    def letter(self) -> int:
        """The number of the letter that is seen."""
        return LETTERS.index(TEXTS[self.text][self.line][self.place])


class ReadingLine(gym.Env[dict[str, Any], np.int64]):
    """A text of four words, read from left to right, one letter at a time.

    All words begin with the same three letters; the last one tells them apart. One of eight texts
    is true. An action reads on by a letter (0; at the end of a word one stays), goes to the
    beginning of a word (1 to 4), or reports a text (5 to 12), which ends the trial. Observed are
    ``letter``, ``position`` (in the word), ``page`` (which word) and ``feedback``. Each action but
    a report is a fixation.

    The reward handed to Gymnasium is +1 for a right report, -1 for a wrong one, else 0. A trial
    without a report is cut off (``truncated``) after ``limit`` moves. ``info`` holds the true
    ``text``.

    Args:
        limit: number of moves after which a trial is cut off.

    Raises:
        TypeError: ``limit`` is not an integer.
        ValueError: ``limit`` is below 1.

    Reference: after Friston, Rosch, Parr, Price and Bowman (2017), "Deep temporal models and
    active inference", Neuroscience and Biobehavioral Reviews 77.

    Example:
        >>> env = ReadingLine()
        >>> env.reset(seed=0, options={"text": 3})[0]
        {'letter': 0, 'position': 0, 'page': 0, 'feedback': 0}
        >>> env.step(2)[0]["page"], [env.step(0)[0]["letter"] for _ in range(3)]  # "ford"
        (1, [1, 2, 6])
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, limit: int = 100) -> None:
        self.limit = _checks.count("limit", limit)
        self.action_space = gym.spaces.Discrete(len(ACTIONS))
        self.observation_space = gym.spaces.Dict(
            letter=gym.spaces.Discrete(len(LETTERS)),
            position=gym.spaces.Discrete(PLACES),
            page=gym.spaces.Discrete(LINES),
            feedback=gym.spaces.Discrete(len(FEEDBACK)),
        )
        self._trial: LineTrial | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin with the first word; ``options`` may set the ``text``.

        Raises:
            TypeError: an option is not an integer.
            ValueError: an unknown option, or one out of range.
        """
        given = _checks.options(options, ["text"])
        super().reset(seed=seed)
        text = int(self.np_random.integers(len(TEXTS)))
        if "text" in given:
            names = [" ".join(words) for words in TEXTS]
            text = _checks.index("options['text']", given["text"], names)
        self._trial = LineTrial(text)
        return self._shown(self._trial)

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Read on, go to a word, or report.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is not one of 0 to 12.
            gymnasium.error.ResetNeeded: no trial was started, or the last one is over.
        """
        over = self._trial is not None and bool(self._trial.feedback)
        trial = _checks.under_way(self._trial, "with the report" if over else None)
        move = _checks.index("action", action, ACTIONS)
        trial = replace(trial, move=trial.move + 1)
        if move == 0:
            trial = replace(trial, place=min(trial.place + 1, PLACES - 1))
        elif move <= LINES:
            trial = replace(trial, line=move - 1, place=0)
        else:
            right = move - 1 - LINES == trial.text
            trial = replace(trial, place=0, feedback=1 if right else 2)
        self._trial = trial
        observation, info = self._shown(trial)
        reported, cut = bool(trial.feedback), trial.move >= self.limit
        return observation, REWARD_OF_FEEDBACK[trial.feedback], reported, cut and not reported, info

    @staticmethod
    def _shown(trial: LineTrial) -> tuple[dict[str, Any], dict[str, Any]]:
        observation = {
            "letter": trial.letter,
            "position": trial.place,
            "page": trial.line,
            "feedback": trial.feedback,
        }
        return observation, {"text": trial.text}
