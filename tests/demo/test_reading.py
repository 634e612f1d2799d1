"""Reading in the demonstration."""

import pyro

from pyro_activeinf import plots
from pyro_activeinf.demo import reading


def test_it_reads_and_its_levels_are_drawn() -> None:
    pyro.set_rng_seed(0)
    found = reading.play(3, progress=False)
    row = reading.row(found)
    assert (row.world, row.proportion.trials, row.proportion.successes) == ("Reading", 3, 3)
    figure = plots.hierarchy(found, labels=reading.LABELS)
    first = figure.axes[0].get_yticklabels()[0].get_text()
    assert first == "flee wait feed wait"


def test_a_page_is_left_when_its_word_is_known() -> None:
    agent = reading.agent()
    belief = agent.perceive({"picture": 0, "place": 0, "page": 0, "feedback": 0})
    assert not bool(reading.known(belief.levels[0]))
    belief = agent.perceive({"picture": 2, "place": 1}, action=0)  # a cat: "flee"
    assert bool(reading.known(belief.levels[0]))
