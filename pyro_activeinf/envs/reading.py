"""Reading: sentences of words that are made of pictures, seen one at a time."""

from dataclasses import dataclass, replace
from typing import Any, SupportsIndex

import gymnasium as gym
import numpy as np

from . import _checks

PICTURES = ("nothing", "bird", "cat", "seed")
PLACES = ("center", "upper left", "upper right", "lower left", "lower right")
WORDS = {  # pictures at the four places
    "flee": (1, 2, 0, 0),
    "feed": (1, 3, 0, 0),
    "wait": (1, 0, 0, 3),
}
FLIPS = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))  # none, left-right, up-down, both
SENTENCES = (
    ("flee", "wait", "feed", "wait"),
    ("wait", "wait", "wait", "feed"),
    ("wait", "flee", "wait", "feed"),
    ("flee", "wait", "feed", "flee"),
    ("wait", "wait", "wait", "flee"),
    ("wait", "flee", "wait", "flee"),
)
PAGES = len(SENTENCES[0])
FEEDBACK = ("nothing", "right", "wrong")
REWARD_OF_FEEDBACK = (0.0, 1.0, -1.0)
ACTIONS = (
    *(f"look {place}" for place in PLACES[1:]),
    *(f"turn to page {page}" for page in range(PAGES)),
    *(f"report sentence {sentence}" for sentence in range(len(SENTENCES))),
)
LOOKS, TURNS = 4, PAGES


@dataclass(frozen=True)
class Trial:
    """Where a trial stands (all scalars)."""

    sentence: int
    flip: int
    page: int = 0
    place: int = 0
    feedback: int = 0
    move: int = 0

    @property
    def word(self) -> str:
        """The word on the page."""
        return SENTENCES[self.sentence][self.page]

    @property
    def picture(self) -> int:
        """What is seen where one looks; the center is blank."""
        return WORDS[self.word][FLIPS[self.flip][self.place - 1]] if self.place else 0


class Reading(gym.Env[dict[str, Any], np.int64]):
    r"""A sentence of four words, a word on each page, a picture in each quarter of a page.

    A word is two pictures side by side (``flee``: bird and cat, ``feed``: bird and seed) or across
    (``wait``: bird and seed); a page may be flipped left-right, up-down, or both, at random each
    time one turns to it. One of six sentences is true. An action looks at a quarter of the page (0
    to 3), turns to a page (4 to 7; one then looks at its blank center), or reports a sentence (8 to
    13), which ends the trial. Observed are ``picture``, ``place``, ``page`` and ``feedback``.

    The reward handed to Gymnasium is +1 for a right report, -1 for a wrong one, else 0. A trial
    without a report is cut off (``truncated``) after ``limit`` moves. ``info`` holds the true
    ``sentence``, and how many ``looks`` there have been.

    Args:
        limit: number of moves after which a trial is cut off.

    Raises:
        TypeError: ``limit`` is not an integer.
        ValueError: ``limit`` is below 1.

    Reference: Friston, Rosch, Parr, Price and Bowman (2017), "Deep temporal models and active
    inference", Neuroscience and Biobehavioral Reviews 77, figs. 5-7, whose words and sentences
    these are.

    Example:
        >>> env = Reading()
        >>> observation, info = env.reset(seed=0, options={"sentence": 0, "flip": 0})
        >>> observation
        {'picture': 0, 'place': 0, 'page': 0, 'feedback': 0}
        >>> env.step(1)[0]  # to the upper right: a cat, of the word "flee"
        {'picture': 2, 'place': 2, 'page': 0, 'feedback': 0}
        >>> observation, reward, terminated, *_ = env.step(8)
        >>> observation["feedback"], reward, terminated
        (1, 1.0, True)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, limit: int = 40) -> None:
        self.limit = _checks.count("limit", limit)
        self.action_space = gym.spaces.Discrete(len(ACTIONS))
        self.observation_space = gym.spaces.Dict(
            picture=gym.spaces.Discrete(len(PICTURES)),
            place=gym.spaces.Discrete(len(PLACES)),
            page=gym.spaces.Discrete(PAGES),
            feedback=gym.spaces.Discrete(len(FEEDBACK)),
        )
        self._trial: Trial | None = None
        self._looks = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open the first page; ``options`` may set the ``sentence`` and the ``flip`` of the page.

        Raises:
            TypeError: an option is not an integer.
            ValueError: an unknown option, or one out of range.
        """
        given = _checks.options(options, ["sentence", "flip"])
        super().reset(seed=seed)
        names = [" ".join(words) for words in SENTENCES]
        sentence = int(self.np_random.integers(len(SENTENCES)))
        flip = self._drawn_flip()
        if "sentence" in given:
            sentence = _checks.index("options['sentence']", given["sentence"], names)
        if "flip" in given:
            flip = _checks.index("options['flip']", given["flip"], ("none", "lr", "ud", "both"))
        self._trial, self._looks = Trial(sentence, flip), 0
        return self._shown()

    def step(
        self, action: SupportsIndex
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Look, turn to a page, or report.

        Raises:
            TypeError: the action is not an integer.
            ValueError: the action is not one of 0 to 13.
            gymnasium.error.ResetNeeded: no trial was started, or the last one is over.
        """
        over = self._trial is not None and bool(self._trial.feedback)
        trial = _checks.under_way(self._trial, "with the report" if over else None)
        move = _checks.index("action", action, ACTIONS)
        trial = replace(trial, move=trial.move + 1)
        if move < LOOKS:
            self._looks += 1
            trial = replace(trial, place=move + 1)
        elif move < LOOKS + TURNS:
            trial = replace(trial, page=move - LOOKS, place=0, flip=self._drawn_flip())
        else:
            right = move - LOOKS - TURNS == trial.sentence
            trial = replace(trial, place=0, feedback=1 if right else 2)
        self._trial = trial
        observation, info = self._shown()
        reported, cut = bool(trial.feedback), trial.move >= self.limit
        return observation, REWARD_OF_FEEDBACK[trial.feedback], reported, cut and not reported, info

    def _drawn_flip(self) -> int:
        return int(self.np_random.integers(len(FLIPS)))

    def _shown(self) -> tuple[dict[str, Any], dict[str, Any]]:
        trial = _checks.under_way(self._trial, None)
        observation = {
            "picture": trial.picture,
            "place": trial.place,
            "page": trial.page,
            "feedback": trial.feedback,
        }
        return observation, {"sentence": trial.sentence, "looks": self._looks}
