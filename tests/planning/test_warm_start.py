"""A solution is handed on to the next time step, and to nobody else."""

from dataclasses import replace

import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.models import TMaze
from pyro_activeinf.planning.warm_start import WarmStart, one_step_on


def test_is_given_out_at_the_step_that_follows() -> None:
    filter, start = ExactFilter(TMaze()), WarmStart[str]()
    belief = filter.initial((2,))
    start.keep(filter, replace(belief, step=3), "found")
    assert start.follow(filter, replace(belief, step=4)) == "found"
    assert start.follow(filter, replace(belief, step=3)) is None
    assert start.follow(filter, replace(belief, step=5)) is None
    assert start.follow(filter, replace(filter.initial((3,)), step=4)) is None
    assert start.follow(ExactFilter(TMaze()), replace(belief, step=4)) is None


def test_nothing_is_kept_of_a_filter_that_is_gone() -> None:
    filter, start = ExactFilter(TMaze()), WarmStart[str]()
    start.keep(filter, filter.initial(), "found")
    del filter
    assert not start._kept


def test_the_last_step_stays() -> None:
    steps = torch.arange(12.0).reshape(2, 3, 2)
    assert one_step_on(steps, 1)[0].tolist() == [[2.0, 3.0], [4.0, 5.0], [4.0, 5.0]]
    assert torch.equal(one_step_on(steps[:, :1], 1), steps[:, :1])
