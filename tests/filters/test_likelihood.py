"""Evidence from values, weights and nothing, for sites that depend on each other."""

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.records import SoftObservation
from tests.bridge import as_array
from tests.filters.programs import Linked, likelihood_by_hand
from tests.oracles import assert_close

WEIGHTS = np.array([0.2, 1.5])


@pytest.mark.parametrize("first", [0, 1, None, "soft"])
@pytest.mark.parametrize("second", [2, None])
@pytest.mark.parametrize("third", [1.0, None])
def test_evidence_agrees_with_the_joint_table(
    first: object, second: int | None, third: float | None
) -> None:
    model = Linked()
    given = {"first": first, "second": second, "third": third}
    observation = {
        name: SoftObservation(torch.tensor(WEIGHTS).log()) if value == "soft" else value
        for name, value in given.items()
        if value is not None
    }
    soft = [np.ones(2), np.ones(3), np.ones(2)]
    for i, value in enumerate((first, second, third)):
        if value == "soft":
            soft[i] = WEIGHTS
        elif value is not None:
            soft[i] = np.eye(len(soft[i]))[int(value)]  # type: ignore[call-overload]
    evidence = np.einsum("wmabc,a,b,c->wm", likelihood_by_hand(model), *soft)
    exact = ExactFilter(model)
    prior = as_array(exact.initial().probs).reshape(2, 3)
    belief = exact.update(exact.initial(), observation)
    truth = prior * evidence
    assert_close(as_array(belief.probs), (truth / truth.sum()).reshape(-1))
    assert float(belief.free_energy) == pytest.approx(-np.log(truth.sum()), abs=1e-12)
    assert float(belief.terms.total) == pytest.approx(float(belief.free_energy), abs=1e-12)


def test_missing_members_of_a_batch_bring_no_evidence() -> None:
    exact = ExactFilter(Linked())
    batch = exact.update(
        exact.initial((3,)),
        {"second": torch.tensor([-1, 1, 1]), "third": torch.tensor([torch.nan, torch.nan, 1.0])},
    )
    assert float(batch.free_energy[0]) == pytest.approx(0.0, abs=1e-12)
    alone = exact.update(exact.initial(), {"second": 1})
    assert_close(as_array(batch.probs[1]), as_array(alone.probs))
    both = exact.update(exact.initial(), {"second": 1, "third": 1.0})
    assert_close(as_array(batch.probs[2]), as_array(both.probs))


def test_smoothing_takes_soft_and_missing_observations_over_time() -> None:
    exact = ExactFilter(Linked())
    weights = torch.rand(4, 2) + 0.1
    smoothing = exact.smooth(
        {
            "first": SoftObservation(weights.log()),
            "third": torch.tensor([1.0, torch.nan, 0.0, 1.0]),
        },
        torch.tensor([0, 1, 1]),
    )
    belief, total = exact.initial(), 0.0
    for t, third in enumerate((1.0, None, 0.0, 1.0)):
        belief = exact.predict(belief, [0, 1, 1][t - 1]) if t else belief
        seen: dict[str, object] = {"first": SoftObservation(weights[t].log())}
        belief = exact.update(belief, seen if third is None else seen | {"third": third})
        total += float(belief.free_energy)
    assert float(smoothing.free_energy) == pytest.approx(total, abs=1e-12)
    assert_close(as_array(smoothing.probs[-1]), as_array(belief.probs))


@pytest.mark.parametrize(
    ("observations", "actions", "name"),
    [
        ({"first": torch.tensor([0, 1]), "third": torch.tensor([0.0])}, [0], "observations"),
        ({"first": torch.tensor([0, 1, 1])}, [0], "actions"),
        ({"first": torch.tensor(0)}, [0], "first"),
        ({"smell": torch.tensor([0, 1])}, [0], "observations"),
        ({"first": torch.tensor([0, 1])}, None, "action"),
    ],
)
def test_series_that_do_not_fit_are_refused(
    observations: dict[str, torch.Tensor], actions: object, name: str
) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        ExactFilter(Linked()).smooth(observations, actions)
