"""What is no argument is refused by name, before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf import behavior, to_arviz
from pyro_activeinf.behavior import peers, tasks
from pyro_activeinf.behavior.tabular import of_agent
from pyro_activeinf.export import Guided, policy_names
from pyro_activeinf.jobs import grid
from tests.behavior.coin import coins, tosses
from tests.behavior.persons import Guessing

ONE = torch.tensor(1.0)
TASK = tasks.ReversalLearning()
FEW: Any = {"subjects": 2, "trials": 3}
ANY_COINS: Any = coins()
tabular: Any = of_agent.tabular
ANY: Any = behavior  # what it is typed as does not matter here


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ANY.fit(tosses(), coins()), r"`model`: expected a ChoiceModel"),
        (lambda: ANY.fit(coins(), [1]), r"`choices`: expected Choices, got \[1\]"),
        (lambda: ANY.fit(coins(), tosses(), start=3), r"`start`: expected an earlier fit, got 3"),
        (lambda: ANY.Variational("flow"), r"`guide`: expected MeanField\(\), .*'flow'"),
        (lambda: ANY.Laplace(mode="map"), r"`mode`: expected .*MAP\(\), got 'map'"),
        (lambda: ANY.Flow(kind="spline"), r"`kind`: expected a kind of flow"),
        (lambda: ANY.compare([1]), r"`fits`: expected a dict of fits by name, got \[1\]. Write"),
        (lambda: ANY.compare({"a": 3}), r"`fits`: expected a fit as 'a', got 3"),
        (lambda: ANY.identifiability(3), r"`fit`: expected what behavior.fit returns, got 3"),
        (lambda: ANY.learning_curve(3), r"`source`: expected what behavior.fit or .*, got 3"),
        (lambda: ANY.recover_models([1, 2], TASK, **FEW), r"`models`: expected a dict of models"),
        (
            lambda: ANY.recover_models({"a": 1, "b": 2}, TASK, score="loo", **FEW),
            r"`score`: expected Evidence\(\) or LeaveOneOut\(\), got 'loo'",
        ),
        (lambda: ANY.rehearse(3, TASK, **FEW), r"`model`: expected a ChoiceModel, got 3"),
        (lambda: ANY.simulate(3, TASK, **FEW), r"`model`: expected a ChoiceModel, got 3"),
        (lambda: ANY.simulate(coins(), "maze", **FEW), r"`task`: expected a task.*got 'maze'"),
        (
            lambda: ANY.simulate(coins(), TASK, parameters=3, **FEW),
            r"`parameters`: expected a dict from site to values, got 3",
        ),
        (lambda: _fit().foretold(3), r"`parameters`: expected a dict from site to values, got 3"),
        (lambda: _fit().foretold({"heads": 1}), r"`parameters`: expected tensors .*got 1"),
        (lambda: tasks.Bandit(3), r"`probs`: expected a tensor \(trials, actions\), got 3"),
        (lambda: tasks.ReversalLearning(reversals=3), r"`reversals`: .*Every\(20\), got 3"),
        (lambda: ANY.Mixture(2, of="x"), r"`of`: expected how persons of a type .*got 'x'"),
        (lambda: _drawn(ANY.Hierarchical(deviations="z")), r"`deviations`: .*NonCentered"),
        (lambda: _drawn(ANY.Regression(3)), r"`formula`: expected a formula.*got 3"),
        (lambda: ANY.to_dataframe(3), r"`choices`: expected Choices, got 3"),
        (lambda: ANY.split(3, "drug"), r"`choices`: expected Choices, got 3"),
        (lambda: ANY.from_trajectory(3), r"`trajectory`: expected what rollout returns, got 3"),
        (lambda: ANY.fit_many(3, store="s"), r"`jobs`: expected a list of Job, got 3"),
        (lambda: ANY.fit_many([], "nuts", store="s"), r"`engine`: expected an engine.*'nuts'"),
        (lambda: to_arviz(3), r"`source`: expected one of .*got int. Of a guide of Pyro: export"),
        (lambda: ANY.identifiability(_fit(), 3), r"`true`: expected a dict with some .*got 3"),
        (
            lambda: ANY.identifiability(_fit(), {"heads": 1}),
            r"`true`: expected a tensor .*\(3,\) as 'heads', got 1. `simulate",
        ),
        (lambda: ANY.Mixture(2, weights=3), r"`weights`: expected a distribution over 2 .*got 3"),
        (lambda: ANY.Hierarchical(3), r"`spread`: expected a distribution of Pyro, .*got 3"),
        (lambda: ANY.Hierarchical({"a": None}), r"`spread`: expected a distribution of Pyro"),
        (lambda: ANY.Hierarchical(deviations=3), r"`deviations`: expected how persons differ"),
        (lambda: ANY.Regression("x", 3), r"`coefficients`: expected a distribution of Pyro"),
        (lambda: ANY.Regression({"x": 3}), r"`formula`: expected a formula .*got 3"),
        (lambda: ANY.Horseshoe(3), r"`formula`: expected a formula .*got 3"),
        (lambda: ANY.Conditions(3), r"`condition`: expected the name of a condition, got 3"),
        (lambda: ANY.Conditions("a", "b"), r"`parameters`: expected a tuple of names, got 'b'"),
        (lambda: ANY.Conditions("a", within=3), r"`within`: expected a distribution of Pyro"),
        (lambda: ANY.RescorlaWagner(0.3, 2.0), r"`learning_rate`: expected a tensor .*got 0.3"),
        (lambda: peers.KalmanLearner(ONE, "x"), r"`drift`: expected a tensor .*got 'x'"),
        (lambda: peers.KalmanLearner(ONE, ONE, 3), r"`inverse_temperature`: expected a tensor"),
        (lambda: peers.WinStayLoseShift(ONE, None), r"`lose_shift`: expected a tensor .*None"),
        (lambda: peers.HierarchicalGaussianFilter(ONE, 3), r"`inverse_temperature`: expected a"),
        (lambda: peers.RandomChoice("x"), r"`bias`: expected a tensor .*got 'x'"),
        (lambda: ANY.DriftDiffusion("x", ONE), r"`boundary`: expected a tensor .*number, got 'x'"),
        (lambda: ANY.ShiftedWald(ONE, "x", ONE, ONE), r"`drift`: expected a tensor .*got 'x'"),
        (lambda: ANY.LogNormalTimes(ONE, ONE, None), r"`scale`: expected a tensor .*got None"),
        (lambda: ANY.LogNormalTimes(ONE, ONE, ONE, "x"), r"`difficulty`: expected a function"),
        (lambda: tabular(3), r"`agent`: expected an Agent, got 3"),
        (lambda: replace(tosses(), subjects=3), r"`subjects`: expected a value of each of 3 .*3"),
        (lambda: replace(tosses(), covariates={"a": 3}), r"`a`: expected a value of each of 3"),
        (lambda: replace(tosses(), labels={"action": 3}), r"`action`: expected a tuple of labels"),
        (lambda: Guided(3, len), r"`model`: expected a Pyro program, which can be called, got 3"),
        (lambda: Guided(len, len, 5), r"`args`: expected a tuple .*got 5. Write args=\(5,\)"),
        (lambda: Guided(len, len, (), 5), r"`kwargs`: expected a dict of arguments by name"),
        (lambda: policy_names(3), r"`policies`: expected a tensor \(policies, time\) .*got 3"),
        (lambda: grid(dict, x="ab"), r"`x`: expected values to go through, got 'ab'"),
        (lambda: grid(dict, x=3), r"`x`: expected values to go through, got 3. Write x=\[3\]"),
    ],
)
def test_what_is_of_another_kind(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ANY.AdaptiveImportance(degrees=-1), r"`degrees`: .* above 0, got -1"),
        (lambda: ANY.LowRank(-1), r"`rank`: expected an integer of at least 1, got -1"),
        (lambda: ANY.Flow(0), r"`length`: expected an integer of at least 1, got 0"),
        (lambda: ANY.Mixture("ab"), r"`types`: expected an integer of at least 1, got 'ab'"),
        (lambda: ANY.Correlated(-1.0), r"`concentration`: expected a finite number above 0"),
        (lambda: ANY.Correlated("x"), r"`concentration`: expected a finite number above 0"),
        (lambda: _fit().intervals("x"), r"`mass`: expected a number in \(0, 1\), got 'x'"),
        (lambda: _fit().intervals(3), r"`mass`: expected a number in \(0, 1\), got 3"),
        (lambda: tasks.ReversalLearning("x"), r"`good`: expected a probability, got 'x'"),
        (lambda: tasks.ReversalLearning(actions="x"), r"`actions`: expected an integer"),
        (lambda: tasks.Every(3, "x"), r"`most`: expected an integer of at least 1, got 'x'"),
        (lambda: tasks.TMaze("x"), r"`validity`: expected a probability, got 'x'"),
        (lambda: tasks.GaussianBandit(torch.zeros(2, 2), -1), r"`noise`: expected a finite number"),
        (lambda: tasks.random_walks("x", 2), r"`trials`: expected an integer of at least 1"),
        (lambda: tasks.random_walks(3, 2, low=0.9), r"`high`: expected a probability above"),
        (lambda: ANY.RescorlaWagner(ONE, ONE, actions=1), r"`actions`: expected an integer of at"),
        (
            lambda: ANY.recover_models({"a": 1, "b": 2}, TASK, subjects="x", trials=3),
            r"`subjects`: expected an integer of at least 1, got 'x'",
        ),
        (lambda: ANY.Mixture(2.5), r"`types`: expected an integer of at least 1, got 2.5"),
    ],
)
def test_numbers_out_of_range(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: _fit().foretold({"a": 1}),
            r"`parameters`: expected the sites \['heads'\], got \['a'\]. A fit's own are",
        ),
        (
            lambda: _fit().foretold({"heads": torch.rand(3)}),
            r"`parameters`: expected tensors \(chains, draws, 3 subjects, .*got \(3,\) as 'heads'",
        ),
        (lambda: ANY.identifiability(_fit(), {"x": 1}), r"`true`: expected names among \['heads"),
        (lambda: ANY.identifiability(_fit(), {}), r"`true`: .*got none of \['heads'\]"),
        (
            lambda: ANY.identifiability(_fit(), {"heads": torch.rand(7)}),
            r"`true`: expected a tensor .* = \(3,\) as 'heads', got one of \(7,\)",
        ),
        (
            lambda: ANY.Mixture(2, weights=dist.Dirichlet(torch.ones(3))),
            r"`weights`: expected a distribution over 2 weights, got one over \(3,\)",
        ),
        (lambda: peers.RandomChoice(ONE), r"`bias`: expected a tensor .*got a single number"),
        (
            lambda: replace(tosses(), actions=tosses().actions - 4),
            r"`actions`: expected integers from 0 on, or -1, got -[34] of subject 0 at trial 0",
        ),
        (
            lambda: replace(tosses(), outcomes={"coin": tosses().actions - 4}),
            r"`coin`: .*got -[34] of subject 0 at trial 0. Missing is -1; real numbers, .* floats",
        ),
        (lambda: policy_names(ONE), r"`policies`: expected a tensor .*got one of \(\)"),
        (
            lambda: ANY.fit_many([], store="s", nope=3),
            r"`options`: expected names among \['start'.*got \['nope'\]",
        ),
        (lambda: ANY_COINS.log_probs({"a": 1}, tosses()), r"`parameters`: expected the sites"),
        (lambda: _timed(-1.0), r"`response_times`: .*got -1.0 of subject 1 at trial 2. Write NaN"),
        (lambda: _timed(0.0), r"`response_times`: expected seconds above 0, got 0.0"),
        (lambda: _timed(torch.inf), r"`response_times`: expected seconds above 0, got inf"),
        (
            lambda: ANY.simulate(coins(), tasks.ReversalLearning(actions=3), **FEW),
            r"`model`: expected an agent with the actions of the task, got 2 against 3.* Give both",
        ),
        (lambda: ANY.simulate(coins(), TASK, {"a": 1}, **FEW), r"`parameters`: expected the sites"),
    ],
)
def test_what_does_not_fit_together(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def _fit() -> Any:
    return behavior.fit(coins(), tosses(), Guessing(5), progress=False)


def _timed(seconds: float) -> behavior.Choices:
    choices = tosses()
    times = torch.ones(choices.actions.shape)
    times[0, 0], times[1, 2] = torch.nan, seconds
    return replace(choices, response_times=times)


def _drawn(population: Any) -> None:
    behavior.ChoiceModel(_rate, lambda p: peers.RandomChoice(p["bias"]), population)(tosses())


def _rate() -> None:

    pyro.sample("bias", dist.Normal(torch.zeros(2), 1.0).to_event(1))
