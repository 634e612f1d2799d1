"""Levels with filters of any kind, against exact ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import Belief, GenerativeModel, HierarchicalAgent
from pyro_activeinf.agents import Level
from pyro_activeinf.compile import Wishes
from pyro_activeinf.filters import (
    ExactFilter,
    FactorizedFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.models import ReadingPage, ReadingSentence
from pyro_activeinf.planning import OpenLoop

from .test_hierarchical import Chained, Wanting, bandit, chains

Make = Callable[..., Any]
ANY: list[Make] = [FactorizedFilter, HiddenMarkovFilter, ParticleFilter]


def hierarchy(
    seed: int, sizes: list[int], clock: int, *make: Make, until: Any = None
) -> HierarchicalAgent:
    """Random levels, each with a filter of its own kind."""
    models = [Chained(chain, i) for i, chain in enumerate(chains(sizes, 3, seed), 1)]
    parts = zip(models, make, strict=True)
    return HierarchicalAgent(
        [
            Level(model, filter=kind(model), steps_per_update=clock, until=until)
            for model, kind in parts
        ]
    )


OUTCOMES = [0, 2, -1, 1, 1, 0, 2]
KINDS = [
    ([2, 3], (FactorizedFilter, FactorizedFilter)),
    ([2, 3], (ExactFilter, FactorizedFilter)),
    ([3, 2], (FactorizedFilter, ExactFilter)),
    ([3, 2, 2], (ExactFilter, FactorizedFilter, HiddenMarkovFilter)),
    ([2, 2, 3], (HiddenMarkovFilter, HiddenMarkovFilter, FactorizedFilter)),
]


@pytest.mark.parametrize(("sizes", "kinds"), KINDS)
def test_factorized_and_hidden_markov_levels_are_exact_on_chains(
    sizes: list[int], kinds: tuple[Make, ...]
) -> None:
    seed = len(kinds)
    found = hierarchy(seed, sizes, 2, *kinds)
    exact = hierarchy(seed, sizes, 2, *[ExactFilter] * len(sizes))
    for outcome in OUTCOMES:
        beliefs = [agent.perceive({"o": outcome}) for agent in (found, exact)]
        for name, marginal in beliefs[1].marginals.items():
            same = beliefs[0].marginals[name].probs
            torch.testing.assert_close(same, marginal.probs, atol=1e-8, rtol=0.0)
        for level in range(1, len(sizes) + 1):
            terms = [belief.terms.per_level[level] for belief in beliefs]
            for part in ("total", "accuracy"):
                values = [getattr(each, part) for each in terms]
                torch.testing.assert_close(*values, atol=1e-8, rtol=0.0)


class Twins(GenerativeModel):
    """Two chains side by side that have nothing to do with each other."""

    actions = None

    def __init__(self, number: int, shown: tuple[str, str], seed: int, top: bool) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.first, self.move, self.show = (
            (2 * torch.randn(2, 3, 3, dtype=torch.float64)).softmax(-1) for _ in range(3)
        )
        self.states = [f"s{number}{x}" for x in "ab"]
        self.contexts = [] if top else [f"c{number}{x}" for x in "ab"]
        self.shown = shown

    def _states(self, rows: Tensor, parents: Sequence[Any]) -> tuple[Tensor, ...]:
        each = zip(self.states, rows, parents, strict=True)
        return tuple(pyro.sample(name, dist.Categorical(row[x])) for name, row, x in each)

    def initial(self) -> tuple[Tensor, ...]:
        even = torch.ones(3, dtype=torch.float64)
        contexts = [pyro.sample(name, dist.Categorical(even)) for name in self.contexts]
        return (*self._states(self.first, contexts or [0, 0]), *contexts)

    def transition(self, state: tuple[Tensor, ...], action: None) -> tuple[Tensor, ...]:
        eye = torch.eye(3, dtype=torch.float64)
        held = zip(self.contexts, state[2:], strict=True)
        contexts = [pyro.sample(name, dist.Categorical(eye[c])) for name, c in held]
        return (*self._states(self.move, state[:2]), *contexts)

    def observe(self, state: tuple[Tensor, ...]) -> None:
        for name, rows, x in zip(self.shown, self.show, state, strict=False):
            pyro.sample(name, dist.Categorical(rows[x]))


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_factorized_levels_are_exact_where_sites_are_independent(which: tuple[int, ...]) -> None:
    def agent(*which: int) -> HierarchicalAgent:
        models = [Twins(1, ("oa", "ob"), 0, False), Twins(2, ("c1a", "c1b"), 1, True)]
        kinds = [FactorizedFilter if i in which else ExactFilter for i in range(2)]
        low, high = (kind(model) for kind, model in zip(kinds, models, strict=True))
        return HierarchicalAgent(
            [Level(models[0], filter=low, steps_per_update=2), Level(models[1], filter=high)]
        )

    found, exact = agent(*which), agent()
    for seen in ((0, 2), (1, -1), (2, 2), (0, 1), (-1, 0)):
        observation = dict(zip(("oa", "ob"), seen, strict=True))
        beliefs = [each.perceive(observation) for each in (found, exact)]
        for name, marginal in beliefs[1].marginals.items():
            same = beliefs[0].marginals[name].probs
            torch.testing.assert_close(same, marginal.probs, atol=1e-8, rtol=0.0)
        energies = [belief.free_energy for belief in beliefs]
        torch.testing.assert_close(*energies, atol=1e-8, rtol=0.0)


def test_what_independent_marginals_cannot_hold_raises_the_free_energy() -> None:
    """A page in which word and flip explain a picture together."""

    def agent(make: Make) -> HierarchicalAgent:
        page = ReadingPage()
        page.pictures = 0.9 * page.pictures + 0.025
        low = Level(page, OpenLoop(1), make(page), steps_per_update=9)
        return HierarchicalAgent([low, Level(ReadingSentence(), OpenLoop(1))])

    seen, totals = {"picture": 0, "place": 0, "page": 0, "feedback": 0}, []
    for make in (ExactFilter, FactorizedFilter):
        reader = agent(make)
        reader.perceive(seen)
        second = reader.perceive({**seen, "picture": 1, "place": 2}, action=1)
        totals.append(float(second.free_energy))
        assert float(second.marginals["level1/gaze"].probs[2]) == pytest.approx(1.0)
    assert totals[0] < totals[1] < totals[0] + 1.0


SWARMS = [
    ([3, 2], (ParticleFilter, ExactFilter)),
    ([3, 2], (ExactFilter, ParticleFilter)),
    ([2, 3, 2], (ExactFilter, ParticleFilter, ExactFilter)),
    ([2, 2, 2], (ParticleFilter, ParticleFilter, ParticleFilter)),
    ([2, 2, 2], (FactorizedFilter, ParticleFilter, FactorizedFilter)),
]


@pytest.mark.parametrize(("sizes", "kinds"), SWARMS)
def test_particles_agree_with_exact_levels(sizes: list[int], kinds: tuple[Make, ...]) -> None:
    pyro.set_rng_seed(0)
    runs = 60

    def few(kind: Make) -> Make:
        return lambda model: (
            kind(model, num_particles=150) if kind is ParticleFilter else kind(model)
        )

    found = hierarchy(3, sizes, 2, *[few(kind) for kind in kinds])
    exact = hierarchy(3, sizes, 2, *[ExactFilter] * len(sizes))
    found.reset((runs,))
    energy, total = torch.zeros(runs), 0.0
    for outcome in OUTCOMES:
        belief = found.perceive({"o": torch.full((runs,), outcome)})
        truth = exact.perceive({"o": outcome})
        energy, total = energy + belief.free_energy, total + truth.free_energy
    checks = [((total - energy).exp(), torch.tensor(1.0))]  # evidence is estimated without bias
    checks += [
        (belief.marginals[name].probs[:, 0], marginal.probs[0])
        for name, marginal in truth.marginals.items()
        if name.partition("/")[2].startswith("s")
    ]
    for drawn, expected in checks:
        error = float(drawn.std()) / runs**0.5
        assert abs(float(drawn.mean() - expected)) < 3 * error + 1e-3, (drawn.mean(), expected)
        assert error < 0.05


@pytest.mark.parametrize("kind", [FactorizedFilter, ParticleFilter, HiddenMarkovFilter])
def test_members_of_a_batch_keep_their_own_clocks(kind: Make) -> None:
    def sure(belief: Belief) -> Tensor:
        return list(belief.marginals.values())[-1].probs.amax(-1) > 0.8

    pyro.set_rng_seed(0)
    seen = torch.randint(3, (4, 8), generator=torch.Generator().manual_seed(1))

    def some(model: Any) -> Any:
        return kind(model, num_particles=2000) if kind is ParticleFilter else kind(model)

    def agent(make: Make) -> HierarchicalAgent:
        return hierarchy(3, [3, 2, 2], 3, ExactFilter, make, make, until=sure)

    found, exact = agent(some), agent(ExactFilter)
    close = 0.1 if kind is ParticleFilter else 1e-8
    for each in (found, exact):
        each.reset((4,))
    for t in range(8):
        beliefs = [each.perceive({"o": seen[:, t]}) for each in (found, exact)]
        for name in ("level2/s2", "level3/s3"):
            probs = [belief.marginals[name].probs for belief in beliefs]
            torch.testing.assert_close(*probs, atol=close, rtol=0.0)


@pytest.mark.parametrize("kind", [FactorizedFilter, ParticleFilter, HiddenMarkovFilter])
def test_every_kind_of_level_plans_and_acts(kind: Make) -> None:
    pyro.set_rng_seed(0)

    def some(model: Any) -> Any:
        return kind(model, num_particles=200) if kind is ParticleFilter else kind(model)

    page, sentence = ReadingPage(), ReadingSentence()
    levels = [
        Level(page, OpenLoop(1), some(page), steps_per_update=2),
        Level(sentence, OpenLoop(1), some(sentence)),
    ]
    agent = HierarchicalAgent(levels)
    seen: dict[str, Any] = {"picture": 0, "place": 0, "page": 0, "feedback": 0}
    agent.perceive(seen)
    for _ in range(3):
        action = int(agent.act())
        assert 0 <= action < 4
        agent.perceive({"place": action + 1} if len(agent.actions) == 1 else {"place": 0})
    assert agent.posteriors == {}


@pytest.mark.parametrize("kind", [FactorizedFilter, HiddenMarkovFilter, ParticleFilter])
def test_the_level_above_sets_preferences_and_habits_of_any_filter(kind: Make) -> None:
    pyro.set_rng_seed(0)
    lower = bandit(torch.zeros(2), torch.ones(3) / 3)
    options = {ParticleFilter: {"num_particles": 3000}, HiddenMarkovFilter: {"num_draws": 20_000}}
    filter = kind(lower, **options.get(kind, {}))
    found, exact = (
        HierarchicalAgent([Level(lower, OpenLoop(2, precision=1.0), each, 5), Wanting()])
        for each in (filter, ExactFilter(lower))
    )
    for agent in (found, exact):
        agent.perceive({"o0": 1, "sign": 1})
    plans = [agent.plan().probs for agent in (found, exact)]
    close = 1e-6 if kind is FactorizedFilter else 0.02
    torch.testing.assert_close(*plans, atol=close, rtol=0.0)
    plain = OpenLoop(2, precision=1.0)(ExactFilter(lower), exact.belief.levels[0])
    assert float((plain.probs - plans[1]).abs().max()) > 0.1


def test_wishes_that_do_not_fit_are_refused() -> None:
    for filter in (kind(bandit(torch.zeros(2), torch.ones(3) / 3)) for kind in ANY):
        assert filter.wished == (["o0"], ["action"])
        with pytest.raises(ValueError, match="`o0`: expected 2 log-probabilities"):
            filter.wishing(Wishes({"o0": torch.zeros(3)}, {}))
        with pytest.raises(ValueError, match="`habit`"):
            filter.wishing(Wishes({}, {"door": torch.zeros(3)}))


def test_guides_of_particles_are_refused() -> None:
    class Guide:
        """Proposes nothing."""

    page = ReadingPage()
    filter = ParticleFilter(page, num_particles=10)
    filter.guide = Guide()
    with pytest.raises(ValueError, match="`guide`: expected none in a level of a hierarchy"):
        HierarchicalAgent([Level(page, filter=filter), ReadingSentence()])
