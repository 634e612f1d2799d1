"""Programs of which some sites are known."""

import numpy as np
import pytest
import torch

from pyro_activeinf.compile import Given, every_value, finite_sites
from pyro_activeinf.filters import ExactFilter, GaussianFilter
from pyro_activeinf.models import TMaze
from tests.filters.regimes import Regimes, systems

PRIOR = torch.tensor([0.7, 0.3], dtype=torch.float64)


def test_known_sites_are_gone_and_the_rest_depends_on_them() -> None:
    each = systems(2)
    model = Regimes(each, PRIOR)
    for c, given in enumerate(every_value(model, finite_sites(model))):
        start = GaussianFilter(given).initial()
        assert list(start.marginals) == ["s"]
        np.testing.assert_allclose(start.mean, each[c].mean)
        np.testing.assert_allclose(start.cov, each[c].cov)
        assert float(given.log_prior.exp()) == pytest.approx(float(PRIOR[c]))
        given.require_lasting(torch.zeros(1))


def test_nothing_is_drawn() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model = Regimes(systems(2), PRIOR)
    for given in every_value(model, finite_sites(model)):
        given.require_lasting(torch.zeros(1))
        _ = given.log_prior
    assert torch.equal(torch.get_rng_state(), before)


def test_every_joint_value_comes_once_the_last_site_fastest() -> None:
    model = TMaze()
    found = [tuple(map(int, g.values.values())) for g in every_value(model, finite_sites(model))]
    assert list(finite_sites(model)) == ["context", "location"]
    assert found == [(c, at) for c in range(2) for at in range(4)]


def test_a_change_of_the_model_is_noticed() -> None:
    model = TMaze()
    filter = ExactFilter(Given(model, {"context": torch.tensor(0)}))
    before = filter.tables
    assert filter.tables is before
    with torch.no_grad():
        next(model.buffers()).mul_(1.0)
    assert filter.tables is not before


def test_what_changes_is_told() -> None:
    given = Given(TMaze(), {"location": torch.tensor(0)})
    with pytest.raises(ValueError, match="site 'location' of transition"):
        given.require_lasting(torch.tensor(1))
