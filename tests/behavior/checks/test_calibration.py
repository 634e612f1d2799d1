from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from pyro_activeinf.behavior import Hierarchical, Rehearsal, calibrate
from pyro_activeinf.behavior.checks.calibration import Calibration
from pyro_activeinf.behavior.engines import AdaptiveImportance
from pyro_activeinf.behavior.tasks import ReversalLearning
from tests.behavior.persons import Guessing, TooSure, followers, uniform_ranks


def test_importance_sampling_is_calibrated() -> None:
    engine = AdaptiveImportance(draws=300, proposals=100, rounds=4)
    found = calibrate(
        followers(), ReversalLearning(), simulations=300, trials=30, engine=engine, progress=False
    )
    assert found.ranks["stay"].shape == (300,)
    for name, p_value in found.p_values(bins=10).items():
        assert float(p_value) > 0.01, name


def test_draws_from_the_prior_are_calibrated_where_there_are_no_data() -> None:
    found = calibrate(
        followers(),
        ReversalLearning(),
        simulations=400,
        trials=1,
        engine=Guessing(),
        progress=False,
    )
    assert all(float(p) > 0.01 for p in found.p_values().values())


def test_what_is_too_sure_is_found_out() -> None:
    """Ranks pile up at both ends, and the curve leaves its band."""
    found = calibrate(
        followers(), ReversalLearning(), simulations=200, trials=1, engine=TooSure(), progress=False
    )
    counts = found.counts(bins=10)["shift"]
    assert int(counts[[0, -1]].min()) > 3 * int(counts[1:-1].max())
    assert float(found.p_values(bins=10)["shift"]) < 1e-6
    low, high = found.bands()
    curve = found.ecdf_differences()["shift"]
    assert bool(((curve < low) | (curve > high)).any())


def test_chi_square_is_that_of_scipy() -> None:
    found = Calibration({"x": uniform_ranks(300, 99)}, draws=99)
    counts = np.bincount(found.ranks["x"].numpy() // 5, minlength=20)
    assert found.counts(20)["x"].tolist() == counts.tolist()
    expected = stats.chisquare(counts).pvalue
    assert float(found.p_values(20)["x"]) == pytest.approx(expected, abs=1e-10)


def test_ranks_count_draws_below_the_truth() -> None:
    draws = torch.arange(100.0).reshape(-1, 1, 1).expand(100, 2, 3)
    true = torch.tensor([[-1.0, 49.5, 200.0], [0.5, 1.5, 98.5]])
    whole = Rehearsal({"x": true}, {"x": draws}, {}, independent=True)
    assert Calibration.of(whole, 100).ranks["x"].tolist() == [0, 50, 100, 1, 2, 99]
    thin = Calibration.of(whole, 4).ranks["x"]
    assert thin.tolist() == [0, 2, 4, 1, 1, 3]  # of 0, 33, 66 and 99
    one = Rehearsal({"x": true}, {"x": draws}, {}, independent=False)
    assert Calibration.of(one, 100).ranks["x"].tolist() == [0, 1]


def test_bands_hold_as_many_curves_as_they_say() -> None:
    low, high = Calibration({"x": uniform_ranks(200, 99)}, 99).bands(0.9)
    inside = 0
    for _ in range(300):
        curve = Calibration({"x": uniform_ranks(200, 99)}, 99).ecdf_differences()["x"]
        inside += bool(((curve >= low - 1e-9) & (curve <= high + 1e-9)).all())
    assert inside / 300 == pytest.approx(0.9, abs=0.06)


def test_bands_leave_the_generator_as_it_was() -> None:
    found = Calibration({"x": uniform_ranks(50, 99)}, 99)
    before = torch.get_rng_state()
    found.bands()
    assert torch.equal(before, torch.get_rng_state())


def test_populations_have_ranks_of_their_own_parameters() -> None:
    found = calibrate(
        followers(Hierarchical()),
        ReversalLearning(),
        simulations=5,
        subjects=3,
        trials=2,
        engine=Guessing(),
        progress=False,
    )
    assert found.ranks["stay_typical"].shape == found.ranks["stay"].shape == (5,)


def test_numbers_that_do_not_fit_are_refused() -> None:
    draws = torch.zeros(50, 1, 1)
    with pytest.raises(ValueError, match="`draws`: expected at most 50, as drawn, got 99"):
        Calibration.of(Rehearsal({"x": draws[0]}, {"x": draws}, {}, True))
    with pytest.raises(ValueError, match="`bins`: expected a divisor of 100 ranks, got 30"):
        Calibration({"x": uniform_ranks(50, 99)}, 99).counts(30)
