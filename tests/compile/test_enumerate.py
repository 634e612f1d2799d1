"""Sites are enumerated, each on a dim of its own, with their exact log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy import stats
from torch import Tensor

from pyro_activeinf.compile import ProgramError, Role, Variable
from pyro_activeinf.compile.enumerate import (
    Enumerator,
    binomial_log_probs,
    check_normalized,
    exact_log_probs,
    finite_support,
    run,
    same_support,
)
from pyro_activeinf.compile.tables import Site

INF = math.inf
Made = Callable[[], Any]  # in the dtype of the tests, not that at import


def enumerated(program: Callable[[], Any], **options: Any) -> tuple[Enumerator, Any]:
    handler = Enumerator("initial", [], Role.STATE, **options)
    return handler, run(program, "initial", handler)


# Values and log-probabilities of single distributions


@pytest.mark.parametrize(
    ("fn", "support"),
    [
        (lambda: dist.Categorical(torch.ones(3) / 3), [0, 1, 2]),
        (lambda: dist.Categorical(torch.ones(1)), [0]),
        (lambda: dist.Bernoulli(torch.tensor([[0.2], [0.3]])), [0.0, 1.0]),
        (lambda: dist.Bernoulli(logits=torch.tensor(0.2)), [0.0, 1.0]),
        (lambda: dist.OneHotCategorical(torch.ones(4, 2) / 2), [[1.0, 0.0], [0.0, 1.0]]),
        (lambda: dist.Binomial(2, torch.tensor([0.2, 0.3])), [0.0, 1.0, 2.0]),
        (lambda: dist.Delta(torch.tensor([[3.0], [1.0], [3.0]])), [1.0, 3.0]),
    ],
)
def test_finite_support(fn: Made, support: list[Any]) -> None:
    assert finite_support(fn(), "site").tolist() == support


@pytest.mark.parametrize(
    "made",
    [
        lambda: dist.Normal(torch.zeros(2), 1.0),
        lambda: dist.Poisson(torch.tensor(3.0)),
        lambda: dist.Geometric(torch.tensor(0.5)),
        lambda: dist.Delta(torch.zeros(2), event_dim=1),
        lambda: dist.Bernoulli(torch.ones(2) / 2).to_event(1),
        lambda: dist.Binomial(torch.tensor([2.0, 3.0]), torch.tensor(0.5)),  # supports that differ
        lambda: dist.Dirichlet(torch.ones(3)),
    ],
)
def test_finite_support_is_asked_for(made: Made) -> None:
    fn = made()
    shapes = rf"{type(fn).__name__} with batch shape \({', '.join(map(str, fn.batch_shape))}.*"
    with pytest.raises(ProgramError, match=rf"`site 'x'`.*finite support.*got {shapes}"):
        finite_support(fn, "site 'x'")


@pytest.mark.parametrize(
    ("fn", "log_probs"),
    [
        (
            lambda: dist.Categorical(torch.tensor([0.0, 0.25, 0.75])),
            [-INF, math.log(0.25), math.log(0.75)],
        ),
        (lambda: dist.Categorical(torch.tensor([1e-300, 1.0])), [math.log(1e-300), 0.0]),
        (lambda: dist.Categorical(logits=torch.tensor([-INF, -800.0, 0.0])), [-INF, -800.0, 0.0]),
        (lambda: dist.OneHotCategorical(torch.tensor([0.0, 1.0])), [-INF, 0.0]),
        (lambda: dist.OneHotCategorical(logits=torch.tensor([-700.0, 0.0])), [-700.0, 0.0]),
        (lambda: dist.Bernoulli(torch.tensor(0.0)), [0.0, -INF]),
        (lambda: dist.Bernoulli(torch.tensor(1.0)), [-INF, 0.0]),
        (lambda: dist.Bernoulli(logits=torch.tensor(-800.0)), [0.0, -800.0]),
        (lambda: dist.Bernoulli(logits=torch.tensor(INF)), [-INF, 0.0]),
        (lambda: dist.Binomial(2, torch.tensor(0.0)), [0.0, -INF, -INF]),
        (lambda: dist.Binomial(2, torch.tensor(1.0)), [-INF, -INF, 0.0]),
        (lambda: dist.Binomial(0, torch.tensor(1.0)), [0.0]),
    ],
)
def test_exact_log_probs_know_no_clamp(fn: Made, log_probs: list[float]) -> None:
    found = exact_log_probs(fn())
    assert found is not None
    np.testing.assert_allclose(found.numpy(), log_probs, rtol=0, atol=1e-12)


def test_exact_log_probs_of_others_are_not_at_hand() -> None:
    assert exact_log_probs(dist.Delta(torch.tensor(1.0))) is None
    assert exact_log_probs(dist.Binomial(3, logits=torch.tensor(0.5))) is None
    assert exact_log_probs(dist.BetaBinomial(1.0, 2.0, total_count=3)) is None
    assert exact_log_probs(dist.Binomial(torch.tensor([2.0, 3.0]), torch.tensor(0.5))) is None


def test_binomial_log_probs() -> None:
    probs = torch.tensor([[0.0], [0.3], [1.0]])
    found = binomial_log_probs(torch.tensor([5.0]), probs)
    assert found is not None
    expected = [stats.binom.logpmf(np.arange(6), 5, p) for p in (0.0, 0.3, 1.0)]
    np.testing.assert_allclose(found.numpy(), np.array(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("where", [0.0, 0.4, 1.0])
def test_binomial_log_probs_have_finite_gradients(where: float) -> None:
    probs = torch.tensor([where], requires_grad=True)
    found = binomial_log_probs(torch.tensor(2.0), probs)
    assert found is not None
    (gradient,) = torch.autograd.grad(found[found > -INF].sum(), probs)
    slopes = {0.0: -2.0, 0.4: 3 / 0.4 - 3 / 0.6, 1.0: 2.0}
    assert gradient.item() == pytest.approx(slopes[where], abs=1e-12)


@pytest.mark.parametrize(
    "fn",
    [
        lambda: dist.Binomial(2, logits=torch.tensor(0.3)),
        lambda: dist.BetaBinomial(torch.tensor(1.5), torch.tensor(0.5), total_count=2),
    ],
)
def test_other_distributions_are_evaluated(fn: Made) -> None:
    handler, _ = enumerated(lambda: pyro.sample("n", fn()))
    expected = [float(fn().log_prob(torch.tensor(n))) for n in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(handler.tables[0].log_probs.numpy(), expected, rtol=0, atol=1e-12)


def test_check_normalized() -> None:
    check_normalized(torch.tensor([[0.0, -INF], [0.5, 0.5]]).softmax(-1).log(), "x")
    with pytest.raises(ProgramError, match=r"`x`.*sum to 1.*from 0.4 to 1"):
        check_normalized(torch.tensor([[0.2, 0.2], [0.5, 0.5]]).log(), "x")


def test_same_support() -> None:
    coin = Site("coin", torch.tensor([0.0, 1.0]))
    same_support(dist.Categorical(torch.ones(2) / 2), coin, "x", "initial")
    same_support(dist.Delta(torch.tensor(7.0)), coin, "x", "initial")  # it has to sum to 1 anyway
    for fn in (dist.Categorical(torch.ones(3) / 3), dist.OneHotCategorical(torch.ones(2) / 2)):
        with pytest.raises(ProgramError, match=r"`x`.*2 values \[0.0, 1.0\], as in initial"):
            same_support(fn, coin, "x", "initial")
    with pytest.raises(ProgramError, match="finite support"):
        same_support(dist.Normal(0.0, 1.0), coin, "x", "initial")


# Dims


def test_each_site_is_enumerated_on_a_dim_of_its_own() -> None:
    def program() -> tuple[Tensor, ...]:
        a = pyro.sample("a", dist.Categorical(torch.ones(3) / 3))
        b = pyro.sample("b", dist.OneHotCategorical(torch.ones(2) / 2))
        return a, b, pyro.sample("c", dist.Bernoulli(torch.full((3, 4), 0.5)[a, 0]))

    handler, (a, b, c) = enumerated(program)
    assert (a.shape, b.shape, c.shape) == ((3, 1), (2, 1, 1, 2), (2, 1, 1, 1))  # dim -1 stays free
    assert a.flatten().tolist() == [0, 1, 2]
    assert b.reshape(2, 2).tolist() == [[1, 0], [0, 1]]
    assert list(handler.sites) == ["a", "b", "c"]
    first, second, third = handler.tables
    assert (first.parents, second.parents) == ((), ())
    assert third.parents == (Variable(Role.STATE, "a"),)
    assert third.log_probs.shape == (3, 2)


def test_enumeration_goes_on_from_the_dims_before() -> None:
    start, state = enumerated(lambda: pyro.sample("a", dist.Categorical(torch.ones(3) / 3)))
    table = torch.rand(3, 2)
    look = Enumerator("observe", start.dims, Role.OUTCOME)
    run(lambda: pyro.sample("o", dist.Categorical(table[state])), "observe", look)
    assert look.tables[0].variable == Variable(Role.OUTCOME, "o")
    assert look.tables[0].parents == (Variable(Role.STATE, "a"),)
    expected = (table / table.sum(-1, keepdim=True)).log()
    torch.testing.assert_close(look.tables[0].log_probs, expected, rtol=0, atol=1e-12)


def test_parents_are_in_the_order_of_their_dims_whatever_the_order_of_use() -> None:
    table = torch.rand(4, 3, 2)

    def program() -> None:
        a = pyro.sample("a", dist.Categorical(torch.ones(3) / 3))
        b = pyro.sample("b", dist.Categorical(torch.ones(4) / 4))
        pyro.sample("c", dist.Categorical(table[b, a]))

    handler, _ = enumerated(program)
    assert [v.name for v in handler.tables[2].parents] == ["a", "b"]
    expected = (table / table.sum(-1, keepdim=True)).log().transpose(0, 1)
    torch.testing.assert_close(handler.tables[2].log_probs, expected, rtol=0, atol=1e-12)


def test_deterministic_statements_pass() -> None:
    def program() -> Tensor:
        a = pyro.sample("a", dist.Categorical(torch.ones(2) / 2))
        twice = pyro.deterministic("twice", 2 * a)
        return pyro.sample("b", dist.Categorical(torch.eye(3)[twice]))

    handler, _ = enumerated(program)
    assert list(handler.sites) == ["a", "b"]
    assert handler.tables[1].log_probs.exp().tolist() == [[1, 0, 0], [0, 0, 1]]


def test_preferences_need_not_be_normalized() -> None:
    program = lambda: pyro.sample("a", dist.Delta(torch.tensor(7)))  # noqa: E731
    known = ("observe", {"a": Site("a", torch.arange(2))})
    with pytest.raises(ProgramError, match=r"site 'a' of initial.*sum to 1"):
        enumerated(program, known=known)
    handler, _ = enumerated(program, known=known, normalized=False)
    assert handler.tables[0].log_probs.tolist() == [-INF, -INF]


# Programs that cannot be enumerated


def coin(name: str = "a") -> Tensor:
    return pyro.sample(name, dist.Categorical(torch.ones(2) / 2))


def branching() -> None:
    if coin():
        coin("b")


def to_int() -> None:
    coin("b" if int(coin()) else "c")


def stacked() -> None:
    p = torch.where(coin() == 0, 0.1, 0.6)
    pyro.sample("b", dist.Categorical(torch.stack([p, 1 - p])))  # not on the last dim


def not_indexed() -> None:
    coin()
    pyro.sample("b", dist.Categorical(torch.tensor([[0.1, 0.9], [0.2, 0.8]])))  # [a] forgotten


def fixed_shape() -> None:
    pyro.sample("b", dist.Categorical(torch.ones(2, 2)[coin().reshape(2)]))


def in_a_plate() -> None:
    with pyro.plate("rooms", 3):
        coin()


def in_a_sequential_plate() -> None:
    for i in pyro.plate("rooms", 2):
        coin(f"a{i}")


def observed() -> None:
    pyro.sample("a", dist.Bernoulli(torch.tensor(0.5)), obs=torch.tensor(1.0))


def twice() -> None:
    coin()
    coin()


def continuous() -> None:
    coin()
    pyro.sample("height", dist.Normal(torch.zeros(2)[coin("b")], 1.0))


def invalid() -> None:
    pyro.sample("a", dist.Categorical(torch.tensor([0.5, -0.5])))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (branching, r"`initial`.*Boolean value.*does not broadcast.*torch.where"),
        (to_int, r"`initial`.*does not broadcast.*`int\(\)`"),
        (stacked, r"`site 'b' of initial`.*broadcasts.*\{'a': 2\}.*batch shape \(2, 2\)"),
        (not_indexed, r"`site 'b' of initial`.*broadcasts.*\{'a': 2\}.*batch shape \(2,\)"),
        (fixed_shape, r"`site 'b' of initial`.*broadcasts.*\{'a': 2\}.*batch shape \(2,\)"),
        (in_a_plate, r"`plate 'rooms' of initial`.*outside of any plate"),
        (in_a_sequential_plate, r"`plate 'rooms' of initial`"),
        (observed, r"`site 'a' of initial`.*without obs=.*Sample it"),
        (twice, r"`site 'a' of initial`.*used once"),
        (
            continuous,
            r"site 'height' of initial.*finite support.*Normal with batch shape \(2, 1",
        ),
        (invalid, r"`initial`.*Expected parameter probs"),
    ],
)
def test_errors_tell_program_site_shape_and_way_out(
    program: Callable[[], Any], message: str
) -> None:
    with pytest.raises(ProgramError, match="(?s)" + message):
        enumerated(program)


@pytest.mark.parametrize("batch", [(4, 1, 1), (4, 1, 1, 1)])  # its own dim, and one beyond
def test_a_site_whose_batch_shape_is_its_own_affair_is_told(batch: tuple[int, ...]) -> None:
    def program() -> None:
        coin()
        pyro.sample("b", dist.Categorical(torch.ones(*batch, 2)))

    shown = str(batch).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ProgramError, match=f"site 'b' of initial.*broadcasts.*shape {shown}"):
        enumerated(program)


def test_an_error_of_another_kind_is_left_as_it_is() -> None:
    def program() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        enumerated(program)


def test_a_failed_run_leaves_no_handler_behind() -> None:
    with pytest.raises(ProgramError):
        enumerated(twice)
    assert pyro.sample("a", dist.Categorical(torch.ones(1))).shape == ()
    assert coin().dim() == 0
