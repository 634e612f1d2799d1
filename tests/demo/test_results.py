"""Results as a table and as JSON."""

from __future__ import annotations

import json

from pyro_activeinf.demo.proportion import Proportion
from pyro_activeinf.demo.results import Results, Row

ROWS = (
    Row("maze", "seeker", "rewarded", Proportion(4, 4)),
    Row("lake", "walker", "goal reached", Proportion(1, 2)),
)
TABLE = """\
world  agent           measure       rate    95 % interval    trials
maze   seeker          rewarded      100.0%  51.0% to 100.0%  4
lake   walker          goal reached  50.0%   9.5% to 90.5%    2
lake   optimal policy  goal reached  74.4%   computed"""


def test_the_table_has_a_line_for_each_row_and_the_optimum_last() -> None:
    assert Results(0, ROWS, 0.744).table() == TABLE


def test_json_holds_every_number_unrounded() -> None:
    found = json.loads(Results(7, ROWS, 0.744).to_json())
    assert (found["seed"], found["optimum"], len(found["rows"])) == (7, 0.744, 2)
    assert found["rows"][1] == {
        "world": "lake",
        "agent": "walker",
        "measure": "goal reached",
        "successes": 1,
        "trials": 2,
        "rate": 0.5,
        "interval_95": list(Proportion(1, 2).interval()),
    }
