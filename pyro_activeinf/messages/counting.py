"""Lists of counts that have no end: windows, which grow for as long as what is beyond matters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

from torch import Tensor

from ..conjugacy import ApproximateMessageWarning, Beliefs, Listed, Program, gathered
from ..conjugacy.lists import NEGLIGIBLE, wider
from .graph import FactorGraph


def widened(graph: FactorGraph, beliefs: Beliefs, ended: set[str]) -> Beliefs | None:
    r"""Beliefs in a graph whose lists are longer; None where what is beyond the ends is negligible.

    A window is tried at three times its size: where the belief that its messages add up to there
    has less than :data:`~pyro_activeinf.conjugacy.lists.NEGLIGIBLE` beyond the ends, it stays as
    it is. F is the same before and after, but for :math:`10^{-20}`.

    Args:
        graph: that is changed in place.
        beliefs: that have settled.
        ended: names of lists that are long enough, which is added to.
    """
    if graph.program is None:
        return None
    windows = {name: f for name, f in graph.program.windows.items() if name not in ended}
    longer = {name: f for name in windows if (f := wider(windows[name])).dim > windows[name].dim}
    _tell({name: beliefs.natural[name] for name in windows if name not in longer})
    if not longer:
        ended |= windows.keys()
        return None
    carried = {
        name: windows[name].carried(beliefs.natural[name], family)
        for name, family in longer.items()
    }
    program = graph.program.with_lists(longer)
    found = Beliefs.of(program.variables, {**beliefs.natural, **carried})
    grown = {n: f for n, f in longer.items() if _matters(program, found, n, windows[n], f)}
    ended |= windows.keys() - grown.keys()
    if not grown:
        return None
    graph.take(program if len(grown) == len(longer) else graph.program.with_lists(grown))
    return Beliefs.of(
        graph.variables, {**beliefs.natural, **{name: carried[name] for name in grown}}
    )


def _matters(
    program: Program, beliefs: Beliefs, name: str, shorter: Listed, longer: Listed
) -> bool:
    """Whether values that are new have a probability, or what is known is impossible without."""
    around = [factor for factor in program.factors if name in factor.variables]
    toward = gathered(around, program.variables[name], beliefs.means)
    new = ~shorter.statistics(longer.values).sum(-1).bool()
    if bool((toward.softmax(-1)[..., new].sum(-1) > NEGLIGIBLE).any()):
        return True
    return any(bool(factor.impossible(beliefs.means) > 0.5) for factor in around)


def _tell(beliefs: Mapping[str, Tensor]) -> None:
    """Say which lists are as long as they may be, and too short."""
    for name, natural in beliefs.items():
        ends = natural.softmax(-1)[..., [0, -1]]
        if bool((ends > math.sqrt(NEGLIGIBLE)).any()):
            text = f"The belief about {name} goes on beyond the {natural.shape[-1]} values kept."
            warnings.warn(text, ApproximateMessageWarning, stacklevel=5)
