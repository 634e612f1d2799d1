"""A belief as a small card: for each state site its bars and its most probable value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._canvas import Array
from ._diagram import LINE, PAD, Box, draw_box, text_width, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR = 0.09  # inches: a value of a site
MOST_BARS = 8  # values of a site; of more, only the most probable one is written
CERTAIN = 0.995  # written as a name alone


@dataclass(frozen=True)
class Card:
    """Marginals of one belief, a line for each site."""

    bars: tuple[Array | None, ...]  # (values,) each, where they are drawn
    texts: tuple[str, ...]

    @property
    def width(self) -> float:
        """Inches from the left to the right."""
        lines = zip(self.bars, self.texts, strict=True)
        return max(_room(probs) + text_width([text]) for probs, text in lines) + 2 * PAD

    @property
    def height(self) -> float:
        """Inches from the top to the bottom."""
        return (LINE + PAD) * len(self.texts) + PAD

    def draw(self, axes: Axes, box: Box) -> None:
        """Draw it in a box that may be larger."""
        draw_box(axes, box, rounding=PAD)
        left = box.left[0] + PAD
        for i, (probs, text) in enumerate(zip(self.bars, self.texts, strict=True)):
            y = box.y + (LINE + PAD) * (i - (len(self.texts) - 1) / 2)
            if probs is not None:
                _draw_bars(axes, left, y, probs)
            write(axes, left + _room(probs), y, text, ha="left")


def cards(marginals: Mapping[str, Array], names: Mapping[str, Sequence[str]]) -> list[Card]:
    """A card for each of some beliefs.

    Bars are drawn for sites of a few values that some of these beliefs are uncertain about.

    Args:
        marginals: site to probabilities ``(beliefs, values)``.
        names: of the values of some sites.
    """
    barred = {
        site
        for site, probs in marginals.items()
        if probs.shape[-1] <= MOST_BARS and probs.max(-1).min() <= CERTAIN
    }
    return [
        Card(
            tuple(probs[i] if site in barred else None for site, probs in marginals.items()),
            tuple(most_probable(probs[i], names.get(site)) for site, probs in marginals.items()),
        )
        for i in range(len(next(iter(marginals.values()))))
    ]


def _room(probs: Array | None) -> float:
    """Inches before the text of a line."""
    return 0.0 if probs is None else BAR * len(probs) + PAD


def _draw_bars(axes: Axes, left: float, y: float, probs: Array) -> None:
    """Bars on a line, before a shade as high as 1."""
    whole = Box(left + BAR * len(probs) / 2, y, BAR * len(probs), LINE)
    draw_box(axes, whole, facecolor="0.9", linewidth=0.0)
    heights = LINE * probs
    x = left + BAR * (np.arange(len(probs)) + 0.5)
    bottom = np.full(len(probs), y + LINE / 2)
    axes.bar(x, -heights, width=0.8 * BAR, bottom=bottom, color="0.15", zorder=3)


def most_probable(probs: Array, names: Sequence[str] | None = None) -> str:
    """Name a most probable value, with its probability.

    Example:
        >>> most_probable(np.array([0.1, 0.9]), ["left", "right"])
        'right 0.90'
        >>> most_probable(np.array([0.0, 1.0])), most_probable(np.array([0.5, 0.5]))
        ('1', '0.50 each')
    """
    top = float(probs.max())
    ties = np.flatnonzero(probs > top - 1e-6)
    if len(ties) > 1:
        return f"{top:.2f} each" if len(ties) == len(probs) else f"{top:.2f}, {len(ties)} times"
    name = names[ties[0]] if names else str(ties[0])
    return name if top > CERTAIN else f"{name} {top:.2f}"
