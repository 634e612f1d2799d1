"""Beliefs that stay, and why."""

import warnings
from collections.abc import Callable

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.messages import (
    ApproximateMessageWarning,
    FactorGraph,
    VariationalMessagePassing,
)


def passed(link: Callable[[Tensor], object], seen: float) -> VariationalMessagePassing:
    def model() -> None:
        x = pyro.sample("x", dist.Normal(torch.tensor(0.0), 1.0))
        pyro.sample("y", link(x), obs=torch.tensor(seen))

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The site .* has no conjugate messages")
        passing = VariationalMessagePassing(FactorGraph.from_program(model), 200)
        passing.update_beliefs()
    return passing


def test_a_link_too_steep_for_any_step_is_told() -> None:
    with pytest.warns(ApproximateMessageWarning, match="belief about x stays where it is"):
        passing = passed(lambda x: dist.Poisson(torch.exp(50 * x)), 3.0)
    assert not passing.converged


@pytest.mark.parametrize(
    "link",
    [
        lambda x: dist.Normal((x > 1).to(x), 0.1),
        lambda x: dist.Normal(torch.sigmoid(1000 * (x - 3)), 0.1),
    ],
)
def test_a_link_that_is_flat_where_one_begins_is_told(link: Callable[[Tensor], object]) -> None:
    with pytest.warns(ApproximateMessageWarning, match="The site y says nothing of x"):
        passed(link, 1.0)


def test_links_that_are_followed_say_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        passing = passed(lambda x: dist.Poisson(torch.exp(2 * x)), 3.0)
    assert passing.converged
