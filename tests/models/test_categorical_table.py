from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.nn import PyroParam, PyroSample
from torch import Tensor

from pyro_activeinf.compile import CountedCategorical
from pyro_activeinf.filters import ExactFilter, FactorizedFilter
from pyro_activeinf.models import POMDP, CategoricalTable, GenerativeModel
from tests.oracles import assert_close


def test_rows_are_looked_up_and_broadcast() -> None:
    counts = torch.rand(2, 3, 4) + 0.1
    table = CategoricalTable(counts)
    first, second = torch.tensor([[0], [1]]), torch.tensor([2, 0, 1])
    found = table(first, second)
    assert isinstance(found, CountedCategorical)
    assert found.batch_shape == (2, 3)
    assert_close(found.probs, counts[first, second] / counts[first, second].sum(-1, keepdim=True))
    assert_close(counts.reshape(6, 4)[found.rows], counts[first, second])
    wide = found.expand((5, 2, 3))
    assert wide.batch_shape == wide.rows.shape == (5, 2, 3)
    assert wide.owner is table
    assert_close(table.expected.sum(-1), torch.ones(2, 3))
    assert table(1, 2).batch_shape == ()


def test_arrays_of_the_literature_have_the_outcome_first() -> None:
    counts = torch.rand(4, 2, 3)
    table = CategoricalTable.from_array(counts)
    assert_close(table.counts, counts.movedim(0, -1))
    assert_close(table.array, counts / counts.sum(0))
    assert CategoricalTable([[1, 2], [3, 4]]).counts.dtype == torch.get_default_dtype()


def test_counts_are_its_own() -> None:
    counts = torch.ones(3)
    table = CategoricalTable(counts)
    table.counts.add_(1.0)
    assert_close(counts, torch.ones(3))
    assert_close(table.prior, torch.ones(3))
    assert set(table.state_dict()) == {"counts", "prior"}
    again = copy.deepcopy(table)
    again.counts.add_(1.0)
    assert table.counts[0] == 2


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1.0, -0.5]], "finite numbers >= 0"),
        ([[1.0, 2.0], [0.0, 0.0]], "at least one above 0"),
        ([[1.0, torch.inf]], "finite"),
        ([[1.0, torch.nan]], "finite"),
        (3.0, "tensor"),
    ],
)
def test_wrong_counts_are_refused(counts: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CategoricalTable(torch.tensor(counts))


def test_the_number_of_parents_is_checked() -> None:
    with pytest.raises(ValueError, match="`parents`: expected 1 of them"):
        CategoricalTable(torch.ones(2, 2))(0, 1)
    with pytest.raises(ValueError, match="all above 0"):
        CategoricalTable(torch.tensor([1.0, 0.0])).dirichlet()


class Weather(GenerativeModel):
    def __init__(self, move: CategoricalTable) -> None:
        super().__init__()
        self.move = move

    def initial(self) -> Tensor:
        return pyro.sample("sky", dist.Categorical(torch.tensor([0.5, 0.5])))

    def transition(self, state: Tensor, action: None) -> Tensor:
        return pyro.sample("sky", self.move(state))

    def observe(self, state: Tensor) -> None:
        pyro.sample("seen", dist.Categorical(torch.eye(2)[state]))


def test_a_random_table_has_the_density_of_its_counts() -> None:
    counts = torch.tensor([[1.0, 2.0], [3.0, 0.5]])
    model = Weather(CategoricalTable(counts))
    model.move.probs = PyroSample(model.move.dirichlet())
    probs = torch.tensor([[0.3, 0.7], [0.9, 0.1]])
    sky = torch.tensor([0, 1, 1, 0])
    states = {f"sky_{t}": s for t, s in enumerate(sky)}
    conditioned = poutine.condition(model, data={"move.probs": probs, **states})
    trace = poutine.trace(conditioned).get_trace({"seen": sky}, None)
    log_prior = dist.Dirichlet(counts).log_prob(probs).sum()
    expected = log_prior + torch.tensor([0.5, 0.7, 0.1, 0.9]).log().sum()
    assert_close(trace.log_prob_sum(), expected, 1e-10)
    with pytest.raises(ValueError, match="PyroSample"):
        ExactFilter(model)


def test_random_tables_broadcast_over_particles() -> None:
    table = CategoricalTable(torch.ones(3, 2))
    table.probs = torch.rand(7, 1, 3, 2).softmax(-1)
    index = torch.randint(3, (7, 5))
    found = table(index)
    assert found.batch_shape == (7, 5)
    assert_close(found.probs[4, 2], table.probs[4, 0, index[4, 2]])


def test_counts_may_be_parameters() -> None:
    for counts in (torch.nn.Parameter(torch.ones(2)), PyroParam(torch.ones(2))):
        table = CategoricalTable(counts)
        table().log_prob(torch.tensor(0)).backward()
        assert [p.grad is not None for p in table.parameters()] == [True]


def test_arrays_and_tables_make_the_same_model() -> None:
    rng = np.random.default_rng(0)
    shapes = {"A": (4, 2, 3), "B0": (2, 2, 3), "B1": (3, 3, 1), "D": (2,), "E": (3,)}
    counts = {name: torch.as_tensor(rng.gamma(2.0, size=shape)) for name, shape in shapes.items()}
    arrays = {name: value / value.sum(0) for name, value in counts.items()}

    def made(parts: dict[str, object]) -> POMDP:
        moves = [parts["B0"], parts["B1"]]
        start = [parts["D"], torch.tensor([0.2, 0.3, 0.5])]
        return POMDP([parts["A"]], moves, [torch.arange(4.0)], start, parts["E"])

    plain = made(dict(arrays))
    counted = made({name: CategoricalTable.from_array(value) for name, value in counts.items()})
    assert plain.actions == counted.actions == gym.spaces.Discrete(3)
    for first, second in zip(
        plain.A + plain.B + plain.D, counted.A + counted.B + counted.D, strict=True
    ):
        assert_close(first, second)
    for kind in (ExactFilter, FactorizedFilter):
        one, other = kind(plain), kind(counted)
        for mine, theirs in zip(one.tables.all, other.tables.all, strict=True):
            assert_close(mine.log_probs, theirs.log_probs, 1e-12)
        assert_close(one.habit()["action"], other.habit()["action"], 1e-12)
    sources = [table.source is not None for table in ExactFilter(counted).tables.all]
    assert sources == [True, False, True, True, True]


def test_preferences_may_be_counted() -> None:
    wish = CategoricalTable(torch.tensor([1.0, 3.0]))
    model = POMDP([torch.eye(2)], [torch.eye(2)[..., None]], [wish])
    assert_close(model.C[0], torch.tensor([0.25, 0.75]).log())
    filter = ExactFilter(model)
    pragmatic = filter.expected_free_energy(filter.initial()).pragmatic
    assert_close(pragmatic, 0.5 * torch.tensor([0.25, 0.75]).log().sum(), 1e-12)


def test_several_controls_keep_their_rows_where_they_are_alike_now() -> None:
    """Alike in probability, but not the same rows: they may come to differ."""
    move = CategoricalTable(torch.ones(2, 2, 3, 2))
    model = POMDP(
        [torch.eye(2)],
        [move],
        B_action_dependencies=[[0, 1]],
    )
    (table,) = ExactFilter(model).tables.transition
    assert table.log_probs.shape == (2, 2, 3, 2)
    assert table.source is not None
    assert_close(table.source.rows, torch.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("parent", "text"),
    [
        (-1, "integers from 0 to 1"),
        (2, "integers from 0 to 1"),
        (0.7, "whole numbers"),
        (torch.tensor([0, 5]), "integers from 0 to 1"),
        (None, "`parents"),
        ("a", "`parents"),
    ],
)
def test_parents_are_values_that_there_are(parent: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CategoricalTable(torch.ones(2, 3, 4))(parent, 0)


def test_parents_may_be_mapped_over() -> None:
    table = CategoricalTable(torch.rand(2, 3) + 0.1)
    found = torch.vmap(lambda parent: table(parent).probs)(torch.tensor([1, 0]))
    torch.testing.assert_close(found, table.expected.flip(0))


@pytest.mark.parametrize("counts", ["x", None, torch.ones(2, dtype=torch.complex64)])
def test_counts_are_numbers(counts: object) -> None:
    with pytest.raises(ValueError, match="`counts`"):
        CategoricalTable(counts)
