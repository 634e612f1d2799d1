import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.learning import (
    DirichletLearner,
    DirichletUpdate,
    RobbinsMonro,
    learn_dirichlet,
)
from pyro_activeinf.models import POMDP, CategoricalTable, TMaze
from pyro_activeinf.records import ExpectedFreeEnergyTerms, FreeEnergyTerms, Trajectory
from tests.learning.counted import (
    OUTCOMES,
    SHAPES,
    Learned,
    as_series,
    counts_by_hand,
    random_sight,
)
from tests.oracles import assert_close

WEATHER = torch.tensor([[0.5, 2.0, 1.0], [1.0, 1.0, 4.0]], dtype=torch.float64)


def seen_states(look: CategoricalTable, move: CategoricalTable, start: CategoricalTable) -> POMDP:
    """States that are seen without error, and an outcome besides."""
    return POMDP(A=[torch.eye(3), look], B=[move], D=[start], A_dependencies=[[0], [0]])


def test_observed_states_are_counted_one_by_one() -> None:
    look, move = (
        CategoricalTable(torch.rand(3, 2) + 0.1),
        CategoricalTable(torch.rand(3, 2, 3) + 0.1),
    )
    start = CategoricalTable(torch.rand(3) + 0.1)
    before = [table.counts.clone() for table in (look, move, start)]
    places, told, moves = [0, 2, 2, 1, 2], [1, 0, 0, 1, 1], [0, 1, 1, 0]
    observations = {"o0": torch.tensor(places), "o1": torch.tensor(told)}
    learn_dirichlet(seen_states(look, move, start), observations, torch.tensor(moves))
    for place, outcome in zip(places, told, strict=True):
        before[0][place, outcome] += 1
    for place, u, after in zip(places, moves, places[1:], strict=False):
        before[1][place, u, after] += 1
    before[2][places[0]] += 1
    for table, expected in zip((look, move, start), before, strict=True):
        assert_close(table.counts, expected, 1e-10)


def test_the_evidence_is_that_of_counting() -> None:
    """Where states are seen, predictions one after the other make up the Dirichlet-multinomial."""
    look = CategoricalTable(WEATHER)
    model = POMDP(A=[look], B=[torch.eye(2)[..., None]], D=[torch.tensor([0.0, 1.0])])
    outcomes, surprise = [2, 2, 0, 1, 2], 0.0
    for outcome in outcomes:
        surprise += float(learn_dirichlet(model, {"o0": torch.tensor([outcome])}).free_energy)
    a, n = WEATHER[1], torch.bincount(torch.tensor(outcomes)).double()
    log_beta = lambda x: torch.lgamma(x).sum() - torch.lgamma(x.sum())  # noqa: E731
    assert_close(surprise, float(log_beta(a) - log_beta(a + n)), 1e-10)
    assert_close(look.counts, WEATHER + torch.stack([torch.zeros(3), n]), 1e-10)


def test_every_table_of_a_program_learns_by_its_expected_counts() -> None:
    rng = np.random.default_rng(0)
    model, seen = Learned(), random_sight(rng, 3)
    before = {name: getattr(model, name).counts.clone() for name in SHAPES}
    filter = ExactFilter(model)
    version = filter.version
    learned = learn_dirichlet(filter, as_series(seen), torch.tensor([1, 0]))
    by_hand = counts_by_hand(Learned(), seen, [1, 0])
    for name, value in by_hand.items():
        assert_close(getattr(model, name).counts, before[name].numpy() + value, 1e-10)
    assert set(learned.counts) == set(SHAPES)
    assert filter.version is not version


def test_only_the_tables_asked_for_learn() -> None:
    model, rng = Learned(), np.random.default_rng(1)
    before = {name: getattr(model, name).counts.clone() for name in SHAPES}
    learn_dirichlet(
        model, as_series(random_sight(rng, 3)), torch.tensor([1, 0]), tables=[model.look]
    )
    changed = {n for n in SHAPES if not torch.equal(getattr(model, n).counts, before[n])}
    assert changed == {"look"}


def test_a_trajectory_is_learned_from_episode_by_episode() -> None:
    rng, model = np.random.default_rng(2), Learned()
    sights, actions = (
        [random_sight(rng, 3) for _ in range(2)],
        torch.tensor([[0, 1, -1], [1, 1, -1]]),
    )
    zeros = torch.zeros(6)
    together = Trajectory(
        observations={
            name: torch.cat([as_series(seen)[name] for seen in sights]) for name in OUTCOMES
        },
        actions=actions.flatten(),
        rewards=zeros,
        beliefs={},
        free_energy=FreeEnergyTerms(zeros, zeros),
        plan=ExpectedFreeEnergyTerms(torch.zeros(6, 4, 1), ()),
        action_probs=torch.zeros(6, 2),
        episode=torch.tensor([0, 0, 0, 1, 1, 1]),
        step=torch.tensor([0, 1, 2, 0, 1, 2]),
    )
    expected = [
        counts_by_hand(model, s, u[:2].tolist()) for s, u in zip(sights, actions, strict=True)
    ]
    found = learn_dirichlet(model, together)
    for name, value in found.counts.items():
        assert_close(value, sum(each[name] for each in expected), 1e-10)


def test_an_update_is_the_natural_gradient_step() -> None:
    prior, counts, seen = torch.rand(3, 4), torch.rand(3, 4) + 1, torch.rand(3, 4)
    rho = RobbinsMonro(tau=1.0, kappa=0.6)
    rule = DirichletUpdate(rate=lambda t: 7 * rho(t), forgetting=rho)
    for t in range(4):
        expected = (1 - rho(t)) * counts + rho(t) * (prior + 7 * seen)
        counts = rule(counts, prior, seen, t)
        assert_close(counts, expected, 1e-12)


def test_bayes_is_the_default_and_a_cap_keeps_proportions() -> None:
    prior, seen = torch.ones(2, 2), torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    assert_close(DirichletUpdate()(prior, prior, seen, 0), prior + seen)
    capped = DirichletUpdate(cap=2.5)(prior, prior, seen, 0)
    assert_close(capped, [[2.0, 0.5], [1.0, 1.5]])


@pytest.mark.parametrize(
    "wrong", [{"rate": -1.0}, {"rate": math.inf}, {"forgetting": 1.5}, {"cap": 0.0}]
)
def test_wrong_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        DirichletUpdate(**wrong)


def test_a_model_without_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="CategoricalTable"):
        learn_dirichlet(TMaze(), {"position": torch.tensor([0])})


def test_impossible_observations_change_nothing() -> None:
    look = CategoricalTable(torch.tensor([[1.0, 0.0], [2.0, 0.0]]))
    model = POMDP(A=[look], B=[torch.eye(2)[..., None]])
    with pytest.raises(ValueError, match="probability 0"):
        learn_dirichlet(model, {"o0": torch.tensor([0, 1])})
    assert_close(look.counts, [[1.0, 0.0], [2.0, 0.0]])


def test_parameters_learn_in_place() -> None:
    counts: Tensor = torch.nn.Parameter(torch.ones(2, 2))
    look = CategoricalTable(counts)
    model = POMDP(A=[look], B=[torch.eye(2)[..., None]], D=[torch.tensor([1.0, 0.0])])
    learn_dirichlet(model, {"o0": torch.tensor([0, 0])})
    assert look.counts is counts
    assert_close(counts.detach(), [[3.0, 1.0], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (DirichletUpdate(rate=lambda update: -5.0), "rate"),
        (DirichletUpdate(forgetting=lambda update: 3.0), "forgetting"),
    ],
)
def test_a_schedule_that_leaves_its_range_changes_nothing(
    rule: DirichletUpdate, wrong: str
) -> None:
    look, move = CategoricalTable(torch.ones(2, 2)), CategoricalTable(torch.ones(2, 1, 2))
    model = POMDP(A=[look], B=[move], D=[torch.tensor([1.0, 0.0])])
    with pytest.raises(ValueError, match=f"`{wrong}`"):
        learn_dirichlet(model, {"o0": torch.tensor([0, 1])}, torch.tensor([0]), rule)
    assert_close(look.counts, torch.ones(2, 2))
    assert_close(move.counts, torch.ones(2, 1, 2))


def test_tables_of_another_model_are_refused() -> None:
    look, other = CategoricalTable(torch.ones(2, 2)), CategoricalTable(torch.ones(2, 2))
    model = POMDP(A=[look], B=[torch.eye(2)[..., None]], D=[torch.tensor([1.0, 0.0])])
    with pytest.raises(ValueError, match="`tables`: expected some of the model's own"):
        learn_dirichlet(model, {"o0": torch.tensor([0, 0])}, tables=[look, other])
    assert_close(look.counts, torch.ones(2, 2))
    with pytest.raises(ValueError, match="`tables`"):
        DirichletLearner(model, tables=[other])
    occasion: Any = "step"
    with pytest.raises(TypeError, match="`occasion`: expected EachStep"):
        DirichletLearner(model, occasion)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda model: DirichletUpdate("x"), "`rate`"),
        (lambda model: DirichletUpdate(forgetting="x"), "`forgetting`"),
        (lambda model: learn_dirichlet(model, {}, tables=3), "`tables`"),
        (lambda model: learn_dirichlet(model, {}, rule=3), "`rule`"),
    ],
)
def test_other_types_are_named(wrong: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        wrong(Learned())
