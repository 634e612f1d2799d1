"""Records add up, cannot be changed, and can be cut and rearranged."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from pyro_activeinf.records import (
    TERMS,
    Belief,
    ExpectedFreeEnergyTerms,
    FreeEnergyTerms,
    PolicyPosterior,
    SoftObservation,
    Trajectory,
)


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


def expected_terms(*batch: int, sites: Sequence[str] = ("a", "b")) -> ExpectedFreeEnergyTerms:
    return ExpectedFreeEnergyTerms(torch.randn(*batch, 4, 1 + len(sites)), tuple(sites))


# Free energies


def test_variational_free_energy_is_complexity_minus_accuracy() -> None:
    terms = FreeEnergyTerms(torch.tensor([0.5, 1.0]), torch.tensor([-1.0, 0.25]))
    assert terms.total.tolist() == [1.5, 0.75]
    assert terms.per_site == {}


def test_sites_are_grouped_by_step_and_level() -> None:
    one, two, four, eight = torch.tensor([1.0, 2.0, 4.0, 8.0]).unbind()
    terms = FreeEnergyTerms(
        one + two,
        four + eight,
        {"level1/o_0": four, "o_10": eight},
        {"level1/s_10": one, "weights": two},
    )
    steps, levels = terms.per_step, terms.per_level
    assert [*steps] == [0, 10, None]
    assert [*levels] == [1, None]
    assert {step: part.total.item() for step, part in steps.items()} == {0: -4, 10: -7, None: 2}
    assert {level: part.total.item() for level, part in levels.items()} == {1: -3, None: -6}
    assert steps[10] == FreeEnergyTerms(one, eight, {"o_10": eight}, {"level1/s_10": one})
    assert terms.accuracy_per_site is terms.per_site


def test_what_no_site_has_is_of_no_step() -> None:
    """A filter tells the accuracy of its sites, and one complexity for them all."""
    belief = torch.tensor([3.0, 5.0])
    groups = FreeEnergyTerms(belief, belief / 2, {"growl_1": belief / 2}).per_step
    assert groups[1].total.tolist() == [-1.5, -2.5]
    assert groups[None].total.tolist() == [3.0, 5.0]
    assert FreeEnergyTerms(belief, belief / 2).per_level[None].total.tolist() == [1.5, 2.5]


def test_expected_free_energy_adds_up() -> None:
    terms = expected_terms(3, 2)
    assert terms.total.shape == (3, 2)
    assert terms.values[1, 0, :, 0].tolist() == [
        part[1, 0].item()
        for part in (terms.pragmatic, terms.outcome_entropy, terms.ambiguity, terms.novelty)
    ]
    close(terms.total, terms.risk + terms.ambiguity - terms.novelty)
    close(terms.total, -(terms.pragmatic + terms.epistemic + terms.novelty))
    close(terms.epistemic, terms.values[..., 1, 0] - terms.values[..., 2, 0])
    close(terms.risk, -terms.values[..., 0, 0] - terms.values[..., 1, 0])


def test_expected_free_energy_of_each_site() -> None:
    terms = expected_terms(3, sites=("a", "b", "c"))
    assert list(terms.per_site) == ["a", "b", "c"]
    for i, part in enumerate(terms.per_site.values()):
        assert torch.equal(part.pragmatic, terms.values[..., 0, 1 + i])
        assert torch.equal(part.novelty, terms.values[..., 3, 1 + i])
        close(part.total, -(part.pragmatic + part.epistemic + part.novelty))
        assert part.per_site == {}


@pytest.mark.parametrize("names", [c for n in range(4) for c in itertools.combinations(TERMS, n)])
def test_terms_can_be_left_out(names: tuple[str, ...]) -> None:
    terms = expected_terms(4)
    expected = torch.zeros(4)
    for name in names:
        expected = expected - getattr(terms, name)
    close(terms.select(frozenset(names)), expected)


def test_a_forbidden_outcome_is_infinitely_bad_or_not_counted() -> None:
    values = torch.tensor([[-torch.inf], [0.5], [0.25], [0.0]])
    terms = ExpectedFreeEnergyTerms(values, ())
    assert terms.total.item() == terms.risk.item() == torch.inf
    assert terms.select(frozenset({"pragmatic"})).item() == torch.inf
    assert terms.select(frozenset({"epistemic", "novelty"})).item() == -0.25
    assert terms.zeros().item() == 0


def test_policies_sum_their_steps() -> None:
    per_step = expected_terms(2, 5, 3)  # (batch, policies, time)
    posterior = PolicyPosterior(
        torch.zeros(5, 3), per_step, torch.zeros(2, 5), torch.zeros(2, 5), torch.zeros(2, 4)
    )
    assert posterior.terms.sites == ("a", "b")
    assert posterior.terms.values.shape == (2, 5, 4, 3)
    close(posterior.terms.total, per_step.total.sum(-1))
    close(posterior.terms.per_site["b"].risk, per_step.per_site["b"].risk.sum(-1))
    assert posterior.terms is posterior.terms


# Beliefs


@dataclass(frozen=True)
class Told(Belief):
    """The least that a belief has to be."""

    probs: Tensor  # (*batch, values)
    surprise: Tensor  # (*batch)

    @property
    def batch_shape(self) -> torch.Size:
        return self.surprise.shape

    @property
    def free_energy(self) -> Tensor:
        return self.surprise

    @property
    def terms(self) -> FreeEnergyTerms:
        return FreeEnergyTerms(self.surprise, torch.zeros_like(self.surprise))

    @property
    def marginals(self) -> dict[str, Distribution]:
        return {"s": Categorical(self.probs)}

    def sample(self, n: int | Sequence[int] = ()) -> dict[str, Tensor]:
        shape = (n,) if isinstance(n, int) else tuple(n)
        return {"s": Categorical(self.probs).sample(shape)}

    def _map(self, move: Callable[[Tensor, int], Tensor]) -> Self:
        return dataclasses.replace(self, probs=move(self.probs, 1), surprise=move(self.surprise, 0))


def test_a_belief_has_to_say_what_it_is() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Belief(0)  # type: ignore[abstract]


def test_beliefs_are_reshaped() -> None:
    belief = Told(3, torch.rand(2, 3, 4).softmax(-1), torch.arange(6.0).reshape(2, 3))
    found = belief.reshape(3, 1, 2)
    assert found.batch_shape == (3, 1, 2)
    assert found.step == 3
    assert torch.equal(found.probs, belief.probs.reshape(3, 1, 2, 4))
    assert torch.equal(found.surprise, belief.surprise.reshape(3, 1, 2))
    assert belief.reshape(6).probs.shape == (6, 4)
    assert belief.take(torch.tensor([1])).reshape(2).surprise.tolist() == [1, 4]


def test_beliefs_are_picked() -> None:
    belief = Told(0, torch.rand(2, 3, 4).softmax(-1), torch.arange(6.0).reshape(2, 3))
    found = belief.take(torch.tensor([2, 2, 0]))
    assert found.surprise.tolist() == [[2, 2, 0], [5, 5, 3]]
    assert torch.equal(found.probs[:, 2], belief.probs[:, 0])


# Trajectories


def trajectory(*batch: int) -> Trajectory:
    """Two episodes of 3 and 2 rows, every number telling its row."""
    rows = torch.arange(5.0)

    def series(*event: int) -> Tensor:
        wide = rows.reshape(5, *[1] * len(event))
        return wide.expand(*batch, 5, *event).clone()

    return Trajectory(
        observations={"o": series(), "wide": series(2)},
        actions=series(2).long(),
        rewards=series(),
        beliefs={"s": series(3)},
        free_energy=FreeEnergyTerms(series(), -series(), {"o": series()}),
        plan=ExpectedFreeEnergyTerms(series(4, 2), ("o",)),
        action_probs=series(2, 3),
        episode=torch.tensor([0, 0, 0, 1, 1]),
        step=torch.tensor([0, 1, 2, 0, 1]),
        policies=torch.zeros(7, 2, 2),
        policy_probs=series(7),
        policy_values=series(7),
    )


def tensors(record: Any) -> dict[str, Tensor]:
    """Every tensor of a trajectory that has a time axis, by name."""
    found: dict[str, Tensor] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            found[field.name] = value
        elif isinstance(value, dict):
            found |= {f"{field.name}.{key}": part for key, part in value.items()}
        elif dataclasses.is_dataclass(value):
            found |= {f"{field.name}.{key}": part for key, part in tensors(value).items()}
    found.pop("policies", None)
    return found


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_rows_of_a_trajectory(batch: tuple[int, ...]) -> None:
    run = trajectory(*batch)
    found = run.at(torch.tensor([4, 1]))
    parts = tensors(run)
    assert len(parts) == 14
    for name, value in tensors(found).items():
        axis = 0 if name in {"episode", "step"} else len(batch)
        assert torch.equal(value, parts[name].index_select(axis, torch.tensor([4, 1]))), name
        assert value.shape[axis] == 2, name
    assert found.policies is run.policies
    assert found.plan.sites == ("o",)


def test_episodes_of_a_trajectory() -> None:
    first, second = trajectory(2).episodes()
    assert first.step.tolist() == [0, 1, 2]
    assert first.rewards.tolist() == [[0, 1, 2]] * 2
    assert second.episode.tolist() == [1, 1]
    assert second.observations["wide"][0].tolist() == [[3, 3], [4, 4]]
    assert second.free_energy.accuracy[1].tolist() == [-3, -4]


def test_a_trajectory_without_policies() -> None:
    run = dataclasses.replace(
        trajectory(), policies=None, policy_probs=None, policy_values=None
    ).at(torch.tensor([0]))
    assert run.policies is run.policy_probs is run.policy_values is None


@pytest.mark.parametrize(
    "record",
    [
        FreeEnergyTerms(torch.zeros(()), torch.zeros(())),
        ExpectedFreeEnergyTerms(torch.zeros(4, 1), ()),
        SoftObservation(torch.zeros(2)),
        Told(0, torch.ones(1), torch.zeros(())),
    ],
)
def test_records_cannot_be_changed(record: Any) -> None:
    name = dataclasses.fields(record)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, None)
