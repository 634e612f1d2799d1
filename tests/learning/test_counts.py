import numpy as np
import pytest
import torch
from hypothesis import given, settings

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.learning.counts import count, named
from pyro_activeinf.learning.expected import expected_counts
from pyro_activeinf.models import POMDP, CategoricalTable
from pyro_activeinf.records import SoftObservation
from tests.bridge import library_actions, library_observations
from tests.learning.counted import (
    OUTCOMES,
    SHAPES,
    Learned,
    as_series,
    counts_by_hand,
    random_sight,
)
from tests.oracles import Array, Arrays, assert_close, pairwise, smoothed
from tests.strategies import Episode, models_with_episodes


@pytest.mark.parametrize("seed", range(8))
def test_counts_are_those_of_every_path(seed: int) -> None:
    rng = np.random.default_rng(seed)
    model, seen = Learned(seed), random_sight(rng, 3)
    actions = rng.integers(2, size=2).tolist()
    found, _ = expected_counts(ExactFilter(model), as_series(seen), torch.tensor(actions))
    by_name = named(model, found)
    for name, expected in counts_by_hand(model, seen, actions).items():
        assert_close(by_name.get(name, torch.zeros(SHAPES[name])), expected, 1e-10)


def test_a_batch_adds_up() -> None:
    rng = np.random.default_rng(3)
    model = Learned()
    filter = ExactFilter(model)
    sights = [random_sight(rng, 4) for _ in range(3)]
    actions = torch.as_tensor(rng.integers(2, size=(3, 3)))
    series = [as_series(seen) for seen in sights]
    together = {name: torch.stack([each[name] for each in series]) for name in OUTCOMES}
    found = named(model, expected_counts(filter, together, actions)[0])
    alone = [
        named(model, expected_counts(filter, s, a)[0]) for s, a in zip(series, actions, strict=True)
    ]
    for name, value in found.items():
        assert_close(value, sum(each[name] for each in alone), 1e-12)


def test_what_was_not_seen_is_not_counted() -> None:
    model = Learned()
    nothing = {name: torch.full((4,), -1) for name in OUTCOMES}
    found, _ = expected_counts(ExactFilter(model), nothing, torch.zeros(3).long())
    assert all(value.abs().max() == 0 for value in found.values())


def test_a_flat_soft_observation_says_nothing_and_a_sharp_one_is_a_value() -> None:
    model, rng = Learned(), np.random.default_rng(5)
    filter, seen = ExactFilter(model), random_sight(rng, 3)
    hard, actions = as_series(seen), torch.tensor([0, 1])
    soft = {
        name: SoftObservation(
            torch.stack(
                [torch.eye(n)[v].log() if v >= 0 else torch.full((n,), 0.3) for v in hard[name]]
            )
        )
        for name, n in OUTCOMES.items()
    }
    first, second = (named(model, expected_counts(filter, o, actions)[0]) for o in (hard, soft))
    for name, value in first.items():
        assert_close(second[name], value, 1e-12)


def test_soft_evidence_counts_outcomes_by_their_posterior() -> None:
    model = Learned(2)
    filter, weights = ExactFilter(model), torch.tensor([0.2, 0.5, 1.0])
    found = named(
        model, expected_counts(filter, {"third": SoftObservation(weights.log()[None])})[0]
    )
    states = filter.initial().probs.reshape(2, 3).sum(0)
    joint = (states[:, None] * model.look.expected.flip(0) * weights).flip(0)
    assert_close(found["look"], joint / joint.sum(), 1e-12)


def test_steps_one_by_one_are_those_of_two_filtered_beliefs() -> None:
    model = Learned(1)
    filter = ExactFilter(model)
    before = filter.update(filter.initial(), {"first": 1})
    after = filter.update(filter.predict(before, 1), {"second": 0})
    window = filter.look_back(before, 1, after)
    assert_close(window.probs[1], after.probs, 1e-12)
    seen = {"second": torch.tensor([-1, 0])}
    found = named(model, count(filter, window, seen, torch.tensor([1]), first=1))
    whole = {"first": torch.tensor([1, -1]), "second": torch.tensor([-1, 0])}
    expected = named(model, expected_counts(filter, whole, torch.tensor([1]))[0])
    for name in ("turn", "drift", "word"):
        assert_close(found[name], expected[name], 1e-12)
    assert "start" not in found
    rest = expected["look"] - found["look"]
    assert_close(rest.sum(0), [0.0, 1.0, 0.0], 1e-12)  # of the first step


def test_tables_that_are_held_elsewhere_are_refused() -> None:
    model = Learned()
    found, _ = expected_counts(ExactFilter(model), {"first": torch.tensor([1])})
    with pytest.raises(ValueError, match="attributes of the model"):
        named(Learned(), found)


def counted(arrays: Arrays) -> POMDP:
    """The same probabilities, from counts."""
    tables = [
        [CategoricalTable.from_array(3.0 * torch.as_tensor(x)) for x in part]
        for part in (arrays.A, arrays.B, arrays.D)
    ]
    return POMDP(
        tables[0],
        tables[1],
        arrays.C,
        tables[2],
        A_dependencies=arrays.A_dependencies,
        B_dependencies=arrays.B_dependencies,
    )


def kept_axes(joint: Array, axes: list[int]) -> Array:
    """Some axes of a joint distribution, in this order."""
    rest = tuple(axis for axis in range(joint.ndim) if axis not in axes)
    order = [axis - sum(r < axis for r in rest) for axis in axes]
    return np.asarray(joint.sum(rest)).transpose(order)


@settings(max_examples=12)
@given(models_with_episodes(length=4))
def test_random_models_against_posteriors_of_all_paths(pair: tuple[Arrays, Episode]) -> None:
    arrays, (observations, actions) = pair
    seen = [t for t, step in enumerate(observations) if any(o is not None for o in step)]
    last = max(seen, default=-1)
    model = counted(arrays)
    moves = library_actions(arrays, actions)
    found, _ = expected_counts(ExactFilter(model), library_observations(observations), moves)
    by_name = named(model, found)
    singles = smoothed(arrays, observations, actions)
    for f, start in enumerate(arrays.D):
        expected = kept_axes(singles[0], [f]) if last >= 0 else np.zeros_like(start)
        assert_close(by_name[f"D{f}"], expected, 1e-10)
    for m, (a, deps) in enumerate(zip(arrays.A, arrays.A_dependencies, strict=True)):
        expected = np.zeros_like(a)
        for single, step in zip(singles, observations, strict=True):
            if step[m] is not None:
                expected[step[m]] += kept_axes(single, deps)
        assert_close(by_name[f"A{m}"].movedim(-1, 0), expected, 1e-10)
    pairs, factors = pairwise(arrays, observations, actions), len(arrays.B)
    for f, (b, deps) in enumerate(zip(arrays.B, arrays.B_dependencies, strict=True)):
        expected = np.zeros_like(b)
        for t in range(last):
            expected[..., actions[t][f]] += kept_axes(pairs[t], [factors + f, *deps])
        assert_close(by_name[f"B{f}"].movedim(-1, 0), expected, 1e-10)
