"""Where the boxes of a plan stand, and how they and the lines between them are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from ._belief_cards import CERTAIN, Card
from ._canvas import BLUE
from ._diagram import (
    LINE,
    PAD,
    Box,
    draw_box,
    draw_edge,
    label_positions,
    text_width,
    write,
)
from ._layers import ordered, placed
from ._plan_graph import Choice, PlanGraph

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

GRAY = "0.55"
APART = 0.1  # inches between boxes of a column
NAMED = 3  # actions that share a box, or sites in the legend


class PlanLayout:
    """The boxes of beliefs and choices, layer by layer.

    Args:
        graph: the plan.
        cards: of each belief, by its node.
        actions: what they are called.
    """

    def __init__(self, graph: PlanGraph, cards: Mapping[int, Card], actions: Sequence[str]) -> None:
        self.graph, self.cards = graph, cards
        self.texts = [[_text(choice, actions) for choice in layer] for layer in graph.choices]
        self.boxes = self._boxes()

    def _boxes(self) -> list[list[Box]]:
        links = self.graph.links
        sizes = list(self._sizes())
        ys = placed(ordered(self.graph.sizes, links), links, [h + APART for _, h in sizes])
        top = min(float(y.min()) - height / 2 for y, (_, height) in zip(ys, sizes, strict=True))
        gaps = [PAD, *(self._gap(layer) for layer in range(1, len(sizes)))]
        found, right = [], 0.0
        for y, (width, height), gap in zip(ys, sizes, gaps, strict=True):
            right += gap + width
            found.append([Box(right - width / 2, PAD - top + float(v), width, height) for v in y])
        return found

    def _sizes(self) -> Iterator[tuple[float, float]]:
        """Width and height of the boxes of each layer."""
        for beliefs, texts in zip_longest(self.graph.beliefs, self.texts):
            shown = [self.cards[node] for node in beliefs]
            yield max(card.width for card in shown), max(card.height for card in shown)
            if texts is not None:
                lines = max(text.count("\n") + 1 for text in texts)
                yield text_width(texts) + 2 * PAD, lines * LINE + PAD

    def _gap(self, layer: int) -> float:
        """Inches before a layer: more where there are many labels."""
        if layer % 2:
            return 0.2
        return min(1.2, 0.45 + 0.05 * len(self.graph.outcomes[layer // 2 - 1]))

    @property
    def size(self) -> tuple[float, float]:
        """Inches that the drawing takes."""
        boxes = list(chain(*self.boxes))
        return max(b.right[0] for b in boxes) + PAD, max(b.y + b.height / 2 for b in boxes) + PAD

    def draw(self, axes: Axes) -> None:
        """Draw edges, then boxes, then what is written on edges."""
        for layer in range(len(self.graph.choices)):
            self._draw_choices(axes, layer)
            self._draw_outcomes(axes, layer)
        for beliefs, boxes in zip(self.graph.beliefs, self.boxes[::2], strict=True):
            for node, box in zip(beliefs, boxes, strict=True):
                self.cards[node].draw(axes, box)

    def _draw_choices(self, axes: Axes, layer: int) -> None:
        choices, boxes = self.graph.choices[layer], self.boxes[2 * layer + 1]
        for choice, box, text in zip(choices, boxes, self.texts[layer], strict=True):
            start = self.boxes[2 * layer][choice.belief].right
            draw_edge(axes, start, box.left, color=BLUE, linewidth=_thickness(choice.prob))
            draw_box(axes, box, edgecolor=BLUE, facecolor="#E3EFF7")
            write(axes, box.x, box.y, text)

    def _draw_outcomes(self, axes: Axes, layer: int) -> None:
        outcomes = self.graph.outcomes[layer]
        starts, ends = self.boxes[2 * layer + 1], self.boxes[2 * layer + 2]
        lines = [(starts[o.choice].right, ends[o.belief].left) for o in outcomes]
        for outcome, line in zip(outcomes, lines, strict=True):
            draw_edge(axes, *line, color=GRAY, linewidth=_thickness(outcome.prob))
        texts = [f"{o.prob:.2f}" for o in outcomes]
        places = label_positions(lines, text_width(texts) if texts else 0.0)
        for outcome, text, place in zip(outcomes, texts, places, strict=True):
            if outcome.prob <= CERTAIN:
                back = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
                write(axes, place.x, place.y, text, bbox=back)


def _thickness(prob: float) -> float:
    """Points: never too thin to see."""
    return 0.7 + 3.3 * prob


def _text(choice: Choice, actions: Sequence[str]) -> str:
    """What is written on a choice: its actions, q(u|b) where others are likely too, and G."""
    every = len(choice.actions) == len(actions) > 1
    some = " or ".join(actions[u] for u in choice.actions)
    names = some if len(choice.actions) <= NAMED else f"any of {len(choice.actions)}"
    share = [] if choice.prob > CERTAIN else [f"q = {choice.prob:.2f}"]
    score = f"G = {round(choice.score, 2) + 0.0:.2f}"  # no negative zero
    lines = ["any action" if every else names, *share, score.replace("-", "\N{MINUS SIGN}")]
    return "\n".join(lines)


def legend(sites: Sequence[str]) -> list[Artist]:
    """Handles for beliefs, actions and outcomes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = [f"q({site})" for site in sites]
    beliefs = ", ".join(names) if len(names) <= NAMED else f"{names[0]} to {names[-1]}"
    return [
        Patch(facecolor="white", edgecolor="black", label=f"belief: {beliefs}"),
        Line2D([], [], color=BLUE, linewidth=3.0, label="action: q(u|b), G in nats"),
        Line2D([], [], color=GRAY, linewidth=2.0, label="outcome: its probability"),
    ]
