"""What holds for every filter: one suite over a registry."""

import math
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor

from pyro_activeinf.bench.learning_worlds import LearningMaze
from pyro_activeinf.compile import Wishes
from pyro_activeinf.filters import (
    Bank,
    ExactFilter,
    FactorizedFilter,
    Filter,
    GaussianFilter,
    HiddenMarkovFilter,
    ParticleFilter,
)
from pyro_activeinf.filters.base import WishingFilter
from pyro_activeinf.free_energy import Estimated, Exact, Nested
from pyro_activeinf.models import TMaze
from tests.filters.gaussian_programs import RealMaze

FILTERS: dict[str, Callable[[], Filter]] = {
    "exact": lambda: ExactFilter(TMaze()),
    "exact, outcomes apart": lambda: ExactFilter(TMaze(), joint_outcomes=False),
    "exact, tables with counts": lambda: ExactFilter(LearningMaze()),
    "factorized": lambda: FactorizedFilter(TMaze()),
    "factorized, tables with counts": lambda: FactorizedFilter(LearningMaze()),
    "gaussian": lambda: GaussianFilter(RealMaze()),
    "gaussian, linearized": lambda: GaussianFilter(RealMaze(bend=0.3)),
    "estimated": lambda: Estimated(ExactFilter(TMaze()), TMaze(), Nested(), num_particles=50),
    "hidden markov": lambda: HiddenMarkovFilter(TMaze(), Exact()),
    "hidden markov, by draws": lambda: HiddenMarkovFilter(TMaze()),
    "bank": lambda: Bank(TMaze(), ["context"], ExactFilter),
    "particles": lambda: ParticleFilter(TMaze(), num_particles=400),
}


def centers(marginal: Any) -> Tensor:
    """What a marginal is about: probabilities, or the mean."""
    found: Tensor = marginal.probs if hasattr(marginal, "probs") else marginal.mean
    return found


@pytest.fixture(params=FILTERS.values(), ids=FILTERS.keys())
def carrier(request: pytest.FixtureRequest) -> Filter:
    return request.param()


@pytest.fixture
def noise(carrier: Filter) -> float:
    """How far probabilities of two runs may be apart: five standard deviations of a sample."""
    return 5 * (0.5 / 400) ** 0.5 if isinstance(carrier, ParticleFilter) else 1e-12


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_shapes_and_steps(carrier: Filter, batch: tuple[int, ...]) -> None:
    start = carrier.update(carrier.initial(batch), {"position": 0})
    moved = carrier.predict(start, torch.full(batch, 3))
    assert (start.step, moved.step) == (0, 1)
    for belief in (start, moved):
        assert belief.batch_shape == batch
        assert belief.free_energy.shape == belief.terms.total.shape == batch
        for marginal in belief.marginals.values():
            assert marginal.batch_shape == batch
        assert all(x.shape == (5, *batch) for x in belief.sample(5).values())
    terms = carrier.expected_free_energy(moved)
    assert terms.total.shape == batch
    assert set(terms.per_site) == set(carrier.observation_sites)


def test_terms_add_up(carrier: Filter) -> None:
    belief = carrier.predict(carrier.update(carrier.initial(), {"position": 0}), 1)
    seen = carrier.update(belief, {"position": 1, "reward": 1})
    assert float(seen.terms.total) == pytest.approx(float(seen.free_energy), abs=1e-10)
    assert belief.terms.total == belief.free_energy == 0.0
    terms = carrier.expected_free_energy(belief)
    parts = terms.risk + terms.ambiguity - terms.novelty
    assert float(terms.total) == pytest.approx(float(parts), abs=1e-10)


def test_actions_broadcast_against_the_batch(carrier: Filter, noise: float) -> None:
    start = carrier.update(carrier.initial((2, 1)), {"position": 0})
    fanned = carrier.predict(start, torch.arange(4))
    assert fanned.batch_shape == (2, 4)
    for u in range(4):
        alone = carrier.predict(start, torch.full((2, 1), u))
        for name, marginal in alone.marginals.items():
            together, apart = centers(fanned.marginals[name])[:, u], centers(marginal).squeeze(1)
            torch.testing.assert_close(together, apart, atol=noise, rtol=0.0)


def test_reshape_and_take_rearrange_the_batch(carrier: Filter) -> None:
    belief = carrier.update(
        carrier.predict(carrier.update(carrier.initial((4,)), {"position": 0}), torch.arange(4)),
        {"reward": torch.tensor([0, 1, 2, 0])},
    )
    square = belief.reshape(2, 2)
    torch.testing.assert_close(square.free_energy, belief.free_energy.reshape(2, 2))
    torch.testing.assert_close(square.terms.accuracy, belief.terms.accuracy.reshape(2, 2))
    picked = belief.take(torch.tensor([3, 1]))
    torch.testing.assert_close(picked.free_energy, belief.free_energy[[3, 1]])
    chosen = centers(belief.marginals["context"])[[3, 1]]
    torch.testing.assert_close(centers(picked.marginals["context"]), chosen)


def test_beliefs_are_frozen_and_filters_keep_no_state(carrier: Filter) -> None:
    pyro.set_rng_seed(0)
    belief = carrier.initial()
    with pytest.raises(AttributeError):
        belief.step = 3  # type: ignore[misc]
    first = carrier.update(belief, {"reward": 0})
    carrier.update(carrier.predict(first, 1), {"reward": 2})
    pyro.set_rng_seed(0)
    again = carrier.update(carrier.initial(), {"reward": 0})
    assert centers(first.marginals["location"]).equal(centers(again.marginals["location"]))


def test_what_is_no_belief_is_refused(carrier: Filter) -> None:
    none: Any = None
    for use in (
        lambda: carrier.predict(none, 1),
        lambda: carrier.update(none, {}),
        lambda: carrier.expected_free_energy(none),
        lambda: carrier.look_ahead(none),
    ):
        with pytest.raises(TypeError, match=r"`belief`: expected a \w*Belief, got None"):
            use()


def test_other_types_are_named(carrier: Filter) -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match="`observation`: expected a dict"):
        carrier.update(carrier.initial(), wrong)
    with pytest.raises(TypeError, match="`batch_shape`: expected a tuple"):
        carrier.initial(wrong)


def test_wishes_from_outside_replace_those_of_the_model(carrier: Filter) -> None:
    if not isinstance(carrier, WishingFilter):
        assert isinstance(carrier, Estimated)
        return
    assert carrier.wished[0] == ["reward"]
    belief = carrier.update(carrier.initial(), {"position": 0})
    real = isinstance(carrier, GaussianFilter)
    wish = dist.Uniform(-1e9, 1e9) if real else torch.full((3,), -math.log(2e9))
    flat = carrier.wishing(Wishes({"reward": wish}, {}))
    assert float(flat.expected_free_energy(belief).pragmatic) == pytest.approx(-math.log(2e9))
    assert float(carrier.expected_free_energy(belief).pragmatic) > -10.0
    assert flat.wished == carrier.wished
    with pytest.raises(ValueError, match="`preferences`: expected names among"):
        carrier.wishing(Wishes({"sky": torch.zeros(3)}, {}))
