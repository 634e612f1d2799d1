from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyro_activeinf import Agent
from pyro_activeinf.behavior import ChoiceModel, Choices
from pyro_activeinf.behavior.chooser import Anew, walk
from pyro_activeinf.behavior.simulate import simulate
from pyro_activeinf.behavior.tasks import TMaze
from pyro_activeinf.models import TMaze as Maze
from pyro_activeinf.planning import OpenLoop


def program() -> None:
    pyro.sample("precision", dist.LogNormal(0.0, 1.0))


def build(parameters: dict[str, Tensor]) -> Agent:
    planner = OpenLoop(2, precision=parameters["precision"])
    return Agent(Maze(0.8), planner=planner, action_precision=1.0)


MODEL = ChoiceModel(program, build)


def damaged(choices: Choices) -> Choices:
    """Some actions, outcomes and trials are missing."""
    actions, reward = choices.actions.clone(), choices.outcomes["reward"].clone()
    actions[0, 3] = actions[1, 0] = -1
    reward[1, 5:9] = -1
    present = choices.present.clone()
    present[1, 100:] = False
    outcomes = {**choices.outcomes, "reward": reward}
    return Choices(actions, outcomes, choices.cues, present, choices.starts)


def test_each_history_once_is_every_trial() -> None:
    found = simulate(MODEL, TMaze(0.8), subjects=2, trials=120)
    for choices in (found.choices, damaged(found.choices)):
        assert choices.histories is not None
        assert len(choices.histories.rows) < 40
        chooser = MODEL.chooser(found.parameters)
        assert isinstance(chooser, Anew)
        slowly = chooser.log_probs(walk(chooser, choices)).movedim(0, -2)
        quickly = MODEL.log_probs(found.parameters, choices)
        same = choices.counted.unsqueeze(-1)
        torch.testing.assert_close(quickly * same, slowly * same, atol=1e-12, rtol=0)


def test_long_sessions_have_no_histories_in_common() -> None:
    starts = torch.zeros(2, 100, dtype=torch.bool)
    starts[:, ::50] = True
    choices = Choices(torch.randint(2, (2, 100)), starts=starts)
    assert choices.histories is None


def test_rows_are_where_histories_are_found() -> None:
    """Two sessions of two trials, in either order: three histories for two subjects."""
    starts = torch.tensor([[True, False] * 8] * 2)
    actions = torch.tensor([[0, 1, 1, 0] * 4, [1, 1, 0, 0] * 4])
    found = Choices(actions, starts=starts).histories
    assert found is not None
    assert found.starts.tolist() == [True, True, False, True, False]
    before = actions.flatten()[found.rows[[1, 3]]]
    assert before.tolist() == [0, 1]
    assert found.ends.tolist() == [0, 2, 4]
    assert found.number[:, :4].tolist() == [[0, 1, 0, 2], [0, 2, 0, 1]]
