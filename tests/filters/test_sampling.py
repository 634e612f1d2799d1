"""Programs under the handler that draws for all particles."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.filters.sampling import Sampler, drawn, entropy, evenly_drawn, log_prob
from pyro_activeinf.models.series import Observed


def program(scale: float = 1.0) -> Tensor:
    weight = pyro.sample("weight", dist.Normal(0.0, 1.0))
    kind = pyro.sample("kind", dist.Categorical(torch.ones(3)))
    pyro.deterministic("twice", 2 * weight)
    return pyro.sample("place", dist.Normal(weight * kind, scale))


def test_each_site_is_drawn_for_the_whole_shape() -> None:
    sampler = Sampler((5, 2))
    returned = sampler.run(program)
    assert {name: tuple(value.shape) for name, value in sampler.values.items()} == {
        "weight": (5, 2),
        "kind": (5, 2),
        "place": (5, 2),
    }
    assert returned is sampler.values["place"]


def test_nothing_is_seen_from_outside() -> None:
    trace = pyro.poutine.trace(lambda: Sampler((3,)).run(program)).get_trace()
    assert set(trace.nodes) == {"_INPUT", "_RETURN"}


def test_given_values_and_parameters_are_taken() -> None:
    kind, weight = torch.tensor([0, 2]), torch.tensor([[1.0], [3.0]])
    sampler = Sampler((2, 2), {"kind": kind}, {"weight": weight})
    sampler.run(program, 1e-9)
    torch.testing.assert_close(sampler.values["place"], weight * kind, atol=1e-6, rtol=0.0)
    assert set(sampler.sites) == {"kind", "place"}


def test_what_is_missing_is_drawn() -> None:
    seen = Observed(torch.tensor([7.0, math.nan]), torch.tensor([False, True]))
    sampler = Sampler((4, 2), {"place": seen})
    sampler.run(program)
    place = sampler.values["place"]
    assert bool((place[:, 0] == 7).all())
    assert len(set(place[:, 1].tolist())) == 4


def test_values_outside_of_the_support_and_plates_are_refused() -> None:
    seen = Observed(torch.tensor(5), torch.tensor(False))
    with pytest.raises(ValueError, match="support"):
        Sampler((2,), {"kind": seen}).run(program)

    def plated() -> None:
        with pyro.plate("rows", 2):
            pyro.sample("x", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="plate 'rows'"):
        Sampler((2,)).run(plated)


def test_draws_are_differentiable_where_they_can_be() -> None:
    loc = torch.zeros(2, requires_grad=True)
    assert drawn(dist.Normal(loc, 1.0), (3, 2)).requires_grad
    assert drawn(dist.Normal(loc, 1.0), (2,)).shape == (2,)
    assert not drawn(dist.Bernoulli(logits=loc), (3, 2)).requires_grad


@pytest.mark.parametrize(
    ("fn", "value"),
    [
        (dist.Normal(torch.randn(3), 2.0), torch.randn(4, 3)),
        (dist.Categorical(logits=torch.randn(3, 4)), torch.tensor([0, 3, 1])),
        (dist.Categorical(logits=torch.randn(4)), torch.tensor([[0.0], [2.0]])),
        (dist.Bernoulli(0.3), torch.tensor([0.0, 1.0])),
        (dist.Poisson(2.0), torch.tensor([0.0, 3.0])),
    ],
)
def test_log_probabilities_are_those_of_the_distribution(
    fn: torch.distributions.Distribution, value: Tensor
) -> None:
    torch.testing.assert_close(log_prob(fn, value), fn.log_prob(value))


def test_what_cannot_be_has_no_probability() -> None:
    assert log_prob(dist.Bernoulli(torch.tensor(1.0)), torch.tensor(0.0)) == -math.inf
    delta = dist.Delta(torch.tensor(1.0))
    assert log_prob(delta, torch.tensor(2.0)) == -math.inf


def test_entropies() -> None:
    assert entropy(dist.Delta(torch.zeros(2)), torch.zeros(2)).tolist() == [0.0, 0.0]
    normal = dist.Normal(torch.zeros(2), 3.0).to_event(1)
    torch.testing.assert_close(entropy(normal, torch.zeros(2)), normal.entropy())
    poisson = dist.Poisson(2.0)
    value = torch.tensor(3.0)
    torch.testing.assert_close(entropy(poisson, value), -poisson.log_prob(value))


def test_finite_values_can_be_drawn_evenly() -> None:
    probs = torch.tensor([0.5, 0.3, 0.0, 0.2])
    value = evenly_drawn(dist.Categorical(probs), (50, 400))
    counts = torch.stack([(value == k).sum(0) for k in range(4)], -1).double()
    due = 50 * probs
    assert bool(((counts - due).abs() < 1 + 1e-9).all())
    torch.testing.assert_close(counts.mean(0), due, atol=0.1, rtol=0.0)
    first = (value[0] == 0).double().mean()  # any particle may have any value
    assert abs(float(first) - 0.5) < 4 * 0.5 / 20
    together = ((value[0] == 0) & (value[1] == 0)).double().mean()
    assert abs(float(together) - 0.25) < 4 * 0.5 / 20
    assert evenly_drawn(dist.Bernoulli(0.25), (8,)).sum() == 2
    own = dist.Categorical(torch.ones(6, 2))
    assert evenly_drawn(own, (6,)).shape == (6,)
    assert evenly_drawn(dist.Normal(0.0, 1.0), (6, 2)).shape == (6, 2)
