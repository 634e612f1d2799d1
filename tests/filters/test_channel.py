"""Reports of a level below, as a channel."""

import torch

from pyro_activeinf.filters import ExactFilter
from pyro_activeinf.filters.channel import Channel, merged
from pyro_activeinf.models import ReadingSentence, reading


def channel(probs: torch.Tensor, worth: torch.Tensor | None = None) -> Channel:
    return Channel(("word",), probs, torch.zeros(3) if worth is None else worth)


def test_reports_that_say_all_score_as_what_is_seen() -> None:
    filter = ExactFilter(ReadingSentence())
    through = filter.through(channel(torch.eye(3)))
    ahead = [each.look_ahead(filter.initial()) for each in (filter, through)]
    torch.testing.assert_close(ahead[0].values, ahead[1].values)


def test_reports_that_say_nothing_have_no_epistemic_value() -> None:
    filter = ExactFilter(ReadingSentence())
    through = filter.through(channel(torch.ones(3, 1)))
    found = through.look_ahead(filter.initial())
    turning = found.epistemic[:4]  # the page is known beforehand
    torch.testing.assert_close(turning, torch.zeros(4), atol=1e-6, rtol=0.0)


def test_worth_of_what_is_seen_below_is_pragmatic() -> None:
    filter, worth = ExactFilter(ReadingSentence()), torch.tensor([1.0, 0.0, -2.0])
    through = [filter.through(channel(torch.eye(3), each)) for each in (0 * worth, worth)]
    plain, liked = (each.look_ahead(filter.initial()).pragmatic for each in through)
    words = torch.tensor(reading.SENTENCES)  # of each sentence, on each page
    torch.testing.assert_close(liked[:4] - plain[:4], worth[words].mean(0))
    never = filter.through(channel(torch.eye(3), torch.tensor([0.0, 0.0, -torch.inf])))
    assert float(never.look_ahead(filter.initial()).pragmatic[2]) == -torch.inf


def test_courses_that_tell_the_same_are_one_report() -> None:
    log_joint = torch.tensor([[0.1, 0.2, 0.7, 0.0], [0.2, 0.4, 0.4, 0.0]]).log()
    found = merged(log_joint)
    assert found.shape == (2, 2)
    torch.testing.assert_close(found.sum(-1), torch.ones(2))
