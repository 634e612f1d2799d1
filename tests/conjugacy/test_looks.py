"""Programs that look at values in Python."""

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.messages import FactorGraph, VariationalMessagePassing

MEANS = [1.0, -1.0, 3.0]
SEEN = torch.tensor(0.5, dtype=torch.float64)


def choice() -> Tensor:
    found: Tensor = pyro.sample("z", dist.Categorical(torch.ones(3, dtype=torch.float64)))
    return found


def branching() -> None:
    z = choice()
    if z == 0:
        pyro.sample("y", dist.Normal(MEANS[0], 1.0), obs=SEEN)
    elif z == 1:
        pyro.sample("y", dist.Normal(MEANS[1], 1.0), obs=SEEN)
    else:
        pyro.sample("y", dist.Normal(MEANS[2], 1.0), obs=SEEN)


def by_int() -> None:
    pyro.sample("y", dist.Normal(MEANS[int(choice())], 1.0), obs=SEEN)


def by_item() -> None:
    pyro.sample("y", dist.Normal(MEANS[choice().item()], 1.0), obs=SEEN)


def by_index() -> None:
    pyro.sample("y", dist.Normal(MEANS[choice()], 1.0), obs=SEEN)


def by_list() -> None:
    pyro.sample("y", dist.Normal(MEANS[choice().tolist()], 1.0), obs=SEEN)


def by_float() -> None:
    pyro.sample("y", dist.Normal(MEANS[round(float(choice()))], 1.0), obs=SEEN)


@pytest.mark.parametrize(
    "model", [branching, by_int, by_item, by_index, by_list, by_float], ids=lambda f: f.__name__
)
def test_what_is_looked_at_is_a_parent(model: Callable[[], None]) -> None:
    passing = VariationalMessagePassing(FactorGraph.from_program(model))
    found: Any = passing.update_beliefs()["z"]
    each = dist.Normal(torch.tensor(MEANS, dtype=torch.float64), 1.0).log_prob(SEEN)
    torch.testing.assert_close(found.probs, each.softmax(0))
    evidence = each.logsumexp(0) - torch.tensor(3.0, dtype=torch.float64).log()
    torch.testing.assert_close(passing.free_energy[-1], -evidence)


def test_what_comes_before_is_no_child() -> None:
    def model() -> None:
        x = pyro.sample("x", dist.Normal(0.0, 1.0))
        pyro.sample("early", dist.Normal(x, 1.0), obs=SEEN)
        by_int()

    graph = FactorGraph.from_program(model)
    assert set(graph.factors["early"].variables) == {"x"}
    assert set(graph.factors["y"].variables) == {"z"}


def test_what_torch_looks_at_does_not_count() -> None:
    def model() -> None:
        n = pyro.sample("n", dist.Poisson(torch.tensor(4.0)))
        pyro.sample("y", dist.Binomial(n, torch.tensor(0.5)), obs=torch.tensor(2.0))
        x = pyro.sample("x", dist.Normal(0.0, 1.0))
        pyro.sample("z", dist.Normal(x, 1.0), obs=SEEN)

    graph = FactorGraph.from_program(model)
    assert set(graph.factors["y"].variables) == {"n"}
    assert set(graph.factors["z"].variables) == {"x"}


@pytest.mark.parametrize("seed", [0, 2])
def test_sites_that_are_there_only_sometimes_are_named(seed: int) -> None:
    def model() -> None:
        z = pyro.sample("z", dist.Bernoulli(0.5))
        x = pyro.sample("x", dist.Normal(1.0, 1.0)) if z else torch.tensor(0.0)
        pyro.sample("y", dist.Normal(x, 1.0), obs=SEEN)

    pyro.set_rng_seed(seed)
    with pytest.raises(ValueError, match=r"the same sites.*\['x'\] only sometimes"):
        FactorGraph.from_program(model)
