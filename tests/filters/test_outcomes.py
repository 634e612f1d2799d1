"""Expected free energy where outcomes and preferences depend on each other."""

import numpy as np
import pytest
import torch

from pyro_activeinf.filters import ExactFilter
from tests.bridge import as_array
from tests.filters.programs import Linked, likelihood_by_hand


def entropy(probs: np.ndarray) -> float:
    positive = probs[probs > 0]
    return float(-(positive * np.log(positive)).sum())


def preference_by_hand(model: Linked) -> np.ndarray:
    """log p~(first, second), shape (2, 3)."""
    first = torch.tensor([0.3, 0.7]).log()
    return as_array(first[:, None] + model.wish.log_softmax(-1))


def test_joint_terms_agree_with_the_joint_table() -> None:
    model = Linked()
    exact = ExactFilter(model)
    belief = exact.predict(exact.initial(), 1)
    joint = as_array(belief.probs).reshape(2, 3)[..., None, None, None] * likelihood_by_hand(model)
    outcomes = joint.sum((0, 1))
    states = joint.sum((2, 3, 4))
    terms = exact.expected_free_energy(belief)
    pragmatic = float((outcomes.sum(2) * preference_by_hand(model)).sum())
    assert float(terms.pragmatic) == pytest.approx(pragmatic, abs=1e-12)
    information = entropy(outcomes) + entropy(states) - entropy(joint)
    assert float(terms.epistemic) == pytest.approx(information, abs=1e-12)
    assert float(terms.ambiguity) == pytest.approx(entropy(joint) - entropy(states), abs=1e-12)
    assert float(terms.risk) == pytest.approx(-entropy(outcomes) - pragmatic, abs=1e-12)


def test_sites_apart_have_their_own_marginal_information() -> None:
    model = Linked()
    apart = ExactFilter(model, joint_outcomes=False)
    belief = apart.predict(apart.initial(), 0)
    joint = as_array(belief.probs).reshape(2, 3)[..., None, None, None] * likelihood_by_hand(model)
    terms = apart.expected_free_energy(belief)
    total = 0.0
    for i, name in enumerate(("first", "second", "third")):
        others = tuple(2 + j for j in range(3) if j != i)
        pair = joint.sum(others)
        value = entropy(pair.sum((0, 1))) + entropy(pair.sum(2)) - entropy(pair)
        assert float(terms.per_site[name].epistemic) == pytest.approx(value, abs=1e-12)
        total += value
    assert float(terms.epistemic) == pytest.approx(total, abs=1e-12)
    assert float(terms.pragmatic) == pytest.approx(
        float(ExactFilter(model).expected_free_energy(belief).pragmatic), abs=1e-12
    )
