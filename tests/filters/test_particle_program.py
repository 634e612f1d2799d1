"""What the programs of a model are like, found out quietly."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from pyro_activeinf.compile.enumerate import ProgramError
from pyro_activeinf.filters.particle_program import ParticlePrograms
from pyro_activeinf.models import Neural, TMaze
from pyro_activeinf.models.neural_heads import Bayesian
from tests.filters.particles import Chained, Persistent, Pushed


def test_sites_are_found_without_using_random_numbers() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    programs = ParticlePrograms(Chained())
    assert before.equal(torch.get_rng_state())
    assert list(programs.states) == ["kind", "place"]
    assert programs.states["kind"].site is not None
    assert programs.states["place"].site is None
    assert list(programs.outcomes) == ["seen", "reading"]
    assert programs.linked_outcomes
    assert programs.linked_states


def test_sites_that_do_not_depend_on_each_other() -> None:
    programs = ParticlePrograms(TMaze())
    assert not programs.linked_outcomes
    assert not programs.linked_states


@pytest.mark.parametrize("model", [TMaze(), Chained(), Pushed()], ids=lambda m: type(m).__name__)
def test_states_are_put_together_as_the_model_does(model: torch.nn.Module) -> None:
    programs = ParticlePrograms(model)  # type: ignore[arg-type]
    values = programs.initial(torch.Size((4,)), {})
    found, expected = programs.assembled(values), model.state(values)
    assert type(found) is type(expected)
    if isinstance(found, torch.Tensor):
        found, expected = [found], [expected]
    elif isinstance(found, dict):
        assert list(found) == list(expected)
        found, expected = found.values(), expected.values()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours is theirs


def test_random_parameters_have_the_names_that_pyro_gives_them() -> None:
    assert set(ParticlePrograms(Persistent()).draw_parameters((3, 2))) == {"a"}
    drawn = ParticlePrograms(Neural(2, 1, hidden_dims=(4,), uncertainty=Bayesian()))
    shapes = {name: tuple(x.shape) for name, x in drawn.draw_parameters((3, 2)).items()}
    assert shapes == {"dynamics.weight": (3, 2, 4, 4), "dynamics.bias": (3, 2, 4)}


def test_actions_are_checked() -> None:
    real, finite = ParticlePrograms(Pushed()), ParticlePrograms(TMaze())
    value, event = real.action(np.float32([0.5, 0.1]))
    assert (value.dtype, tuple(value.shape), event) == (torch.float64, (2,), 0)  # type: ignore[union-attr]
    assert ParticlePrograms(Chained()).action(None) == (None, 0)
    with pytest.raises(ValueError, match="from 0 to 3"):
        finite.action(4)
    with pytest.raises(ValueError, match="no actions"):
        ParticlePrograms(Chained()).action(1)
    vector = ParticlePrograms(Neural(2, 1, gym.spaces.Box(-1.0, 1.0, (2,)), (4,)))
    assert vector.action(torch.zeros(5, 2))[1] == 1
    with pytest.raises(ValueError, match="shape"):
        vector.action(torch.zeros(5, 3))

    class Levers(Chained):
        actions = gym.spaces.MultiDiscrete([2, 3])

    levers = ParticlePrograms(Levers())
    assert levers.action([[1, 2]])[1] == 1
    with pytest.raises(ValueError, match="from 0 to 1"):
        levers.action([2, 2])


def test_observations_are_placed_and_checked() -> None:
    programs = ParticlePrograms(Chained())
    seen = programs.observed({"seen": np.array([1, -1]), "reading": np.float32(0.5)})
    assert seen["seen"].missing.tolist() == [False, True]
    assert seen["reading"].values.dtype == torch.float64
    assert programs.observed({"reading": float("nan")}) == {}
    with pytest.raises(ValueError, match="reading"):
        programs.observed({"reading": "loud"})


def test_programs_without_sites_are_told() -> None:
    class Silent(Pushed):
        def observe(self, state: torch.Tensor) -> None:
            pass

    with pytest.raises(ProgramError, match="observation site"):
        ParticlePrograms(Silent())
