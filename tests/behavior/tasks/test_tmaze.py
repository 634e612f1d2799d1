from __future__ import annotations

import pytest
import torch

from pyro_activeinf.behavior.tasks import TMaze
from pyro_activeinf.behavior.tasks.tmaze import Run
from pyro_activeinf.envs import TMaze as World
from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze as Model

COUNT = 20_000


@pytest.mark.parametrize("action", range(4))
def test_outcomes_come_as_the_model_predicts(action: int) -> None:
    """Frequencies of each outcome against p(o) of the generative model."""
    task, filter = TMaze(validity=0.8), ExactFilter(Model(validity=0.8))
    seen, _ = task.step(task.begin(COUNT), torch.full((COUNT,), action))
    start = filter.update(filter.initial(), {"position": 0, "reward": 0})
    for reward in range(3):
        found = float((seen["reward"] == reward).double().mean())
        try:
            after = filter.update(filter.predict(start, action), {"reward": reward})
            expected = float((-after.free_energy).exp())
        except ValueError:
            expected = 0.0
        assert found == pytest.approx(expected, abs=0.02)


def test_it_is_the_world_step_by_step() -> None:
    """Positions of both, for every sequence of two moves in either context."""
    task, env = TMaze(validity=1.0, moves=3), World(validity=1.0, moves=3)
    for context in (0, 1):
        for first in range(4):
            for second in range(4):
                env.reset(seed=0, options={"context": context})
                trial = task.begin(1)
                state = Run(torch.tensor([context]), trial.state.location, trial.state.moves)
                trial = type(trial)(state, trial.starts, trial.present, trial.cue, trial.conditions)
                for move in (first, second):
                    expected, *_ = env.step(move)
                    seen, trial = task.step(trial, torch.tensor([move]))
                    assert {site: int(value) for site, value in seen.items()} == expected


def test_runs_are_sessions_with_a_cue() -> None:
    task = TMaze(moves=3)
    trial, starts, cues = task.begin(2), [], []
    for _ in range(6):
        starts.append(trial.starts.tolist()[0])
        cues.append(int(trial.cue["position"][0]))
        trial = task.step(trial, torch.tensor([3, 0]))[1]
    assert starts == [True, False, False, True, False, False]
    assert cues == [0, -1, -1, 0, -1, -1]


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(ValueError, match="`left`: expected a probability"):
        TMaze(left=-0.1)
    with pytest.raises(ValueError, match="`moves`"):
        TMaze(moves=0)
