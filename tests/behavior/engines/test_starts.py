"""Points to start from."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch

from pyro_activeinf.behavior.engines import Target
from pyro_activeinf.behavior.engines.starts import scattered, typical


def program() -> None:
    pyro.sample("near", dist.Normal(3.0, 0.1))
    pyro.sample("wide", dist.LogNormal(-1.0, 2.0))


def test_what_is_typical_is_the_middle_of_the_prior() -> None:
    middle, width = typical(Target(program))

    assert (middle - torch.tensor([3.0, -1.0])).abs().lt(torch.tensor([0.05, 1.0])).all()
    assert (width / (0.6745 * torch.tensor([0.1, 2.0]))).log().abs().max() < 0.4


def test_points_are_scattered_around_it() -> None:
    points = scattered(Target(program), None, 200)

    assert points.shape == (200, 2)
    assert (points[:, 0] - 3.0).abs().max() < 0.2
    assert 0.5 < points[:, 1].std() < 1.5


def test_points_are_some_of_those_given() -> None:
    given = torch.arange(6.0).reshape(3, 2)

    points = scattered(Target(program), given, 50)
    rows = {tuple(row) for row in points.tolist()}
    points.add_(1.0)

    assert rows == {tuple(row) for row in torch.arange(6.0).reshape(3, 2).tolist()}
    assert given[0].tolist() == [0.0, 1.0]
