import torch

from pyro_activeinf.compile import CountedCategorical, compile_program, habit_tables
from tests.learning.counted import SHAPES, Learned
from tests.oracles import assert_close


def test_compiled_tables_know_their_rows() -> None:
    model = Learned()
    tables = compile_program(model)
    for table in (*tables.all, *habit_tables(model, tables.controls)):
        source = table.source
        assert source is not None
        assert source.rows.shape == table.log_probs.shape[:-1]
        mean = source.counts / source.counts.sum(-1, keepdim=True)
        assert_close(table.log_probs.exp(), mean, 1e-12)
    owners = {t.variable.name: t.source.owner for t in tables.observe if t.source}
    assert owners["first"] is owners["third"] is model.look
    assert sum(name in {"habit_table", "wish"} for name in SHAPES) == 2


def test_an_index_may_be_any_function_of_the_variables() -> None:
    tables = compile_program(Learned())
    drift = next(t for t in tables.transition if t.variable.name == "b")
    assert [v.name for v in drift.parents] == ["b", "action_0", "a"]
    assert drift.source is not None
    rows = drift.source.rows  # of (a, b or 2 - b)
    assert rows[0, 0, 1] == 3
    assert rows[0, 1, 1] == 5


def test_what_is_made_of_a_row_is_no_longer_one() -> None:
    found = CountedCategorical(torch.tensor([0.25, 0.75]), Learned().look, torch.tensor(0))
    assert found.expand((3,)).rows.tolist() == [0, 0, 0]
    assert found.sample((4,)).shape == (4,)
