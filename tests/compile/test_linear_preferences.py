"""Preferences of Gaussian programs."""

from collections.abc import Callable

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.compile import Layout, ProgramError
from pyro_activeinf.compile.linear_preferences import RealPreferences, real_preferences

STATES = Layout({"s": torch.Size([2])})
OUTCOMES = Layout({"a": torch.Size([]), "b": torch.Size([2])})


class Preferring:
    def __init__(self, prefer: Callable[..., None]) -> None:
        self.prefer = prefer


def read(prefer: Callable[..., None], step: int = 0) -> RealPreferences:
    return real_preferences(Preferring(prefer), STATES, OUTCOMES, step, torch.zeros(1))


def test_sites_that_depend_on_each_other_are_one_gaussian() -> None:
    def prefer() -> None:
        a = pyro.sample("a", dist.Normal(torch.tensor(1.0), 2.0))
        loc = torch.stack([a, 3.0 * a], -1)
        pyro.sample("b", dist.MultivariateNormal(loc, torch.eye(2)))

    found = read(prefer)
    assert found.names == ("a", "b")
    torch.testing.assert_close(found.mean, torch.tensor([1.0, 1.0, 3.0]))
    expected = torch.tensor([[4.0, 4.0, 12.0], [4.0, 5.0, 12.0], [12.0, 12.0, 37.0]])
    torch.testing.assert_close(found.factor @ found.factor.mT, expected)


def test_states_and_other_families() -> None:
    def prefer() -> None:
        pyro.sample("s", dist.Normal(torch.zeros(2), 0.5).to_event(1))
        pyro.sample("a", dist.StudentT(3.0, torch.tensor(1.0), 1.0))

    found = read(prefer)
    assert found.names == ("s", "a")
    assert set(found.others) == {"a"}
    torch.testing.assert_close(found.factor, 0.5 * torch.eye(2))


def test_they_may_depend_on_the_time_step() -> None:
    def prefer(step: int) -> None:
        pyro.sample("a", dist.Normal(torch.tensor(float(step)), 1.0))

    assert [float(read(prefer, step).mean) for step in (0, 3)] == [0.0, 3.0]


def test_none() -> None:
    assert read(lambda: None).names == ()
    assert real_preferences(object(), STATES, OUTCOMES, 0, torch.zeros(1)).names == ()


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"`prefer`: expected names among.*\['c'\]"):
        read(lambda: pyro.sample("c", dist.Normal(torch.tensor(0.0), 1.0)))
    with pytest.raises(ProgramError, match=r"the shape of the site, \(2,\), got \(\)"):
        read(lambda: pyro.sample("b", dist.Normal(torch.tensor(0.0), 1.0)))
    with pytest.raises(ProgramError, match="a Gaussian with some width, got a Delta"):
        read(lambda: pyro.sample("a", dist.Delta(torch.tensor(0.0))))
