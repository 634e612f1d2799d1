"""A level and its ties to its neighbors, found by the names of sites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .._checks import complain, one_batch
from ..compile import finite_sites
from ..filters import Bank, ExactFilter, Filter, auto
from ..filters.context import Context, Link, Port
from ..filters.faces import context_of, linked, settable, shown
from ..filters.families import families
from ..records import Belief
from .level import Level
from .reporting import Reporting, reportings
from .wishing import WishLinks


@dataclass(frozen=True)
class LevelState:
    """Where one level is: messages about its present step, and the belief that follows.

    Likelihoods are as the level's :class:`~pyro_activeinf.filters.context.Context` has them.
    """

    ticks: Tensor  # (*batch): own steps since it began, the present one included
    message: Any  # (*batch) of values set from above and states: all before the present step
    own: Tensor  # (*batch, numbers): log-likelihood of what it saw itself at this step
    below: Tensor  # (*batch, numbers): and of what levels below saw
    belief: Belief
    down: Tensor  # (*batch, values set from above): log p(c) as predicted from above
    up: Tensor  # (*batch, values set from above): log p(o|c) of all since it began


@dataclass(frozen=True)
class Floor:
    """One level and its ties to its neighbors."""

    level: Level
    filter: Filter
    context: Context[Any, Any]  # what the level above sets; nothing for the topmost
    link: Link | None  # what it sets below; None for the lowest
    wishes: WishLinks | None  # what the level above wishes; None for the topmost
    reporting: Reporting  # what its policies are scored with

    def looked(
        self, state: LevelState, observation: Mapping[str, Any]
    ) -> tuple[LevelState, dict[str, Tensor]]:
        """The state after an observation, and log-likelihoods of each site."""
        message, own, each = self.context.look(state.message, observation)
        shapes = {name: values.shape[:-1] for name, values in each.items()}
        with one_batch(belief=state.own.shape[:-1], **shapes):
            return replace(state, message=message, own=state.own + own), each

    def seen(self, state: LevelState) -> Any:
        """The message with all that is known of the present step."""
        return self.context.see(state.message, state.own + state.below)

    def predicted_below(self, state: LevelState, down: Tensor) -> Tensor:
        """The prior for the level below, without what that has to say of the present step."""
        if self.link is None:
            raise ValueError(complain("levels", "a level above another one", "the lowest"))
        known = self.context.see(state.message, state.own)
        return self.link.down(self.context.belief(known, down, state.belief.step))


def floors_of(levels: Sequence[Level]) -> list[Floor]:
    """The levels, lowest first, with what they share by name.

    Raises:
        ValueError: where two neighbors share no site, or a filter cannot be where it is.
    """
    upper = [_upper(level) for level in levels[1:]]
    filters = [_lowest(levels[0], _showing(1, upper[0])), *upper]
    pairs = list(zip(filters, upper, strict=False))
    names = [_shared(i, low, high) for i, (low, high) in enumerate(pairs, 1)]
    faces = zip(filters, [*names, ()], [(), *names], strict=True)
    contexts = [context_of(filter, above, below) for filter, above, below in faces]
    each = zip(upper, names, contexts, strict=False)
    links = [None, *(linked(high, below, context) for high, below, context in each)]
    asked = enumerate(zip(levels, pairs, strict=False), 1)
    wishes = [*(WishLinks.between(i, level, *pair) for i, (level, pair) in asked), None]
    scored = reportings(levels, filters, contexts)
    parts = zip(levels, filters, contexts, links, wishes, scored, strict=True)
    return [Floor(*each) for each in parts]


def _upper(level: Level) -> Filter:
    """The filter of a level above the lowest: exact for discrete sites, else what suits them."""
    if level.filter is not None:
        return level.filter
    kinds = families(level.model)
    return auto(level.model) if kinds.gaussian or kinds.others else ExactFilter(level.model)


def _lowest(level: Level, above: Collection[Port]) -> Filter:
    """The filter of the lowest level; with real sites, one for each value of what is set."""
    if level.filter is not None:
        return level.filter
    kinds = families(level.model)
    if not (kinds.gaussian or kinds.others):
        return ExactFilter(level.model)
    finite = finite_sites(level.model)
    names = [name for name in finite if name in {port.name for port in above if port.site}]
    return Bank(level.model, names, make=auto) if names else auto(level.model)


def _showing(number: int, filter: Filter) -> Collection[Port]:
    """What a level above another one shows.

    Raises:
        ValueError: for a filter that cannot be there.
    """
    found = shown(filter).values()
    if not found:
        raise ValueError(
            complain(
                f"levels[{number}].filter",
                "an exact, factorized, hidden Markov or particle filter, or a linear Gaussian one, "
                "above another level",
                repr(filter),
                "A Bank, whose sites stay, can be the lowest level alone.",
            )
        )
    return found


def _shared(number: int, low: Filter, high: Filter) -> tuple[str, ...]:
    """Sites that link level ``number`` with the one above, in the order of the program below.

    Raises:
        ValueError: where there is none, or they do not stand for the same values.
    """
    above = {port.name: port for port in _showing(number, high)}
    ports = settable(low)
    found = [port for name, port in ports.items() if name in above]
    if not ports:
        raise _unsettable(number - 1, low)
    if not found:
        raise ValueError(
            complain(
                f"levels[{number}]",
                "an observation site with the name of an initial-state site of the level below, "
                f"one of {list(ports)}",
                list(above),
                "Rename a site, so that the two levels meet.",
            )
        )
    for port in found:
        _require_fit(number, port, above[port.name])
    if len({port.site is None for port in found}) > 1:
        expected, got = "linked sites that are all discrete, or all real", [p.name for p in found]
        raise ValueError(complain(f"levels[{number}]", expected, got, "Rename some of them."))
    return tuple(port.name for port in found)


def _require_fit(number: int, below: Port, above: Port) -> None:
    if not above.fits(below):
        expected = f"the {below} that it has at the level below"
        raise ValueError(complain(f"site '{below.name}' of levels[{number}]", expected, str(above)))


def _unsettable(position: int, filter: Filter) -> ValueError:
    expected = (
        "a filter whose first state can be set from above: an exact, factorized, hidden Markov or "
        "particle filter with a discrete state site, a linear Gaussian one, or a Bank"
    )
    way_out = "For example filter=Bank(model), or Bank(model, make=ParticleFilter)."
    return ValueError(complain(f"levels[{position}].filter", expected, repr(filter), way_out))
