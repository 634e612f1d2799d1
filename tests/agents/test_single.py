"""The agent: perceive, plan, act."""

import math
import threading

import numpy as np
import pyro
import pytest
import torch

from pyro_activeinf import Agent
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import POMDP, TMaze
from pyro_activeinf.planning import OpenLoop
from tests.bridge import pomdp
from tests.references import load_reference, reference_model

START = {"position": 0, "reward": 0}


def explorer(**options: object) -> Agent:
    return Agent(TMaze(), planner=OpenLoop(2), **options)  # type: ignore[arg-type]


def test_chooses_the_actions_of_the_peer() -> None:
    reference = load_reference("grid100")
    model = pomdp(reference_model(reference))
    chosen = torch.as_tensor(reference["H3_action"][:, 0])
    agent = Agent(
        model,
        planner=OpenLoop(3),
        filter=ExactFilter(model, joint_outcomes=False),
        action_precision=math.inf,
    )
    agent.reset((len(chosen),))
    agent.perceive({"o0": torch.as_tensor(reference["obs"][: len(chosen), 0])})
    assert torch.equal(agent.act(), chosen)


def test_a_trial_in_the_maze() -> None:
    agent = explorer()
    assert agent.perceive(START).step == 0
    assert int(agent.act()) == 3
    belief = agent.perceive({"position": 4, "reward": 0})
    assert belief.step == 1
    assert belief.marginals["context"].probs.tolist() == [0.0, 1.0]
    assert int(agent.act()) == 2


def test_action_precision_sharpens_the_choice() -> None:
    agent = explorer(action_precision=2.0)
    agent.perceive(START)
    marginal = agent.plan().action_probs
    torch.testing.assert_close(agent.action_probs(agent.plan()), marginal**2 / (marginal**2).sum())
    uniform = explorer(action_precision=0.0)
    uniform.perceive(START)
    torch.testing.assert_close(uniform.action_probs(uniform.plan()), torch.full((4,), 0.25))


def test_actions_are_drawn_with_their_probabilities() -> None:
    agent = explorer(action_precision=0.3)
    agent.reset((4000,))
    agent.perceive({name: torch.zeros(4000, dtype=torch.long) for name in START})
    expected = agent.action_probs(agent.plan())[0]
    counts = agent.act().bincount(minlength=4) / 4000
    assert float((counts - expected).abs().max()) < 0.03


def test_several_controls_are_chosen_together() -> None:
    same = np.stack([np.eye(2)[[u, u]].T for u in range(2)], -1)  # s' = u
    joint = np.zeros((2, 2, 2))
    joint[1, [0, 1], [0, 1]] = joint[0, [0, 1], [1, 0]] = 1.0  # 1 where the two states agree
    model = POMDP([joint], [same, same], C=[np.array([0.0, 6.0])])
    agent = Agent(model, planner=OpenLoop(1))
    agent.reset((200,))
    agent.perceive({"o0": torch.zeros(200, dtype=torch.long)})
    actions = agent.act()
    assert actions.shape == (200, 2)
    assert torch.equal(actions[:, 0], actions[:, 1])  # either pair, never a mixed one
    assert 50 < int(actions[:, 0].sum()) < 150


def test_the_order_of_calls_is_explained() -> None:
    agent = explorer()
    with pytest.raises(ValueError, match=r"`belief`.*perceive\(observation\) first"):
        agent.act()
    agent.perceive(START)
    with pytest.raises(ValueError, match=r"`action`.*Call act\(\) first"):
        agent.perceive(START)
    agent.perceive({"position": 1, "reward": 1}, action=1)
    agent.reset()
    assert agent.belief is agent.posterior is agent.action is None


def test_a_failed_call_leaves_the_agent_as_it_was() -> None:
    agent = explorer()
    agent.perceive(START)
    agent.act()
    before = (agent.belief, agent.posterior, agent.action)
    for wrong in ({"position": 2, "reward": 1}, {"smell": 0}, {"position": 17}):
        with pytest.raises(ValueError, match="`"):
            agent.perceive(wrong)
    assert (agent.belief, agent.posterior, agent.action) == before


def test_model_without_actions_perceives_but_cannot_plan() -> None:
    model = POMDP([np.array([[0.8, 0.2], [0.2, 0.8]])], [np.eye(2)[..., None]])
    agent = Agent(model, planner=OpenLoop(1))
    for _ in range(3):
        belief = agent.perceive({"o0": 0})
    torch.testing.assert_close(belief.marginals["s0"].probs, torch.tensor([64.0, 1.0]) / 65)
    with pytest.raises(ValueError, match=r"`model.actions`"):
        agent.act()


def test_two_agents_and_two_threads_do_not_disturb_each_other() -> None:
    found: dict[float, list[float]] = {}

    def live(validity: float) -> None:
        model = TMaze(validity=validity).double()
        agent = Agent(model, planner=OpenLoop(2))
        traces = []
        for _ in range(15):
            agent.reset()
            agent.perceive(START)
            agent.plan()
            agent.perceive({"position": 1, "reward": 1}, action=1)
            assert agent.belief is not None
            traces.append(agent.belief.marginals["context"].probs[0].item())
        found[validity] = traces

    threads = [threading.Thread(target=live, args=(v,)) for v in (0.6, 0.7, 0.8, 0.9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for validity in (0.6, 0.7, 0.8, 0.9):
        assert found[validity] == pytest.approx([validity] * 15, abs=1e-6)
    assert len(pyro.get_param_store()) == 0


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ({"position": "left"}, "`position`.*numbers"),
        ({"position": None}, "`position`.*numbers"),
        (0, "`observation`.*a dict with some of the sites"),
    ],
)
def test_what_is_no_observation_is_explained(observation: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        explorer().perceive(observation)  # type: ignore[arg-type]


def test_a_class_is_no_model_and_a_number_no_planner() -> None:
    with pytest.raises(TypeError, match="`model, planner`"):
        Agent(TMaze, planner=OpenLoop(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model, planner`"):
        Agent(TMaze(), planner=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("precision", [-1.0, math.nan, "high"])
def test_action_precision_is_checked(precision: object) -> None:
    with pytest.raises(ValueError, match="`action_precision`"):
        explorer(action_precision=precision)
