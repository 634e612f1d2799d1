"""A posterior over policies as bars: what each policy is worth, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..records import PolicyPosterior
from ._canvas import (
    ABOVE,
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    ROW,
    WIDTH,
    Array,
    Labels,
    array,
    given_axes,
    name_rows,
    new_figure,
)
from ._controls import action_labels, policy_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, dict[str, Any]] = {
    "pragmatic": {"color": BLUE, "hatch": ""},
    "epistemic": {"color": ORANGE, "hatch": "////"},
    "novelty": {"color": GREEN, "hatch": "...."},
}
PANELS = ("terms of -G", "q(pi)")


def posterior_bars(
    posterior: PolicyPosterior,
    n: int,
    labels: Labels,
    axes: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None,
) -> Figure:
    """Draw the ``n`` most probable policies: terms of -G(pi) as stacked bars, beside q(pi)."""
    named = action_labels(labels, posterior.action_probs.shape)
    order = posterior.probs.argsort(descending=True, stable=True)[:n]
    texts = policy_texts(posterior.policies[order], named)
    figure, (left, right) = _panels(len(order), axes, figsize)
    terms = {name: array(getattr(posterior.terms, name)[order]) for name in STYLES}
    _stack(left, {name: value for name, value in terms.items() if name != "novelty" or value.any()})
    _mark_total(left, -array(posterior.expected_free_energy[order]))
    name_rows(left, len(order), texts)
    left.set_xlabel(r"contribution to $-G(\pi)$ (nats)")
    left.set_ylabel(counted(len(order), len(posterior.probs)))
    total, *bars = left.get_legend_handles_labels()[0]
    left.legend(handles=[*bars, total], ncols=4, **ABOVE)
    right.barh(np.arange(len(order)), array(posterior.probs[order]), color="0.35")
    right.set_yticks(range(len(order)), [])
    right.set_ylim(left.get_ylim())
    right.set_xlim(left=0.0)
    right.set_xlabel(r"$q(\pi)$")
    return figure


def counted(shown: int, number: int) -> str:
    """The label of an axis of policies.

    Example:
        >>> counted(16, 16), counted(20, 64)
        ('policy', 'policy (20 of 64)')
    """
    return "policy" if shown == number else f"policy ({shown} of {number})"


def _panels(
    count: int, axes: Axes | Sequence[Axes] | None, figsize: tuple[float, float] | None
) -> tuple[Figure, list[Axes]]:
    if axes is not None:
        return given_axes(axes, PANELS)
    figure = new_figure(figsize or (WIDTH, ROW * max(count, 3) + 1.0))
    grid = figure.subplots(1, 2, gridspec_kw={"width_ratios": [3, 1]})
    return figure, list(grid)


def _stack(axes: Axes, terms: Mapping[str, Array]) -> None:
    """Stack positive terms to the right of 0 and negative ones to the left."""
    right = left = np.zeros(())
    for name, given in terms.items():
        values = np.where(np.isfinite(given), given, 0.0)
        rows = np.arange(len(values))
        start = np.where(values >= 0, right, left)
        axes.barh(rows, values, left=start, label=name, edgecolor="white", **STYLES[name])
        right, left = right + values.clip(min=0), left + values.clip(max=0)
    axes.axvline(0.0, color=BLACK, linewidth=0.8)
    axes.use_sticky_edges = False  # room for the diamonds at either end


def _mark_total(axes: Axes, values: Array) -> None:
    """A diamond at -G, or words where it is infinite."""
    finite = np.isfinite(values)
    rows = np.flatnonzero(finite)
    label = r"$-G(\pi)$"
    axes.plot(values[rows], rows, "D", color="white", markeredgecolor=BLACK, label=label)
    for row in np.flatnonzero(~finite):
        axes.annotate(r" $G = \infty$", (0.0, row), va="center", fontsize="small")
