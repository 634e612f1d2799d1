"""From the brute-force oracles' arrays and episodes to the library's models and arguments."""

import numpy as np
import torch
from torch import Tensor

from pyro_activeinf.models import POMDP
from pyro_activeinf.records import SoftObservation
from tests.oracles import Actions, Array, Arrays, Observation, Observations


def pomdp(model: Arrays) -> POMDP:
    """The library's model of these arrays."""
    return POMDP(
        model.A,
        model.B,
        model.C,
        model.D,
        A_dependencies=model.A_dependencies,
        B_dependencies=model.B_dependencies,
    )


def controlled(model: Arrays) -> list[int]:
    """The factors that have a control."""
    return [f for f, count in enumerate(model.num_actions) if count > 1]


def library_actions(model: Arrays, actions: Actions) -> Tensor:
    """Actions per factor as the library takes them: (time,) or (time, controls)."""
    kept = controlled(model)
    table = torch.tensor([[action[f] for f in kept] for action in actions]).reshape(-1, len(kept))
    return table.squeeze(-1) if len(kept) == 1 else table


def library_observation(observation: Observation) -> dict[str, object]:
    """One time step: missing sites are absent, weights become soft observations."""
    return {
        f"o{m}": value
        if isinstance(value, int)
        else SoftObservation(torch.log(torch.as_tensor(np.asarray(value))))
        for m, value in enumerate(observation)
        if value is not None
    }


def library_observations(observations: Observations) -> dict[str, Tensor]:
    """An episode of hard observations, (time,) for each site, -1 where missing."""
    count = len(observations[0])
    return {
        f"o{m}": torch.tensor([-1 if step[m] is None else int(step[m]) for step in observations])  # type: ignore[arg-type]
        for m in range(count)
    }


def as_array(tensor: Tensor) -> Array:
    """A tensor as a numpy array."""
    return tensor.detach().numpy()
