"""Noise of a batch, shared out: each part is bit for bit that of the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO, config_enumerate
from torch import Tensor

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.learning.noise import SharedNoise

ROWS, COUNT = 6, 3

Make = Callable[[Tensor], Any]


def normal(row: Tensor) -> Any:
    return dist.Normal(row, 1.0 + row)


def several(row: Tensor) -> Any:
    return dist.Normal(row[:, None].expand(-1, 4), 1.0).to_event(1)


def correlated(row: Tensor) -> Any:
    return dist.MultivariateNormal(row[:, None].expand(-1, 3), torch.eye(3) * 2)


def low_rank(row: Tensor) -> Any:
    loc = row[:, None].expand(-1, 3)
    return dist.LowRankMultivariateNormal(loc, torch.ones(len(row), 3, 2), torch.ones(3))


def transformed(row: Tensor) -> Any:
    return dist.LogNormal(row, 0.5)


def flow(row: Tensor) -> Any:
    base = dist.Normal(torch.zeros(3), 1.0).expand([len(row), 3]).to_event(1)
    affine = dist.transforms.AffineTransform(row[:, None], 2.0, event_dim=1)
    return dist.TransformedDistribution(base, [affine])


def uniform(row: Tensor) -> Any:
    return dist.Uniform(row, row + 1)


def exponential(row: Tensor) -> Any:
    return dist.Exponential(1 + row)


def gumbel(row: Tensor) -> Any:
    return dist.Gumbel(row, 1.0)


def laplace(row: Tensor) -> Any:
    return dist.Laplace(row, 1.0)


def point(row: Tensor) -> Any:
    return dist.Delta(row)


FAMILIES = [normal, several, correlated, low_rank, transformed, flow, uniform, exponential, gumbel]
FAMILIES += [laplace, point]


def draw(make: Make, rows: Tensor, left: int = 1) -> list[Tensor]:
    """Outside of the rows, within them with ``left`` particles, and outside again."""
    first = pyro.sample("first", dist.Gamma(2.0, 1.0))
    with pyro.plate("particles", left, dim=-2), pyro.plate("rows", len(rows), dim=-1):
        within = pyro.sample("within", make(rows))
    return [first, within, pyro.sample("last", dist.Normal(0.0, 1.0))]


@pytest.mark.parametrize("left", [1, 4])
@pytest.mark.parametrize("make", FAMILIES)
def test_parts_make_up_the_whole(make: Make, left: int) -> None:
    rows = torch.linspace(0.0, 1.0, ROWS)
    pyro.set_rng_seed(0)
    whole = draw(make, rows, left)
    for rank in range(COUNT):
        pyro.set_rng_seed(0)
        with SharedNoise(["rows"], rank, COUNT):
            part = draw(make, rows[rank::COUNT], left)
        assert torch.equal(part[1], whole[1][:, rank::COUNT])
        assert torch.equal(part[0], whole[0])
        assert torch.equal(part[2], whole[2])


def test_gradients_flow_through_shared_noise() -> None:
    rows = torch.linspace(0.0, 1.0, 2, requires_grad=True)
    with SharedNoise(["rows"], 0, 2):
        draw(normal, rows)[1].sum().backward()
    assert rows.grad is not None
    assert (rows.grad != 0).all()


def gamma(row: Tensor) -> Any:
    return dist.Gamma(1 + row, 1.0)


def dirichlet(row: Tensor) -> Any:
    return dist.Dirichlet(torch.ones(len(row), 3))


def categorical(row: Tensor) -> Any:
    return dist.Categorical(torch.ones(len(row), 3))


def bernoulli(row: Tensor) -> Any:
    return dist.Bernoulli(row)


def student(row: Tensor) -> Any:
    return dist.StudentT(3.0, row, 1.0)


def poisson(row: Tensor) -> Any:
    return dist.Poisson(row)


def von_mises(row: Tensor) -> Any:
    return dist.VonMises(row, 2.0)


class Own(dist.TorchDistribution):
    """Draws in a way that nobody knows."""

    support = dist.constraints.real
    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = False

    def __init__(self, size: int) -> None:
        super().__init__(torch.Size([size]), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return torch.randperm(self.batch_shape[0]).to(torch.get_default_dtype())


def own(row: Tensor) -> Any:
    return Own(len(row))


@pytest.mark.parametrize("make", [gamma, dirichlet, categorical, bernoulli, student, poisson, own])
def test_draws_that_cannot_be_shared_are_refused(make: Make) -> None:
    with (
        SharedNoise(["rows"], 0, 2),
        pytest.raises(ValueError, match=r"site 'within'.*processes can share"),
    ):
        draw(make, torch.linspace(0.1, 0.9, 3))


def one_by_one() -> None:
    for i in pyro.plate("rows", 2):
        pyro.sample(f"x_{i}", dist.Normal(0.0, 1.0))


def test_a_loop_over_rows_is_refused() -> None:
    with (
        SharedNoise(["rows"], 0, 2),
        pytest.raises(ValueError, match=r"side by side.*a loop over rows"),
    ):
        one_by_one()


def chosen(size: int) -> Tensor:
    with pyro.plate("rows", 20, subsample_size=size) as rows:
        return rows


def test_rows_are_chosen_together() -> None:
    pyro.set_rng_seed(0)
    whole = chosen(6)
    for rank in range(COUNT):
        pyro.set_rng_seed(0)
        with SharedNoise(["rows"], rank, COUNT):
            part = chosen(2)
        assert torch.equal(part, whole[rank::COUNT])


def test_a_subsample_has_to_fit() -> None:
    with (
        SharedNoise(["rows"], 0, 3),
        pytest.raises(ValueError, match="subsample_size of at most 6 in each process, got 7"),
    ):
        chosen(7)


def mixture(x: Tensor) -> None:
    with pyro.plate("rows", ROWS, subsample_size=len(x), dim=-1):
        kind = pyro.sample("kind", dist.Categorical(torch.tensor([0.3, 0.7])))
        z = pyro.sample("z", dist.Normal(torch.tensor([-1.0, 1.0])[kind], 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x)


def reading(x: Tensor) -> None:
    with pyro.plate("rows", ROWS, subsample_size=len(x), dim=-1):
        pyro.sample("z", dist.Normal(x / 2, 0.7))


def test_sites_that_are_summed_out_are_left_alone() -> None:
    """The mean of the losses of parts is that of the whole."""
    x = torch.linspace(-1.0, 1.0, ROWS)
    model = config_enumerate(mixture, "parallel")
    energy = VariationalFreeEnergy(TraceEnum_ELBO(max_plate_nesting=1))
    pyro.set_rng_seed(0)
    whole = energy.loss(model, reading, x)
    parts = []
    for rank in range(COUNT):
        pyro.set_rng_seed(0)
        with SharedNoise(["rows"], rank, COUNT):
            parts.append(energy.loss(model, reading, x[rank::COUNT]))
    assert sum(parts) / COUNT == pytest.approx(whole, rel=1e-12)
    assert len(set(parts)) == COUNT
