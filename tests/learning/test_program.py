"""Parameters are found wherever they are, and nothing else is touched."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoIAFNormal, AutoMultivariateNormal, AutoNormal
from pyro.nn import pyro_method
from torch import Tensor, nn

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.learning.batches import Whole
from pyro_activeinf.learning.program import Program

from .programs import Regression, Weights, line, parameters, same, stored_guide, stored_model

OWN = ["model.noise_unconstrained", "guide.loc", "guide.scale_unconstrained"]


def program(model: Any, guide: Any, loss: Any = None) -> Program:
    return Program(model, guide, Trace_ELBO() if loss is None else loss, Whole(line()))


def begun(model: Any, guide: Any, loss: Any = None) -> Program:
    found = program(model, guide, loss)
    with found.local():
        found.first(line())
    return found


def test_parameters_of_modules_are_found_and_the_store_stays_empty() -> None:
    assert list(begun(Regression(), Weights()).leaves) == OWN
    assert not pyro.get_param_store().keys()


def test_parameters_of_functions_are_found_in_the_store() -> None:
    found = begun(stored_model, stored_guide).leaves
    assert sorted(found) == ["store.loc", "store.noise", "store.scale"]
    assert found["store.noise"] is pyro.param("noise").unconstrained()


@pytest.mark.parametrize("guide", [AutoNormal, AutoMultivariateNormal, AutoIAFNormal])
@pytest.mark.parametrize("model", [Regression(), stored_model])
def test_guides_that_make_parameters_at_the_first_call(model: Any, guide: Any) -> None:
    found = begun(model, guide(model))
    assert any(name.startswith("guide.") for name in found.leaves)
    assert all(leaf.grad is not None for leaf in found.leaves.values())
    with found.local():
        found(line())  # and at the second one


def test_parameters_of_a_module_that_a_function_calls() -> None:
    model = Regression()

    def calling(x: Tensor, y: Tensor) -> None:
        model(x, y)

    found = begun(calling, AutoNormal(calling)).leaves
    assert found["store.noise"] is model.noise_unconstrained
    assert found["store.noise"].grad is not None


def test_parameters_of_a_module_whose_methods_are_the_programs() -> None:
    class Both(Weights):
        @pyro_method
        def model(self, x: Tensor, y: Tensor) -> None:
            stored_model(x, y)

        @pyro_method
        def guide(self, x: Tensor, y: Tensor) -> None:
            pyro.sample("w", dist.Normal(self.loc, self.scale).to_event(1))

    both = Both()
    with pytest.raises(ValueError, match="inside of a module"):
        begun(both.model, both.guide)
    found = begun(stored_model, both.guide).leaves
    assert found["store.loc"] is both.loc
    assert sorted(found) == ["store.loc", "store.noise", "store.scale"]


def test_a_parameter_that_both_share_counts_once() -> None:
    guide = Weights()
    guide.model = model = Regression()
    names = list(begun(model, guide).leaves)
    assert sorted(names) == sorted(OWN)


def test_a_param_statement_in_a_module_is_refused() -> None:
    class Old(Weights):
        def forward(self, x: Tensor, y: Tensor) -> None:
            loc = pyro.param("where", torch.zeros(3))
            pyro.sample("w", dist.Normal(loc, 1.0).to_event(1))

    with pytest.raises(ValueError, match=r"pyro.param statements \['where'\] inside of a module"):
        begun(Regression(), Old())


def test_frozen_parameters_are_kept_but_not_trained() -> None:
    guide = Weights()
    guide.loc.requires_grad_(False)
    found = begun(Regression(), guide)
    assert "guide.loc" in found.tensors
    assert "guide.loc" not in found.trained


def test_nothing_stays_changed() -> None:
    class Counting(Weights):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x: Tensor, y: Tensor) -> None:
            super().forward(self.norm(x), y)

    loss = VariationalFreeEnergy()
    found = begun(Regression(), Counting(), loss)
    before = [tensor.clone() for tensor in found.tensors.values()]
    grads = [leaf.grad for leaf in found.leaves.values()]
    state = torch.get_rng_state()
    with found.local(), found.unchanged():
        found(line())
        assert found.tensors["guide.norm.num_batches_tracked"].item() == 2
    assert same(before, list(found.tensors.values()))
    assert all(a is b for a, b in zip(grads, [x.grad for x in found.leaves.values()], strict=True))
    assert (loss.step, torch.equal(state, torch.get_rng_state())) == (1, True)


def test_values_are_taken_over_in_place() -> None:
    first, second = begun(Regression(), Weights()), begun(Regression(), Weights())
    with torch.no_grad():
        for leaf in first.leaves.values():
            leaf.add_(1.0)
    leaves = list(second.leaves.values())
    second.require_same(first.tensors)
    second.load(first.tensors)
    assert all(a is b for a, b in zip(leaves, second.leaves.values(), strict=True))
    assert same(leaves, list(first.leaves.values()))


def test_other_parameters_are_refused_by_name() -> None:
    guide = Weights()
    found, before = begun(Regression(), guide), parameters(guide)
    saved = found.tensors | {"guide.loc": torch.zeros(4)}
    expected = r"as guide.loc: float64\[3\], got float64\[4\], and 0 others"
    with pytest.raises(ValueError, match=expected):
        found.require_same(saved)
    del saved["guide.loc"]
    with pytest.raises(ValueError, match=r"guide.loc: float64\[3\], got absent"):
        found.require_same(saved)
    assert same(before, parameters(guide))


@pytest.mark.parametrize(
    ("args", "name"),
    [
        ((None, stored_guide, Trace_ELBO()), "model"),
        ((stored_model, 3, Trace_ELBO()), "guide"),
        ((stored_model, stored_guide, torch.nn.MSELoss()), "loss"),
    ],
)
def test_what_is_no_program_is_named(args: tuple[Any, ...], name: str) -> None:
    with pytest.raises(TypeError, match=f"^`{name}`"):
        Program(*args, Whole(line()))
