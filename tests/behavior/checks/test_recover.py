from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyro_activeinf.behavior import ChoiceModel, Hierarchical, Rehearsal, recover
from pyro_activeinf.behavior.checks.recover import Recovery, entries
from pyro_activeinf.behavior.engines import AdaptiveImportance
from pyro_activeinf.behavior.peers import RandomChoice
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.persons import Guessing, followers

ENGINE = AdaptiveImportance(draws=400, proposals=100, rounds=4)


def test_what_is_recovered_is_recovered() -> None:
    found = recover(
        followers(),
        ReversalLearning(),
        subjects=25,
        trials=100,
        repeats=3,
        engine=ENGINE,
        progress=False,
    )
    assert found.true["stay"].shape == found.by_subject["effective"].shape == (3, 25)
    for name in ("stay", "shift"):
        assert float(found.correlation[name].min()) > 0.9
        assert 0.75 < float(found.coverage[name]) <= 1.0
        assert abs(float(found.bias[name])) < 0.03


def test_a_guess_recovers_nothing_though_its_intervals_cover() -> None:
    found = recover(
        followers(),
        ReversalLearning(),
        subjects=200,
        trials=2,
        engine=Guessing(),
        progress=False,
    )
    assert abs(float(found.correlation["stay"])) < 0.3
    assert float(found.coverage["stay"]) == pytest.approx(0.9, abs=0.08)


def known() -> Rehearsal:
    """Draws that are 0 to 100 for every subject, and truths among them."""
    draws = torch.arange(101.0).reshape(-1, 1, 1).expand(101, 2, 3)
    true = torch.tensor([[50.0, 4.0, 94.5], [96.0, 5.5, 50.0]])
    return Rehearsal({"x": true}, {"x": draws}, {}, independent=True)


def test_intervals_and_summaries_are_those_of_the_draws() -> None:
    found = Recovery.of(known(), mass=0.9)
    assert found.low["x"].flatten().tolist() == pytest.approx([5.0] * 6)
    assert found.high["x"].flatten().tolist() == pytest.approx([95.0] * 6)
    assert float(found.coverage["x"]) == pytest.approx(4 / 6)
    assert float(found.bias["x"]) == pytest.approx(50 - float(found.true["x"].mean()))
    drawn = torch.randn(500, 1, 40)
    some = Recovery.of(Rehearsal({"x": torch.randn(1, 40)}, {"x": drawn}, {}, True), mass=0.5)
    torch.testing.assert_close(some.low["x"], drawn.quantile(0.25, 0))
    expected = np.corrcoef(some.true["x"][0].numpy(), drawn.mean(0)[0].numpy())[0, 1]
    assert float(some.correlation["x"][0]) == pytest.approx(expected, abs=1e-12)


def test_tables_have_a_row_for_each() -> None:
    found = Recovery.of(known())
    table = found.to_dataframe()
    assert list(table.columns[:3]) == ["repeat", "subject", "parameter"]
    assert len(table) == 6
    row = table[(table["repeat"] == 1) & (table["subject"] == 0)].iloc[0]
    assert (row["true"], row["estimated"], row["low"]) == pytest.approx((96.0, 50.0, 5.0))
    assert list(found.summary().index) == ["x"]


def test_vectors_have_a_row_for_each_entry() -> None:
    def biases() -> None:
        pyro.sample("bias", dist.Normal(torch.zeros(3), 1.0).to_event(1))

    model = ChoiceModel(biases, lambda p: RandomChoice(p["bias"]))
    task = ReversalLearning(actions=3)
    found = recover(model, task, subjects=8, trials=50, engine=ENGINE, progress=False)
    assert list(found.summary().index) == ["bias[0]", "bias[1]", "bias[2]"]
    assert len(found.to_dataframe()) == 24
    assert entries("x", torch.Size([1, 2])) == ["x[0, 0]", "x[0, 1]"]


def test_populations_are_fitted_one_by_one_with_their_own_parameters() -> None:
    found = recover(
        followers(Hierarchical()),
        ReversalLearning(),
        subjects=4,
        trials=10,
        repeats=2,
        engine=Guessing(),
        progress=False,
    )
    assert found.true["stay"].shape == (2, 4)
    assert found.true["stay_typical"].shape == (2, 1)
    assert found.estimated["stay_spread"].shape == (2, 1)
    assert "stay_z" not in found.true


@pytest.mark.parametrize("mass", [0.0, 1.0])
def test_a_mass_is_between_0_and_1(mass: float) -> None:
    with pytest.raises(ValueError, match="`mass`: expected a number between 0 and 1"):
        Recovery.of(known(), mass)
