from __future__ import annotations

from typing import Any

import gymnasium as gym
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.behavior import ChoiceModel
from pyro_activeinf.behavior.peers import RandomChoice, RescorlaWagner
from pyro_activeinf.behavior.simulate import simulate
from pyro_activeinf.behavior.tasks import Bandit, ReversalLearning, TMaze, World
from pyro_activeinf.envs import TMaze as Maze


def program() -> None:
    pyro.sample("rate", dist.Beta(2.0, 2.0))
    pyro.sample("beta", dist.Gamma(4.0, 1.0))


def learner() -> ChoiceModel:
    return ChoiceModel(program, lambda p: RescorlaWagner(p["rate"], p["beta"]))


def on_maze() -> ChoiceModel:
    """A learner in the maze, where a reward is 1 and a loss 2."""

    def build(p: Any) -> RescorlaWagner:
        values = {"actions": 4, "reward": "reward", "utilities": (0.0, 1.0, -1.0)}
        return RescorlaWagner(p["rate"], p["beta"], **values)

    return ChoiceModel(program, build)


def test_parameters_are_drawn_from_the_population() -> None:
    found = simulate(learner(), ReversalLearning(), subjects=4000, trials=1).parameters
    assert float(found["rate"].mean()) == pytest.approx(0.5, abs=0.02)
    assert float(found["beta"].mean()) == pytest.approx(4.0, abs=0.15)


def test_given_parameters_are_those_of_all() -> None:
    given = {"rate": torch.tensor([0.1, 0.9]), "beta": 3.0}
    found = simulate(learner(), ReversalLearning(), given, trials=5)
    assert found.choices.actions.shape == (2, 5)
    assert found.parameters["beta"].tolist() == [3.0, 3.0]
    one = simulate(learner(), ReversalLearning(), {"rate": 0.1, "beta": 3.0}, trials=5)
    assert one.choices.actions.shape == (1, 5)


def test_actions_come_as_often_as_their_probabilities() -> None:
    def biased() -> None:
        pyro.sample("bias", dist.Normal(torch.zeros(3), 1.0).to_event(1))

    model = ChoiceModel(biased, lambda p: RandomChoice(p["bias"]))
    bias = torch.tensor([0.5, 0.3, 0.2]).log()
    task = ReversalLearning(actions=3)
    found = simulate(model, task, {"bias": bias}, subjects=100, trials=200).choices.actions
    rates = torch.bincount(found.flatten()).double() / found.numel()
    torch.testing.assert_close(rates, torch.tensor([0.5, 0.3, 0.2]), atol=0.01, rtol=0)


@pytest.mark.parametrize("moves", [2, 3])
def test_sessions_and_cues_are_kept(moves: int) -> None:
    model = on_maze()
    found = simulate(model, TMaze(moves=moves), subjects=3, trials=4 * moves)
    choices = found.choices
    assert choices.starts[0].nonzero()[:, 0].tolist() == [moves * k for k in range(4)]
    assert set(choices.cues) == set(choices.outcomes) == {"position", "reward"}
    told = model.log_probs(found.parameters, choices)
    torch.testing.assert_close(told, found.log_probs, atol=1e-12, rtol=0)


def test_a_world_of_gymnasium_gives_back_its_probabilities() -> None:
    env = gym.vector.SyncVectorEnv([Maze] * 3)
    model = on_maze()
    found = simulate(model, World(env, ["position", "reward"]), subjects=3, trials=8)
    told = model.log_probs(found.parameters, found.choices)
    torch.testing.assert_close(told, found.log_probs, atol=1e-12, rtol=0)


def test_after_the_end_there_are_no_trials() -> None:
    found = simulate(learner(), Bandit(torch.full((4, 2), 0.5)), subjects=2, trials=6)
    assert found.choices.present.tolist() == [[True] * 4 + [False] * 2] * 2
    assert bool((found.choices.actions[:, 4:] == -1).all())
    likelihood = learner().log_likelihood(found.parameters, found.choices)
    assert bool((likelihood[:, 4:] == 0).all())


def test_conditions_are_what_the_experimenter_knows() -> None:
    choices = simulate(learner(), ReversalLearning(), subjects=2, trials=45).choices
    assert set(choices.conditions) == {"correct", "reversal"}
    assert choices.conditions["reversal"].nonzero().tolist() == [[0, 20], [0, 40], [1, 20], [1, 40]]


def test_torch_keeps_no_graph() -> None:
    given = {"rate": torch.tensor(0.3, requires_grad=True), "beta": 3.0}
    assert not simulate(learner(), ReversalLearning(), given, trials=3).log_probs.requires_grad


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rate": 0.3}, r"`parameters`: expected the sites \['beta', 'rate'\], got \['rate'\]"),
        ({"rate": torch.rand(2), "beta": torch.ones(3)}, r"`parameters`: expected \(subjects"),
        ({"rate": torch.rand(2, 3), "beta": 1.0}, r"`parameters`: expected \(subjects, \*event\)"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(learner(), ReversalLearning(), given, trials=3)


def test_actions_are_those_of_the_task() -> None:
    with pytest.raises(ValueError, match="`model`: expected an agent with the actions of the task"):
        simulate(learner(), TMaze(), trials=2)
