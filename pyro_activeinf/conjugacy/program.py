"""A Pyro program as variables and factors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .approximation import ApproximateMessageWarning, Approximation, Sampled
from .factor import Variable
from .of_site import Latent, can_be_joint, latent_of
from .reading import Reading, Site
from .site_factor import SiteFactor, factor_of
from .tables import Inseparable


@dataclass(frozen=True)
class Program:
    """The latent sites of a program, and a factor for each site."""

    reading: Reading
    latents: Mapping[str, Latent]
    factors: tuple[SiteFactor, ...]

    @property
    def subsampled(self) -> bool:
        """Whether some plate has other rows when the program is run again."""
        return self.reading.subsampled

    @property
    def variables(self) -> dict[str, Variable]:
        """Latent sites as variables."""
        return {name: latent.variable for name, latent in self.latents.items()}

    @classmethod
    def read(
        cls,
        model: Callable[..., Any],
        args: tuple[Any, ...],
        approximation: Approximation | None = None,
        joint: Collection[str] = (),
        quiet: bool = False,
    ) -> Program:
        r"""Read a program, by Pyro's dependency inspection and by running it.

        Each site gives a factor. Its log-density is interpolated in the statistics of each of its
        variables, so that it is a function of mean coordinates; where it is not linear, it is
        approximated, and a warning says so. A discrete variable may choose among the elements of
        a plate, as in ``means[choice]``. Numbers that are added up, as in ``x @ weights``, are
        one Gaussian vector, with a covariance.

        Args:
            model: a Pyro program, conditioned on what is observed. It broadcasts, or is
                run for each combination of values.
            args: that it is called with.
            approximation: :class:`Sampled` or :class:`Laplace`.
            joint: Gaussian sites that are one vector, in addition.
            quiet: no warnings.

        Raises:
            ValueError: for discrete latent sites of other kinds than Categorical and Bernoulli.

        Reference: Winn and Bishop (2005), "Variational message passing", JMLR 6.
        """
        reading = Reading(model, args)
        together, curved = set(joint), dict[str, set[str]]()
        while True:
            latents = {
                name: latent_of(site, name in together)
                for name, site in reading.sites.items()
                if not site.observed
            }
            found = _factors(reading, latents, approximation or Sampled(), together, curved)
            if found is not None:
                break
        if not quiet:
            _tell(found)
        return cls(reading, latents, found)

    def renewed(self) -> Program:
        """The same with other noise where messages are sampled."""
        return replace(self, factors=tuple(factor.renewed() for factor in self.factors))


def _factors(
    reading: Reading,
    latents: Mapping[str, Latent],
    approximation: Approximation,
    together: set[str],
    curved: dict[str, set[str]],
) -> tuple[SiteFactor, ...] | None:
    """A factor for each site; None where some variable has to be another one first."""
    found = []
    for site in reading.sites.values():
        mine = _involved(site, latents)
        if not mine:
            continue
        bent = curved.setdefault(site.name, set())
        try:
            found.append(factor_of(reading, site, mine, approximation, tuple(bent)))
        except Inseparable as finding:
            if can_be_joint(reading.sites[finding.variable]):
                together.add(finding.variable)
            else:
                bent.add(finding.variable)
            return None
    return tuple(found)


def _involved(site: Site, latents: Mapping[str, Latent]) -> Sequence[Latent]:
    own = [] if site.observed else [latents[site.name]]
    return [*own, *(latents[name] for name in site.parents)]


def _tell(factors: Sequence[SiteFactor]) -> None:
    for factor in factors:
        if factor.approximate:
            names = ", ".join(latent.name for latent in factor.bent)
            kind = type(factor.approximation).__name__
            text = f"The site {factor.name} has no conjugate messages to {names}: those are {kind}."
            warnings.warn(text, ApproximateMessageWarning, stacklevel=4)
