"""Lists of counts that have no end: windows, which grow for as long as what is beyond matters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

from torch import Tensor

from .approximation import ApproximateMessageWarning
from .listed import Listed
from .lists import NEGLIGIBLE, wider
from .program import Program
from .rule import Beliefs, gathered


def widened(program: Program, beliefs: Beliefs, ended: set[str]) -> tuple[Program, Beliefs] | None:
    r"""A program with longer lists, and beliefs in it; None where what is beyond is negligible.

    A window is tried at three times its size: where the belief that its messages add up to there
    has less than :data:`~pyro_activeinf.conjugacy.lists.NEGLIGIBLE` beyond the ends, it stays as
    it is. F is the same before and after, but for :math:`10^{-20}`.

    Args:
        program: that was read.
        beliefs: about its variables.
        ended: names of lists that are long enough, which is added to.
    """
    windows = {name: f for name, f in program.windows.items() if name not in ended}
    longer = {name: f for name in windows if (f := wider(windows[name])).dim > windows[name].dim}
    _tell({name: beliefs.natural[name] for name in windows if name not in longer})
    ended |= windows.keys() - longer.keys()
    if not longer:
        return None
    carried = {
        name: windows[name].carried(beliefs.natural[name], family)
        for name, family in longer.items()
    }
    whole = program.with_lists(longer)
    found = Beliefs.of(whole.variables, {**beliefs.natural, **carried})
    grown = {n: f for n, f in longer.items() if _matters(whole, found, n, windows[n], f)}
    ended |= longer.keys() - grown.keys()
    if not grown:
        return None
    kept = whole if len(grown) == len(longer) else program.with_lists(grown)
    natural = {**beliefs.natural, **{name: carried[name] for name in grown}}
    return kept, Beliefs.of(kept.variables, natural)


def pressed(program: Program, beliefs: Beliefs) -> set[str]:
    """Names of lists that may be longer, whose beliefs are at an end that is open."""
    found = set()
    for name, family in program.windows.items():
        open_ends = [k for k, more in ((0, family.below), (-1, family.above)) if more > 0]
        at_end = bool((beliefs.means[name][..., open_ends] > NEGLIGIBLE).any())
        if at_end and wider(family).dim > family.dim:
            found.add(name)
    return found


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
