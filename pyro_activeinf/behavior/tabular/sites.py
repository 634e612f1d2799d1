"""What was recorded, as positions in the supports of observation sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..._checks import complain
from ...compile import Site

Seen = dict[str, Tensor]  # site: position of what was seen, -1 where nothing was


@dataclass(frozen=True)
class Sites:
    """The observation sites of a program, those that depend on each other in groups."""

    groups: tuple[tuple[Site, ...], ...]

    @property
    def all(self) -> dict[str, Site]:
        """Every site by its name."""
        return {site.name: site for group in self.groups for site in group}

    def positions(self, kind: str, observation: Mapping[str, Tensor]) -> Seen:
        """Positions of values, ``(*any)`` each; -1 where missing.

        Raises:
            ValueError: for an unknown site, or a value outside of its support.
        """
        known = self.all
        unknown = [name for name in observation if name not in known]
        if unknown:
            expected = f"observation sites of the agent's model, {list(known)}"
            way_out = "Leave them out of the choices, or let the model observe them."
            raise ValueError(complain(kind, expected, unknown, way_out))
        return {name: known[name].index(value) for name, value in observation.items()}


def joint(group: Sequence[Site], seen: Mapping[str, Tensor]) -> Tensor:
    """Position of the joint values of a group of sites; of each, missing comes last."""
    found = torch.zeros((), dtype=torch.long)
    for site in group:
        value = seen.get(site.name, torch.tensor(-1))
        found = found * (site.size + 1) + torch.where(value < 0, site.size, value)
    return found


def joined(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> Seen:
    """What was seen at one time step: where a site was recorded twice, the first one counts."""
    found = dict(first)
    for name, value in second.items():
        before = found.get(name)
        found[name] = value if before is None else torch.where(before < 0, value, before)
    return found
