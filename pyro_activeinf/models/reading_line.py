"""Reading along a line as generative programs: of a word, of a text, and of both in one."""

from __future__ import annotations

import gymnasium as gym
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from .base import GenerativeModel
from .preferences import LogPreferences
from .reading import certain, judged

SPELLED = ((0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 2, 5), (0, 1, 2, 6))  # form, fort, fork, ford
LINES = (  # the words of each text, by their number
    (0, 0, 0, 0),
    (0, 1, 0, 0),
    (0, 2, 0, 1),
    (0, 3, 0, 1),
    (0, 0, 1, 0),
    (0, 1, 1, 0),
    (1, 2, 1, 1),
    (1, 3, 1, 1),
)
TEXTS, TURNS = len(LINES), len(LINES[0])
WORDS, PLACES, LETTERS = len(SPELLED), len(SPELLED[0]), 7


class LineWord(GenerativeModel):
    """A word that is read letter by letter: the lower level of reading along a line.

    State sites: ``word`` (what the level above predicts) and ``place``; observation sites:
    ``letter`` and ``position``. There is one action, to read on; at the last letter one stays.

    Example:
        >>> [tuple(a.shape) for a in LineWord().to_arrays().A]  # of letter and position
        [(7, 4, 4), (4, 4)]
    """

    actions = gym.spaces.Discrete(1)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("letters", torch.eye(LETTERS)[torch.tensor(SPELLED)])

    def initial(self) -> tuple[Tensor, Tensor]:
        """Any word, looked at where it begins."""
        word = pyro.sample("word", dist.Categorical(torch.ones(WORDS).to(self.letters)))
        return word, _first("place", PLACES, self.letters)

    def transition(self, state: tuple[Tensor, Tensor], action: Tensor) -> tuple[Tensor, Tensor]:
        """The word stays; one looks at the next letter."""
        word, place = state
        on = (place + 1 + 0 * action).clamp(max=PLACES - 1)
        word = certain("word", word, WORDS, self.letters)
        return word, certain("place", on, PLACES, self.letters)

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        """The letter at the place."""
        word, place = state
        pyro.sample("letter", dist.Categorical(self.letters[word, place]))
        certain("position", place, PLACES, self.letters)


class LineText(GenerativeModel):
    """A text of four words, one of which is looked at: the upper level of reading along a line.

    State sites: ``text``, ``line`` (the word that is looked at) and ``verdict`` (of a report);
    observation sites: ``word``, ``page`` and ``feedback``. Actions go to the beginning of a word
    (0 to 3) or report a text (4 to 11).

    Args:
        right: log-preference of a right report, in nats.
        wrong: log-preference of a wrong one.

    Example:
        >>> LineText().actions
        Discrete(12)
    """

    actions = gym.spaces.Discrete(TURNS + TEXTS)

    def __init__(self, right: float = 2.0, wrong: float = -4.0) -> None:
        super().__init__()
        self.register_buffer("words", torch.eye(WORDS)[torch.tensor(LINES)])
        self.register_buffer("preference", torch.tensor([0.0, right, wrong]))

    def initial(self) -> tuple[Tensor, Tensor, Tensor]:
        """Any text, at its first word."""
        return _opened(self.words)

    def transition(
        self, state: tuple[Tensor, Tensor, Tensor], action: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The text stays; one goes to a word, or a report is judged."""
        text, line, _ = state
        return (
            certain("text", text, TEXTS, self.words),
            certain("line", torch.where(action < TURNS, action, line), TURNS, self.words),
            certain("verdict", judged(action - TURNS, text), 3, self.words),
        )

    def observe(self, state: tuple[Tensor, Tensor, Tensor]) -> None:
        """The word, where it stands, and what the report was."""
        text, line, verdict = state
        pyro.sample("word", dist.Categorical(self.words[text, line]))
        certain("page", line, TURNS, self.words)
        certain("feedback", verdict, 3, self.words)

    def prefer(self) -> None:
        """A right report rather than none, none rather than a wrong one."""
        pyro.sample("feedback", LogPreferences(self.preference))


class LineFlat(GenerativeModel):
    """Words and text in one model, without levels.

    Actions are those of the world ``pyro_activeinf/ReadingLine-v0``: read on (0), go to a word (1
    to 4), report (5 to 12).

    Args:
        right: log-preference of a right report, in nats.
        wrong: log-preference of a wrong one.

    Example:
        >>> from pyro_activeinf.filters import ExactFilter
        >>> ExactFilter(LineFlat()).initial().probs.shape
        torch.Size([384])
    """

    actions = gym.spaces.Discrete(1 + TURNS + TEXTS)

    def __init__(self, right: float = 2.0, wrong: float = -4.0) -> None:
        super().__init__()
        self.register_buffer("letters", torch.eye(LETTERS)[torch.tensor(SPELLED)])
        self.register_buffer("words", torch.tensor(LINES))
        self.register_buffer("preference", torch.tensor([0.0, right, wrong]))

    def initial(self) -> tuple[Tensor, ...]:
        """Any text, at the beginning of its first word."""
        return *_opened(self.letters), _first("place", PLACES, self.letters)

    def transition(self, state: tuple[Tensor, ...], action: Tensor) -> tuple[Tensor, ...]:
        """Read on, go to the beginning of a word, or report."""
        text, line, _, place = state
        on, turned = action == 0, action - 1
        turns = ~on & (turned < TURNS)
        after = torch.where(on, (place + 1).clamp(max=PLACES - 1), 0)
        return (
            certain("text", text, TEXTS, self.letters),
            certain("line", torch.where(turns, turned, line), TURNS, self.letters),
            certain("verdict", judged(turned - TURNS, text), 3, self.letters),
            certain("place", after, PLACES, self.letters),
        )

    def observe(self, state: tuple[Tensor, ...]) -> None:
        """The letter, where it stands, and what the report was."""
        text, line, verdict, place = state
        word = self.words[text, line]
        pyro.sample("letter", dist.Categorical(self.letters[word, place]))
        certain("position", place, PLACES, self.letters)
        certain("page", line, TURNS, self.letters)
        certain("feedback", verdict, 3, self.letters)

    def prefer(self) -> None:
        """A right report rather than none, none rather than a wrong one."""
        pyro.sample("feedback", LogPreferences(self.preference))


def _first(name: str, size: int, like: Tensor) -> Tensor:
    return pyro.sample(name, dist.Categorical(torch.eye(size).to(like)[0]))


def _opened(like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    text = pyro.sample("text", dist.Categorical(torch.ones(TEXTS).to(like)))
    return text, _first("line", TURNS, like), _first("verdict", 3, like)
