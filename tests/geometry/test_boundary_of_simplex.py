"""Categorical distributions near the border of the simplex: no digits are lost, of the last too."""

from __future__ import annotations

import math
from typing import Any

import pyro.distributions as dist
import pytest
import torch
from mpmath import acos, log, mp, mpf, sqrt
from torch import Tensor

from pyro_activeinf.geometry import Categorical, StatisticalManifold

TINY = [1e-6, 1e-12, 1e-15]
SPACE = StatisticalManifold(dist.Categorical)


def near_a_corner(tiny: float, place: int) -> Tensor:
    rest = [0.3, 0.7 - tiny]
    return torch.tensor([*rest[:place], tiny, *rest[place:]])


def as_tensor(p: Tensor) -> Any:
    return p


def as_probs(p: Tensor) -> Any:
    return dist.Categorical(p)


def as_logits(p: Tensor) -> Any:
    return dist.Categorical(logits=p.log())


@pytest.mark.parametrize("given", [as_tensor, as_probs, as_logits])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("tiny", TINY)
def test_distance_and_divergences(tiny: float, place: int, given: Any) -> None:
    p, q = near_a_corner(tiny, place), torch.tensor([0.2, 0.5, 0.3])
    with mp.workdps(60):
        a, b = [mpf(x) for x in p.tolist()], [mpf(x) for x in q.tolist()]
        pairs = list(zip(a, b, strict=True))
        length = float(2 * acos(sum(sqrt(x * y) for x, y in pairs)))
        forth = float(sum(x * log(x / y) for x, y in pairs))
        back = float(sum(y * log(y / x) for x, y in pairs))
    assert SPACE.distance(given(p), q).item() == pytest.approx(length, rel=1e-14)
    assert SPACE.kl(given(p), given(q)).item() == pytest.approx(forth, rel=1e-13)
    assert SPACE.kl(given(q), given(p)).item() == pytest.approx(back, rel=1e-13)
    assert SPACE.bregman(given(q), given(p)).item() == pytest.approx(forth, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("given", [as_tensor, as_probs])
@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("tiny", TINY)
def test_metric_and_natural_coordinates(tiny: float, place: int, given: Any) -> None:
    p = near_a_corner(tiny, place)
    expected = (1 / p[:-1]).diag() + 1 / p[-1]
    torch.testing.assert_close(SPACE.metric(given(p)), expected, rtol=1e-12, atol=0)
    natural = (p[:-1] / p[-1]).log()
    torch.testing.assert_close(SPACE.natural(given(p)), natural, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("tiny", "place"), [*((tiny, 0) for tiny in TINY), (1e-6, 2)])
@pytest.mark.parametrize("alpha", [-1.0, 0.0, 1.0])
def test_there_and_back(tiny: float, place: int, alpha: float) -> None:
    """A velocity has no last rate of its own: one that is tiny loses digits there."""
    p, q = near_a_corner(tiny, place), torch.tensor([0.2, 0.5, 0.3])
    velocity = SPACE.log_map(p, q, alpha)
    end = SPACE.exp_map(p, velocity, alpha)
    torch.testing.assert_close(end, q[:-1], rtol=1e-7, atol=1e-9)
    if alpha == 0:
        assert SPACE.norm(p, velocity).item() == pytest.approx(
            SPACE.distance(p, q).item(), rel=1e-7
        )


def test_tiny_probabilities_are_told_apart() -> None:
    """Two of 1e-12 and 2e-12 in the last place, which one minus the others cannot tell."""
    p, q = near_a_corner(1e-12, 2), near_a_corner(2e-12, 2)
    expected = 2 * 1e-6 * (math.sqrt(2.0) - 1)
    assert SPACE.distance(p, q).item() == pytest.approx(expected, rel=1e-6)
    along = SPACE.geodesic(p, q)(torch.tensor([0.0, 0.5, 1.0]))
    assert along.isfinite().all()


DOWN = [1e-3, 1e-9, 1e-15, 1e-30, 1e-150, 1e-300]
Q = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


@pytest.mark.parametrize("given", [as_tensor, as_probs, as_logits])
@pytest.mark.parametrize("place", [1, 2])
@pytest.mark.parametrize("tiny", DOWN)
def test_there_and_back_where_a_large_one_is_left_out(tiny: float, place: int, given: Any) -> None:
    space, p = StatisticalManifold(Categorical(left_out=0)), near_a_corner(tiny, place)
    for alpha in (-1.0, 0.0, 1.0):
        end = space.exp_map(given(p), space.log_map(given(p), Q, alpha), alpha)
        torch.testing.assert_close(end, Q[1:], rtol=1e-11, atol=0)
    length = space.norm(given(p), space.log_map(given(p), Q)).item()
    assert length == pytest.approx(SPACE.distance(given(p), Q).item(), rel=1e-12)
    home = space.exp_map(Q, space.log_map(Q, given(p), 1.0), 1.0)
    torch.testing.assert_close(home, p[1:], rtol=1e-11, atol=0)
    near = space.exp_map(Q, space.log_map(Q, given(p)))
    assert space.distance(near, p[1:]).item() < 1e-14


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("tiny", [1e-20, 1e-150, 1e-300])
def test_velocities_that_coordinates_cannot_tell_are_refused(tiny: float, alpha: float) -> None:
    p = near_a_corner(tiny, 2)
    with pytest.raises(ValueError, match="Leave out a large one"):
        SPACE.log_map(p, Q, alpha)
    pairs = zip(p.tolist(), Q.tolist(), strict=True)
    expected = 2 * math.acos(sum(math.sqrt(a * b) for a, b in pairs))
    assert SPACE.distance(p, Q).item() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("left_out", [0, 1, -1])
def test_which_one_is_left_out_is_a_matter_of_coordinates(left_out: int) -> None:
    space, p = StatisticalManifold(Categorical(left_out=left_out)), torch.tensor([0.1, 0.6, 0.3])
    family = Categorical(left_out=left_out)
    torch.testing.assert_close(family.full(family.kept(p)), p)
    assert torch.equal(space.point(dist.Categorical(p)), family.kept(p))
    assert space.curvature(p).item() == pytest.approx(0.25, abs=1e-10)
    torch.testing.assert_close(space.from_natural(space.natural(p)), family.kept(p))
    assert space.distance(p, Q).item() == pytest.approx(SPACE.distance(p, Q).item(), abs=1e-14)


def test_places_that_are_none_are_named() -> None:
    wrong: Any = 0.5
    with pytest.raises(TypeError, match="`left_out`: expected an integer"):
        Categorical(left_out=wrong)
    with pytest.raises(ValueError, match="`left_out`: expected a place from -3 to 2"):
        StatisticalManifold(Categorical(left_out=3)).metric(Q)
