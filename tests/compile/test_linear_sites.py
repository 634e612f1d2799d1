"""Gaussian sites and their layout in a vector."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.compile import Layout, ProgramError
from pyro_activeinf.compile.linear_sites import GaussianSite, GaussianSites, run_gaussian

MATRIX = torch.tensor([[2.0, 0.3], [0.3, 1.0]], dtype=torch.float64)
MEAN = torch.ones(2, dtype=torch.float64)


def test_layout() -> None:
    layout = Layout({"a": torch.Size([2, 2]), "b": torch.Size([]), "c": torch.Size([3])})
    assert (layout.size, layout.names) == (8, ("a", "b", "c"))
    assert layout.spans == {"a": slice(0, 4), "b": slice(4, 5), "c": slice(5, 8)}
    parts = layout.split(torch.arange(16.0).reshape(2, 8))
    assert parts["a"].shape == (2, 2, 2)
    assert parts["b"].tolist() == [4.0, 12.0]


@pytest.mark.parametrize(
    "fn",
    [
        dist.Normal(torch.tensor([1.0, 2.0]), torch.tensor([0.5, 3.0])),
        dist.Normal(torch.zeros(2), 2.0).to_event(1),
        dist.Normal(1.0, 2.0).expand([2]).to_event(1),
        dist.MultivariateNormal(MEAN, MATRIX),
        dist.MultivariateNormal(MEAN, precision_matrix=MATRIX),
        dist.LowRankMultivariateNormal(torch.ones(2), torch.ones(2, 1), torch.ones(2)),
    ],
    ids=lambda fn: type(fn).__name__,
)
def test_values_have_the_moments_of_the_distribution(fn: Any) -> None:
    parts = GaussianSite.of(fn)
    assert parts is not None
    rows = torch.stack([parts.value(row) - fn.mean for row in torch.eye(2, dtype=fn.mean.dtype)])
    torch.testing.assert_close(parts.value(None), fn.mean)
    covariance = getattr(fn, "covariance_matrix", torch.diag_embed(fn.variance))
    torch.testing.assert_close(rows.mT @ rows, covariance)
    assert parts.event == fn.event_shape


@pytest.mark.parametrize(
    "fn",
    [
        dist.Gamma(torch.tensor(1.0), 1.0),
        dist.LogNormal(torch.tensor(0.0), 1.0),
        dist.Categorical(torch.ones(3)),
        dist.StudentT(3.0, torch.zeros(2), 1.0).to_event(1),
        dist.Normal(torch.zeros(2), 1.0).mask(torch.tensor([True, False])),
    ],
    ids=lambda fn: type(fn).__name__,
)
def test_other_families_are_none(fn: Any) -> None:
    assert GaussianSite.of(fn) is None


def test_a_delta_has_no_noise() -> None:
    parts = GaussianSite.of(dist.Delta(torch.tensor(2.0)))
    assert parts is not None
    assert parts.value(torch.tensor(5.0)) == 2.0


def location(name: str, parts: GaussianSite) -> Tensor:
    return parts.value(None)


def test_later_sites_see_the_values_that_were_given() -> None:
    def program() -> Tensor:
        first = pyro.sample("first", dist.Normal(torch.tensor(1.0), 1.0))
        pyro.deterministic("double", 2 * first)
        return pyro.sample("second", dist.Normal(3 * first, 1.0))

    handler = GaussianSites("initial", location)
    assert run_gaussian(program, handler) == 3.0
    assert list(handler.sites) == ["first", "second"]


def plate() -> None:
    with pyro.plate("rows", 2):
        pyro.sample("x", dist.Normal(torch.tensor(0.0), 1.0))


def observed() -> None:
    pyro.sample("x", dist.Normal(torch.tensor(0.0), 1.0), obs=torch.tensor(1.0))


def twice() -> None:
    for _ in range(2):
        pyro.sample("x", dist.Normal(torch.tensor(0.0), 1.0))


def odd() -> None:
    pyro.sample("wait", dist.Gamma(torch.tensor(1.0), 1.0))


def broken() -> None:
    pyro.sample("x", dist.Normal(torch.zeros(2) + torch.zeros(3), 1.0))


@pytest.mark.parametrize(
    ("program", "complaint"),
    [
        (plate, "`site 'rows' of observe`: expected a sample site outside of plates.*got a plate"),
        (observed, "`site 'x' of observe`.*got an observed one"),
        (twice, "a name used once, got a second sample statement"),
        (
            odd,
            "expected a Normal or MultivariateNormal.*, got Gamma.*ParticleFilter.*ExactFilter",
        ),
        (broken, "`observe` failed when run with batch dims on the left: RuntimeError"),
    ],
)
def test_errors(program: Any, complaint: str) -> None:
    with pytest.raises(ProgramError, match=complaint):
        run_gaussian(program, GaussianSites("observe", location))
