"""Levels that meet by real sites, against all of them as one Gaussian."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf import GenerativeModel, HierarchicalAgent, plots, rollout, to_arviz
from pyro_activeinf.agents import Level
from pyro_activeinf.filters import (
    GaussianBelief,
    GaussianFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.planning import CrossEntropy, OpenLoop

from .test_mixed import Pond
from .written_out import Net


def positive(random: np.random.Generator, n: int) -> np.ndarray:
    root = random.normal(size=(n, n))
    return root @ root.T / n + 0.3 * np.eye(n)


class Line(GenerativeModel):
    """A context ``c`` and a state that begins there: both real, and seen with noise."""

    actions = None

    def __init__(self, number: int, shown: str, sizes: tuple[int, int, int], seed: int) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        k, n, m = sizes  # of the context, of the state, of what is shown
        self.arrays = {
            "first": random.normal(size=(n, k)),
            "offset": random.normal(size=n),
            "start": positive(random, n),
            "move": random.normal(size=(n, n)) * 0.5,
            "push": random.normal(size=(n, k)) * 0.4,
            "noise": positive(random, n),
            "show": random.normal(size=(m, n)),
            "shift": random.normal(size=m),
            "blur": positive(random, m),
        }
        self.k, self.number, self.shown = k, number, shown
        for name, value in self.arrays.items():
            self.register_buffer(name, torch.from_numpy(value))

    def initial(self) -> tuple[Tensor, Tensor]:
        c = pyro.sample(f"c{self.number}", dist.Normal(torch.zeros(self.k), 2.0).to_event(1))
        return c, self._normal(f"s{self.number}", c @ self.first.mT + self.offset, self.start)

    def transition(self, state: tuple[Tensor, Tensor], action: None) -> tuple[Tensor, Tensor]:
        c, s = state
        c = pyro.sample(f"c{self.number}", dist.Delta(c, event_dim=1))
        s = self._normal(f"s{self.number}", s @ self.move.mT + c @ self.push.mT, self.noise)
        return c, s

    def observe(self, state: tuple[Tensor, Tensor]) -> None:
        self._normal(self.shown, state[1] @ self.show.mT + self.shift, self.blur)

    @staticmethod
    def _normal(name: str, mean: Tensor, cov: Tensor) -> Tensor:
        return pyro.sample(name, dist.MultivariateNormal(mean, cov))


SIZES = [(2, 3, 2), (1, 2, 2), (1, 2, 1)]  # each shows what the one below begins with


def lines(count: int) -> list[Line]:
    names = ["o", *(f"c{i}" for i in range(1, count))]
    return [Line(i + 1, names[i], SIZES[i], seed=i) for i in range(count)]


def begun(net: Net, line: Line, name: str, context: str | None) -> None:
    a = line.arrays
    if context is None:
        context = f"top{name}"
        net.add(context, np.zeros(line.k), 4.0 * np.eye(line.k))
    net.add(name, a["offset"], a["start"], {context: a["first"]})


def as_one(models: list[Line], clock: int, steps: int) -> tuple[Net, list[list[str]]]:
    """All variables, and the names of those that are there at each step, lowest first."""
    net, rows = Net(), list[list[str]]()
    now: list[str] = []
    contexts: list[str] = []
    for t in range(steps):
        acts = [t % clock**i == 0 for i in range(len(models))]
        now, old = [f"s{i}_{t}" if acts[i] else now[i] for i in range(len(models))], now
        for i in reversed(range(len(models))):
            a, top = models[i].arrays, i == len(models) - 1
            anew = t == 0 or (not top and acts[i + 1])
            if anew:
                context = None if top else f"c{i}_{t}"
                begun(net, models[i], now[i], context)
                contexts = contexts or [""] * len(models)
                contexts[i] = context or f"top{now[i]}"
            elif acts[i]:
                zero = np.zeros(len(a["offset"]))
                net.add(now[i], zero, a["noise"], {old[i]: a["move"], contexts[i]: a["push"]})
            shown = f"o_{t}" if i == 0 else f"c{i - 1}_{t}"
            if acts[i]:
                net.add(shown, a["shift"], a["blur"], {now[i]: a["show"]})
        rows.append(list(now))
    return net, rows


@pytest.mark.parametrize(("count", "clock"), [(2, 1), (2, 3), (3, 2)])
def test_beliefs_and_free_energy_are_those_of_the_one_gaussian(count: int, clock: int) -> None:
    models, steps = lines(count), 7
    agent = HierarchicalAgent([Level(model, steps_per_update=clock) for model in models])
    net, rows = as_one(models, clock, steps)
    random, seen, before = np.random.default_rng(9), dict[str, np.ndarray](), 0.0
    for t in range(steps):
        value = random.normal(size=2)
        observation = {} if t == 3 else {"o": torch.from_numpy(value)}
        if observation:
            seen[f"o_{t}"] = value
        belief = agent.perceive(observation)
        exact, density = net.given(seen)
        assert float(belief.free_energy) == pytest.approx(before - density, abs=1e-8)
        before = density
        total = sum(terms.total for terms in belief.terms.per_level.values())
        assert float(total) == pytest.approx(float(belief.free_energy), abs=1e-8)
        for i, name in enumerate(rows[t], 1):
            found = belief.marginals[f"level{i}/s{i}"]
            np.testing.assert_allclose(found.mean, exact[name][0], atol=1e-8)
            np.testing.assert_allclose(found.covariance_matrix, exact[name][1], atol=1e-8)


def test_members_of_a_batch_keep_their_own_clocks_and_are_recorded() -> None:
    models = lines(2)

    def far(belief: Any) -> Tensor:
        return belief.marginals["s1"].mean[..., 0] > 0.5

    def make() -> HierarchicalAgent:
        return HierarchicalAgent([Level(models[0], steps_per_update=3, until=far), models[1]])

    seen = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    together, alone = make(), [make() for _ in range(4)]
    together.reset((4,))
    for t in range(6):
        belief = together.perceive({"o": seen[:, t]})
        for b, single in enumerate(alone):
            expected = single.perceive({"o": seen[b, t]})
            torch.testing.assert_close(belief.free_energy[b], expected.free_energy)
            for name, marginal in expected.marginals.items():
                torch.testing.assert_close(belief.marginals[name].mean[b], marginal.mean)
    assert len({tuple(state.ticks.tolist()) for state in together.states or []}) > 1


class Season(GenerativeModel):
    """Discrete, and shown by a real site: where the line below begins."""

    actions = None
    move = torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=torch.float64)
    centers = torch.tensor([[-1.0, 0.5], [1.0, 0.0]], dtype=torch.float64)

    def initial(self) -> Tensor:
        return pyro.sample("season", dist.Categorical(torch.tensor([0.6, 0.4]).double()))

    def transition(self, season: Tensor, action: None) -> Tensor:
        return pyro.sample("season", dist.Categorical(self.move[season]))

    def observe(self, season: Tensor) -> None:
        scale = 0.5 + season.unsqueeze(-1)
        pyro.sample("c1", dist.Normal(self.centers[season], scale).to_event(1))


def mixed(clock: int, **options: Any) -> HierarchicalAgent:
    return HierarchicalAgent(
        [Level(lines(1)[0], steps_per_update=clock), Level(Season(), **options)]
    )


def by_paths(seen: np.ndarray, clock: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """p(season now), mean and covariance of s now, and log p(all), path by path."""
    line, pieces = lines(1)[0], -(-len(seen) // clock)
    found = []
    for path in product(range(2), repeat=pieces):
        net, total = Net(), np.log([0.6, 0.4][path[0]])
        total += sum(np.log(Season.move[a, b].item()) for a, b in pairwise(path))
        a, given = line.arrays, dict[str, np.ndarray]()
        for t, value in enumerate(seen):
            k = t // clock
            if t % clock == 0:
                center, scale = Season.centers[path[k]].numpy(), 0.5 + path[k]
                net.add(f"c{k}", center, scale**2 * np.eye(2))
                net.add(f"s{t}", a["offset"], a["start"], {f"c{k}": a["first"]})
            else:
                parents = {f"s{t - 1}": a["move"], f"c{k}": a["push"]}
                net.add(f"s{t}", np.zeros(3), a["noise"], parents)
            net.add(f"o{t}", a["shift"], a["blur"], {f"s{t}": a["show"]})
            given[f"o{t}"] = value
        exact, density = net.given(given)
        found.append((path[-1], total + density, *exact[f"s{len(seen) - 1}"]))
    logs = np.array([row[1] for row in found])
    total = np.logaddexp.reduce(logs)
    weights = np.exp(logs - total)
    season = np.array([weights[[row[0] == x for row in found]].sum() for x in range(2)])
    means = np.array([row[2] for row in found])
    mean = weights @ means
    spread = [row[3] + np.outer(m - mean, m - mean) for row, m in zip(found, means, strict=True)]
    return season, mean, np.tensordot(weights, spread, 1), float(total)


@pytest.mark.parametrize("clock", [1, 2, 4])
def test_discrete_states_may_show_where_a_gaussian_level_begins(clock: int) -> None:
    agent, before = mixed(clock), 0.0
    assert isinstance(agent.tower.floors[1].filter, HiddenMarkovFilter)
    seen = np.random.default_rng(2).normal(size=(6, 2))
    for t, row in enumerate(seen):
        belief = agent.perceive({"o": torch.from_numpy(row)})
        season, mean, cov, total = by_paths(seen[: t + 1], clock)
        np.testing.assert_allclose(belief.marginals["level2/season"].probs, season, atol=1e-8)
        np.testing.assert_allclose(belief.marginals["level1/s1"].mean, mean, atol=1e-8)
        found = belief.marginals["level1/s1"].covariance_matrix
        np.testing.assert_allclose(found, cov, atol=1e-8)
        assert float(belief.free_energy) == pytest.approx(before - total, abs=1e-8)
        before = total


def test_particles_above_a_gaussian_level_agree_with_exact_inference() -> None:
    pyro.set_rng_seed(0)
    filter = ParticleFilter(Season(), num_particles=100)
    agent, runs = mixed(2, filter=filter), 100
    agent.reset((runs,))
    seen = np.random.default_rng(2).normal(size=(5, 2))
    energy = torch.zeros(runs)
    for row in seen:
        belief = agent.perceive({"o": torch.from_numpy(row).expand(runs, 2)})
        energy = energy + belief.free_energy
    season, mean, _, total = by_paths(seen, 2)
    for found, exact in (
        ((-energy - total).exp(), 1.0),  # evidence is estimated without bias
        (belief.marginals["level2/season"].probs[:, 0], season[0]),
        (belief.marginals["level1/s1"].mean[:, 0], mean[0]),
    ):
        error = float(found.std()) / runs**0.5
        assert abs(float(found.mean()) - exact) < 3 * error
        assert error < 0.05


@pytest.mark.parametrize("above", [HiddenMarkovFilter, ParticleFilter])
def test_particles_that_real_sites_set_agree_with_exact_inference(above: Any) -> None:
    pyro.set_rng_seed(0)
    runs, line, season = 400, lines(1)[0], Season()
    filters: list[Any] = [ParticleFilter(line, num_particles=300)]
    filters.append(above(season, **({"num_particles": 8} if above is ParticleFilter else {})))
    low, high = Level(line, OpenLoop(1), filters[0], 2), Level(season, filter=filters[1])
    agent = HierarchicalAgent([low, high])
    agent.reset((runs,))
    seen = np.random.default_rng(2).normal(size=(3, 2))
    energy = torch.zeros(runs)
    for row in seen:
        belief = agent.perceive({"o": torch.from_numpy(row).expand(runs, 2)})
        energy = energy + belief.free_energy
    probs, mean, _, total = by_paths(seen, 2)
    evidence = (-energy - total).exp()  # estimated without bias, as is what is believed times it
    for away in (
        evidence - 1.0,
        evidence * (belief.marginals["level2/season"].probs[:, 0] - probs[0]),
        evidence * (belief.marginals["level1/s1"].mean[:, 0] - mean[0]),
    ):
        error = float(away.std()) / runs**0.5
        assert abs(float(away.mean())) < 3 * error
        assert error < 0.06
    assert belief.messages[1].up_moments[0].shape == (runs, 2)


def test_it_lives_in_a_world_and_is_recorded() -> None:
    class Pushed(Line):
        actions = Pond.action_space

    pushed = Pushed(1, "o", SIZES[0], 0)
    planner = CrossEntropy(2, samples=8, elites=2, iterations=1)
    agent = HierarchicalAgent([Level(pushed, planner, steps_per_update=2), lines(2)[1]])
    found = rollout(agent, Pond(), steps=4, progress=False)
    assert found.beliefs["level2/s2"].shape == (5, 2)
    passed = found.messages[1]
    assert passed.ticks.tolist() == [1, 2, 1, 2, 1]
    for mean, spread in (passed.down_moments, passed.up_moments):
        assert mean.shape == spread.shape == (5, 2)
    figure = plots.hierarchy(found)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert {"down: prediction p(c1)", "up: evidence p(o|c1)"} <= set(titles)
    assert to_arviz(found)["beliefs"]["level2.s2"].shape[-2:] == (5, 2)


def test_messages_are_those_of_the_gaussians() -> None:
    agent = HierarchicalAgent([Level(lines(1)[0], steps_per_update=4), lines(2)[1]])
    agent.perceive({"o": torch.tensor([0.3, -0.4])})
    passed = agent.perceive({"o": torch.tensor([0.1, 0.8])}).messages[1]
    (down, wide), (up, narrow) = passed.down_moments, passed.up_moments
    precision = passed.up[:4].reshape(2, 2)
    torch.testing.assert_close(up, torch.linalg.solve(precision, passed.up[4:6]))
    torch.testing.assert_close(narrow, torch.linalg.inv(precision).diagonal().sqrt())
    cov = passed.down[0, 3:].reshape(2, 2)
    both = torch.linalg.inv(torch.linalg.inv(cov) + precision)
    mean = both @ (torch.linalg.solve(cov, down) + precision @ up)
    found = agent.belief.marginals["level1/c1"]
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance_matrix, both)
    torch.testing.assert_close(wide, cov.diagonal().sqrt())


class Curved(Line):
    """A line whose state bends."""

    def transition(self, state: tuple[Tensor, Tensor], action: None) -> tuple[Tensor, Tensor]:
        c, s = state
        c = pyro.sample("c1", dist.Delta(c, event_dim=1))
        return c, self._normal("s1", s.sin(), self.noise)


def test_combinations_that_make_no_sense_are_refused_at_once() -> None:
    low, high = lines(2)
    curved = Curved(1, "o", SIZES[0], 0)
    with pytest.raises(ValueError, match=r"`levels\[0\].filter`: expected a filter whose first"):
        HierarchicalAgent([Level(curved, filter=GaussianFilter(curved)), high])
    with pytest.raises(ValueError, match="`filter`: expected a hidden Markov or particle filter"):
        HierarchicalAgent([Level(low, filter=ParticleFilter(low)), high])
    with pytest.raises(ValueError, match=r"site 'c1' of levels\[1\]`: expected the real numbers"):
        HierarchicalAgent([low, Line(2, "c1", (1, 2, 3), 0)])
    with pytest.raises(ValueError, match=r"`levels\[1\].filter`: expected an exact, factorized"):
        HierarchicalAgent([low, Level(curved, filter=GaussianFilter(curved))])
    assert isinstance(HierarchicalAgent([low, high]).perceive({}).levels[0], GaussianBelief)
