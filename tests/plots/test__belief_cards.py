"""Beliefs as small cards."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from pyro_activeinf.plots._belief_cards import Card, cards, most_probable
from pyro_activeinf.plots._diagram import Box

MARGINALS = {
    "tiger": np.array([[0.15, 0.85], [0.5, 0.5]]),
    "door": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "cell": np.eye(20)[[3, 4]] * 0.6 + 0.02,
}


@pytest.mark.parametrize(
    ("probs", "names", "text"),
    [
        ([0.15, 0.85], ["left", "right"], "right 0.85"),
        ([0.15, 0.85], None, "1 0.85"),
        ([0.0, 0.997, 0.003], ["a", "b", "c"], "b"),
        ([0.25] * 4, None, "0.25 each"),
        ([0.4, 0.4, 0.2], ["a", "b", "c"], "0.40, 2 times"),
    ],
)
def test_the_most_probable_value_is_named(
    probs: list[float], names: list[str] | None, text: str
) -> None:
    assert most_probable(np.array(probs), names) == text


def test_a_card_has_a_line_for_each_site() -> None:
    first, second = cards(MARGINALS, {"tiger": ["left", "right"], "door": ["shut", "one", "two"]})

    assert first.texts == ("right 0.85", "shut", "3 0.62")
    assert second.texts == ("0.50 each", "one", "4 0.62")


def test_bars_are_for_sites_of_few_values_that_are_uncertain_somewhere() -> None:
    for card, row in zip(cards(MARGINALS, {}), (0, 1), strict=True):
        tiger, door, cell = card.bars
        np.testing.assert_array_equal(tiger, MARGINALS["tiger"][row])
        assert door is None
        assert cell is None


def test_bars_are_as_high_as_their_probability() -> None:
    axes = Figure().subplots()
    card = cards({"tiger": MARGINALS["tiger"]}, {})[0]
    card.draw(axes, Box(1.0, 1.0, card.width, card.height))

    (bars,) = axes.containers
    heights = [-bar.get_height() for bar in bars]
    np.testing.assert_allclose(np.array(heights) / sum(heights), [0.15, 0.85])
    bottoms = {round(bar.get_y(), 9) for bar in bars}
    assert len(bottoms) == 1
    assert [text.get_text() for text in axes.texts] == ["1 0.85"]


def test_a_card_is_wide_enough_for_its_longest_line() -> None:
    short = Card((None,), ("a",))
    long = Card((None, np.array([0.5, 0.5])), ("a", "a longer name"))

    assert long.width > Card((None,), ("a longer name",)).width > short.width
    assert long.height > short.height
