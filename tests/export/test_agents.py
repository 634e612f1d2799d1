"""What an agent believes as ArviZ data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyro_activeinf import Agent, to_arviz
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning import OpenLoop


def test_beliefs_are_drawn_and_plans_shown() -> None:
    agent = Agent(TMaze(), planner=OpenLoop(2))
    with pytest.raises(ValueError, match="that has perceived"):
        to_arviz(agent)
    agent.perceive({"position": torch.tensor(0), "reward": torch.tensor(0)})
    agent.plan()

    data = to_arviz(agent, draws=2000)

    assert agent.belief is not None
    drawn = data["posterior"]["context"]
    assert drawn.dims == ("chain", "draw")
    probs = agent.belief.marginals["context"].probs
    assert abs(drawn.values.mean() - probs[1].item()) < 0.05
    assert agent.posterior is not None
    np.testing.assert_allclose(
        data["policies"]["action_probs"].values, agent.posterior.action_probs.numpy()
    )
