"""Reading as generative programs: of a page, of a sentence, and of both in one."""

from __future__ import annotations

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .base import GenerativeModel
from .preferences import LogPreferences

WORDS = ((1, 2, 0, 0), (1, 3, 0, 0), (1, 0, 0, 3))  # flee, feed, wait: pictures at four places
FLIPS = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))
FLEE, FEED, WAIT = range(3)
SENTENCES = (
    (FLEE, WAIT, FEED, WAIT),
    (WAIT, WAIT, WAIT, FEED),
    (WAIT, FLEE, WAIT, FEED),
    (FLEE, WAIT, FEED, FLEE),
    (WAIT, WAIT, WAIT, FLEE),
    (WAIT, FLEE, WAIT, FLEE),
)
LOOKS, TURNS = 4, 4


def pictures() -> Tensor:
    """The picture ``(words, flips, places)`` that is seen; the first place is the blank center."""
    each = [[[0, *(word[i] for i in flip)] for flip in FLIPS] for word in WORDS]
    return torch.tensor(each)


class ReadingPage(GenerativeModel):
    """One page: a word, in one of four flips, seen one quarter at a time.

    The lower level of reading. State sites: ``word`` (what the level above predicts), ``flip``, and
    the ``gaze`` (0 center); observation sites: ``picture`` and ``place``.

    Reference: Friston, Rosch, Parr, Price and Bowman (2017), "Deep temporal models and active
    inference", fig. 5.

    Example:
        >>> [tuple(a.shape) for a in ReadingPage().to_arrays().A]  # of picture and place
        [(4, 3, 4, 5), (5, 5)]
    """

    actions = gym.spaces.Discrete(LOOKS)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.eye(4)[pictures()])

    def initial(self) -> tuple[Tensor, Tensor, Tensor]:
        """Any word, in any flip, looked at in the center."""
        word = pyro.sample("word", dist.Categorical(torch.ones(3).to(self.pictures)))
        return word, *_opened(self.pictures)

    def transition(
        self, state: tuple[Tensor, Tensor, Tensor], action: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The page stays; one looks where one wants."""
        word, flip, _ = state
        return (
            certain("word", word, 3, self.pictures),
            certain("flip", flip, 4, self.pictures),
            certain("gaze", action + 1, 5, self.pictures),
        )

    def observe(self, state: tuple[Tensor, Tensor, Tensor]) -> None:
        """The picture at the place."""
        word, flip, gaze = state
        pyro.sample("picture", dist.Categorical(self.pictures[word, flip, gaze]))
        certain("place", gaze, 5, self.pictures)


class ReadingSentence(GenerativeModel):
    """The sentence and the page that is open; what it shows is the word on it.

    The upper level of reading. State sites: ``sentence``, ``leaf`` (the page that is open) and
    ``verdict`` (of a report); observation sites: ``word``, ``page`` and ``feedback``. Actions turn
    to a page (0 to 3) or report a sentence (4 to 9).

    Args:
        right: log-preference of a right report, in nats.
        wrong: log-preference of a wrong one.

    Example:
        >>> ReadingSentence().actions
        Discrete(10)
    """

    actions = gym.spaces.Discrete(TURNS + len(SENTENCES))

    def __init__(self, right: float = 2.0, wrong: float = -4.0) -> None:
        super().__init__()
        self.register_buffer("words", torch.eye(3)[torch.tensor(SENTENCES)])
        self.register_buffer("preference", torch.tensor([0.0, right, wrong]))

    def initial(self) -> tuple[Tensor, Tensor, Tensor]:
        """Any sentence, open at its first page."""
        return _closed(self.words)

    def transition(
        self, state: tuple[Tensor, Tensor, Tensor], action: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The sentence stays; a page is opened, or a report judged."""
        sentence, leaf, _ = state
        return (
            certain("sentence", sentence, 6, self.words),
            certain("leaf", torch.where(action < TURNS, action, leaf), 4, self.words),
            certain("verdict", judged(action - TURNS, sentence), 3, self.words),
        )

    def observe(self, state: tuple[Tensor, Tensor, Tensor]) -> None:
        """The word on the page, its number, and what the report was."""
        sentence, leaf, verdict = state
        pyro.sample("word", dist.Categorical(self.words[sentence, leaf]))
        certain("page", leaf, 4, self.words)
        certain("feedback", verdict, 3, self.words)

    def prefer(self) -> None:
        """A right report rather than none, none rather than a wrong one."""
        pyro.sample("feedback", LogPreferences(self.preference))


class ReadingFlat(GenerativeModel):
    """Pages and sentence in one model, without levels.

    Actions are those of the world ``pyro_activeinf/Reading-v0``: look (0 to 3), turn to a page (4
    to 7), report (8 to 13).

    Args:
        right: log-preference of a right report, in nats.
        wrong: log-preference of a wrong one.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> ExactFilter(ReadingFlat()).initial().probs.shape
        torch.Size([1440])
    """

    actions = gym.spaces.Discrete(LOOKS + TURNS + len(SENTENCES))

    def __init__(self, right: float = 2.0, wrong: float = -4.0) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.eye(4)[pictures()])
        self.register_buffer("words", torch.tensor(SENTENCES))
        self.register_buffer("preference", torch.tensor([0.0, right, wrong]))

    def initial(self) -> tuple[Tensor, ...]:
        """Any sentence, open at its first page."""
        return *_closed(self.pictures), *_opened(self.pictures)

    def transition(self, state: tuple[Tensor, ...], action: Tensor) -> tuple[Tensor, ...]:
        """Look, turn to a page (in any flip), or report."""
        like = self.pictures
        sentence, leaf, _, flip, _ = state
        turned, looks = action - LOOKS, action < LOOKS
        turns = ~looks & (turned < TURNS)
        sentence = certain("sentence", sentence, 6, like)
        leaf = certain("leaf", torch.where(turns, turned, leaf), 4, like)
        verdict = certain("verdict", judged(turned - TURNS, sentence), 3, like)
        flips = torch.where(looks[..., None], torch.eye(4).to(like)[flip], 0.25)
        flip = pyro.sample("flip", dist.Categorical(flips))
        gaze = certain("gaze", torch.where(looks, action + 1, 0), 5, like)
        return sentence, leaf, verdict, flip, gaze

    def observe(self, state: tuple[Tensor, ...]) -> None:
        """The picture at the place, the page, and what the report was."""
        sentence, leaf, verdict, flip, gaze = state
        word = self.words[sentence, leaf]
        pyro.sample("picture", dist.Categorical(self.pictures[word, flip, gaze]))
        certain("place", gaze, 5, self.pictures)
        certain("page", leaf, 4, self.pictures)
        certain("feedback", verdict, 3, self.pictures)

    def prefer(self) -> None:
        """A right report rather than none, none rather than a wrong one."""
        pyro.sample("feedback", LogPreferences(self.preference))


def certain(name: str, value: Tensor, size: int, like: Tensor) -> Tensor:
    """A site whose value is known, of so many values."""
    return pyro.sample(name, dist.Categorical(torch.eye(size).to(like)[value]))


def _opened(like: Tensor) -> tuple[Tensor, Tensor]:
    flip = pyro.sample("flip", dist.Categorical(torch.ones(4).to(like)))
    return flip, pyro.sample("gaze", dist.Categorical(torch.eye(5).to(like)[0]))


def _closed(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    sentence = pyro.sample("sentence", dist.Categorical(torch.ones(6).to(like)))
    leaf = pyro.sample("leaf", dist.Categorical(torch.eye(4).to(like)[0]))
    return sentence, leaf, pyro.sample("verdict", dist.Categorical(torch.eye(3).to(like)[0]))


def judged(report: Tensor, sentence: Tensor) -> Tensor:
    """0 without a report, else 1 for a right and 2 for a wrong one."""
    return torch.where(report < 0, 0, torch.where(report == sentence, 1, 2))
