"""The code on the pages runs, and prints what the pages say."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

import pyro_activeinf as aif

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    "how_it_works.md",
    "choosing_a_filter.md",
    "choosing_a_planner.md",
    "choosing_a_guide.md",
    "choosing_a_flow.md",
    "choosing_a_population.md",
    "hierarchies.md",
    "deep_latent_models.md",
    "families.md",
    "update_rule.md",
    "coming_from_pymdp.md",
    "extending.md",
    "scaling_out.md",
    "identifiable_task.md",
]

each_page = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(autouse=True)
def gradients_on_again() -> Iterator[None]:
    """A page may turn gradients off; what follows has them back."""
    with torch.enable_grad():
        yield


def blocks(page: str) -> list[tuple[str, str]]:
    """Fenced blocks of a page: ``("python", code)``, and ``("text", what it prints)`` below it."""
    return [(kind, body) for kind, body in BLOCK.findall((DOCS / page).read_text("utf-8"))]


def ran(page: str) -> tuple[str, str]:
    """All that the code of a page prints, run in order in one namespace, and what it promises."""
    names: dict[str, object] = {"__name__": page}
    stream, promised = io.StringIO(), ""
    for kind, body in blocks(page):
        if kind == "text":
            promised += body
            continue
        with redirect_stdout(stream):
            exec(compile(body, page, "exec"), names)
    return stream.getvalue(), promised


def unpadded(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@each_page
def test_code_prints_what_the_page_says(page: str) -> None:
    torch.set_default_dtype(torch.float32)  # what readers have
    printed, promised = ran(page)
    assert promised
    assert unpadded(printed) == unpadded(promised)


@each_page
def test_every_text_block_follows_code(page: str) -> None:
    kinds = [kind for kind, _ in blocks(page)]
    assert kinds[0] == "python"
    assert ("text", "text") not in pairwise(kinds)


INCLUDED = re.compile(r"^```\{literalinclude\} (\S+)\n:pyobject: (\S+)\n```$", re.MULTILINE)


@each_page
def test_code_that_a_page_includes_is_there(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    assert text.count("{literalinclude}") == len(INCLUDED.findall(text))
    for path, name in INCLUDED.findall(text):
        tree = ast.parse((DOCS / path).read_text("utf-8"))
        for part in name.split("."):
            (tree,) = [node for node in tree.body if getattr(node, "name", None) == part]


class Coin(aif.GenerativeModel):
    """A model that is sound; those below each make one mistake."""

    actions = gym.spaces.Discrete(4)

    def initial(self) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.tensor([1.0, 0.0])))

    def transition(self, state: Tensor, action: Tensor) -> Tensor:
        return pyro.sample("side", dist.Categorical(torch.eye(2)[state]))

    def observe(self, state: Tensor) -> None:
        pyro.sample("view", dist.Categorical(torch.eye(2)[state]))
        pyro.sample("mood", dist.Categorical(torch.eye(2)[state]))


class Hasty(Coin):
    def observe(self, state: Tensor) -> None:
        pyro.sample("view", dist.Bernoulli(0.9 if state == 0 else 0.1))


class Continuous(Coin):
    def initial(self) -> Tensor:
        return pyro.sample("side", dist.Normal(0.0, 1.0))


class Misspelled(Coin):
    def prefer(self) -> None:
        pyro.sample("moods", dist.Categorical(torch.ones(2) / 2))


def misspelled() -> None:
    wrong = aif.filters.ExactFilter(Misspelled())
    wrong.expected_free_energy(wrong.initial())


def crowded() -> None:
    model = aif.models.POMDP(A=[torch.ones(1, 100, 100, 100)], B=[torch.eye(100)] * 3)
    aif.filters.ExactFilter(model)


def impossible() -> None:
    right = aif.filters.ExactFilter(Coin())
    right.update(right.initial(), {"view": 1})


def far_sighted() -> None:
    right = aif.filters.ExactFilter(Coin())
    aif.planning.OpenLoop(horizon=16)(right, right.initial())


def agent() -> aif.Agent:
    return aif.Agent(Coin(), planner=aif.planning.OpenLoop(1))


def inert() -> None:
    someone = agent()
    someone.perceive({"view": 0})
    someone.perceive({"view": 0})


MISTAKES: list[Callable[[], object]] = [
    lambda: aif.filters.ExactFilter(Hasty()),
    lambda: aif.filters.ExactFilter(Continuous()),
    misspelled,
    crowded,
    impossible,
    far_sighted,
    inert,
    lambda: agent().plan(),
]


def quoted_errors() -> list[str]:
    """First column of the table of errors on the page."""
    rows = re.findall(
        r"^\| \*(.+?)\* \|", (DOCS / "how_it_works.md").read_text("utf-8"), re.MULTILINE
    )
    return [str(row) for row in rows]


def test_every_quoted_error_has_its_mistake() -> None:
    assert len(quoted_errors()) == len(MISTAKES)


@pytest.mark.parametrize(
    ("quoted", "mistake"), list(zip(quoted_errors(), MISTAKES, strict=False)), ids=quoted_errors()
)
def test_errors_say_what_the_page_says(quoted: str, mistake: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=re.escape(quoted)):
        mistake()
