"""A level and its ties to its neighbors, found by the names of sites."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .._checks import complain, one_batch
from ..compile import Site, finite_sites
from ..filters import Bank, BankBelief, ExactFilter, Filter, JointBelief, auto
from ..filters.bank_context import BankContext
from ..filters.context import Context
from ..filters.exact_context import ExactContext, Link
from ..filters.families import families
from .level import Level
from .wishing import WishLinks

AnyBelief = JointBelief | BankBelief


@dataclass(frozen=True)
class LevelState:
    """Where one level is: messages about its present step, and the belief that follows."""

    ticks: Tensor  # (*batch): own steps since it began, the present one included
    message: Any  # (*batch) of values set from above and states: all before the present step
    own: Tensor  # (*batch, states): log-likelihood of what it saw itself at this step
    below: Tensor  # (*batch, states): and of what levels below saw
    belief: AnyBelief
    down: Tensor  # (*batch, values set from above): log p(c) as predicted from above
    up: Tensor  # (*batch, values set from above): log p(o|c) of all since it began


@dataclass(frozen=True)
class Floor:
    """One level and its ties to its neighbors."""

    level: Level
    filter: Filter
    context: Context[Any, AnyBelief]  # what the level above sets; nothing for the topmost
    link: Link | None  # what it sets below; None for the lowest
    wishes: WishLinks | None  # what the level above wishes; None for the topmost

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
        """log p(c) for the level below, without what that has to say of the present step."""
        known = self.context.see(state.message, state.own)
        found = self.context.belief(known, down, state.belief.step)
        if self.link is None or not isinstance(found, JointBelief):
            raise TypeError(complain("levels", "a discrete level above another one", repr(found)))
        return self.link.down(found)


def floors_of(levels: Sequence[Level]) -> list[Floor]:
    """The levels, lowest first, with what they share by name.

    Raises:
        ValueError: where two neighbors share no site, or a level has a filter of the wrong kind.
    """
    upper = [_discrete(i, x.filter or ExactFilter(x.model)) for i, x in enumerate(levels[1:], 2)]
    filters = [_lowest(levels[0], upper[0].observation_sites), *upper]
    pairs = list(zip(filters, upper, strict=False))
    names = [_shared(i, low, high) for i, (low, high) in enumerate(pairs, 1)]
    links = [None, *(Link(high, below) for high, below in zip(upper, names, strict=True))]
    contexts = [_context(f, above) for f, above in zip(filters, [*names, ()], strict=True)]
    wishes = [*(WishLinks.between(low, high) for low, high in pairs), None]
    return [Floor(*parts) for parts in zip(levels, filters, contexts, links, wishes, strict=True)]


def _lowest(level: Level, shown: Collection[str]) -> Filter:
    """The filter of the lowest level; with real sites, one for each value of what is set."""
    if level.filter is not None:
        return level.filter
    kinds = families(level.model)
    if not (kinds.gaussian or kinds.others):
        return ExactFilter(level.model)
    found = finite_sites(level.model)
    return Bank(level.model, [name for name in found if name in shown] or None, make=auto)


def _discrete(number: int, filter: Filter) -> ExactFilter:
    if not isinstance(filter, ExactFilter):
        expected = "an ExactFilter above the lowest level"
        raise ValueError(complain(f"levels[{number - 1}].filter", expected, repr(filter)))
    return filter


def _context(filter: Filter, names: Sequence[str]) -> Context[Any, AnyBelief]:
    if isinstance(filter, Bank):
        return BankContext(filter, names)
    if isinstance(filter, ExactFilter):
        return ExactContext(filter, names)
    raise _unsettable(filter)


def _first_sites(filter: Filter) -> tuple[Site, ...]:
    """Sites that a level above may set."""
    if isinstance(filter, Bank):
        return filter.context
    if isinstance(filter, ExactFilter):
        return filter.tables.states
    raise _unsettable(filter)


def _unsettable(filter: Filter) -> ValueError:
    expected = "an ExactFilter, or a Bank of other filters for a level of real sites"
    way_out = "For example filter=Bank(model), or Bank(model, make=ParticleFilter)."
    return ValueError(complain("levels[0].filter", expected, type(filter).__name__, way_out))


def _shared(number: int, low: Filter, high: ExactFilter) -> tuple[str, ...]:
    """Sites that link level ``number`` with the one above, in the order of the program below.

    Raises:
        ValueError: where there is none, or their supports differ.
    """
    shown = {site.name: site for site in high.tables.outcomes}
    settable = _first_sites(low)
    found = [site for site in settable if site.name in shown]
    if not found:
        raise ValueError(
            complain(
                f"levels[{number}]",
                "an observation site with the name of an initial-state site of the level below, "
                f"one of {[site.name for site in settable]}",
                list(shown),
                "Rename a site, so that the two levels meet.",
            )
        )
    for site in found:
        other = shown[site.name]
        if site.support.shape != other.support.shape or bool((site.support != other.support).any()):
            raise ValueError(
                complain(
                    f"site '{site.name}' of levels[{number}]",
                    f"the {site.size} values that it has at the level below",
                    f"{other.size} values",
                )
            )
    return tuple(site.name for site in found)
