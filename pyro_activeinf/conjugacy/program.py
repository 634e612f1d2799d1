"""A Pyro program as variables and factors."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._checks import complain, known_names, strings
from .approximation import ApproximateMessageWarning, Approximation, Sampled
from .factor import Variable
from .listed import Listed
from .of_site import Latent, can_be_joint, is_normal, latent_of
from .reading import Reading
from .series import Series, grouped, series_in
from .site_factor import SiteFactor, factor_of
from .tables import Inseparable


@dataclass(frozen=True)
class Program:
    """The latent sites of a program, and a factor for each site."""

    reading: Reading
    latents: Mapping[str, Latent]
    chains: Mapping[str, Series]
    factors: tuple[SiteFactor, ...]
    approximation: Approximation
    plan: Plan

    @property
    def subsampled(self) -> bool:
        """Whether some plate has other rows when the program is run again."""
        return self.reading.subsampled

    @property
    def variables(self) -> dict[str, Variable]:
        """Latent sites as variables; those of a chain are one, with the stem of their names."""
        chains = {name: chain.variable for name, chain in self.chains.items()}
        return {name: latent.variable for name, latent in self.latents.items()} | chains

    @classmethod
    def read(
        cls,
        model: Callable[..., Any],
        args: tuple[Any, ...],
        approximation: Approximation | None = None,
        joint: Collection[str] = (),
        apart: Collection[str] = (),
        quiet: bool = False,
        lists: Mapping[str, Listed] | None = None,
    ) -> Program:
        r"""Read a program, by Pyro's dependency inspection and by running it.

        Each site gives a factor. Its log-density is interpolated in the statistics of each of its
        variables, so that it is a function of mean coordinates; where it is not linear, it is
        approximated, and a warning says so. A discrete variable may choose among the elements of
        a plate, as in ``means[choice]``. Numbers that are added up, as in ``x @ weights``, are
        one Gaussian vector, with a covariance. Sites ``z_0``, ``z_1``, .., each of which depends on
        the one before, are one chain ``z``, which is kept joint.

        Args:
            model: a Pyro program, conditioned on what is observed. It broadcasts, or is
                run for each combination of values.
            args: that it is called with.
            approximation: :class:`Sampled` or :class:`Laplace`.
            joint: Gaussian sites that are one vector, in addition.
            apart: stems of sites over time that are no chain.
            quiet: no warnings.
            lists: values of discrete sites, where these are known.

        Counts are beliefs about a list of values, see :class:`~.listed.Listed`.

        What the program looks at in Python, as in ``if choice:`` or ``means[int(choice)]``, all
        that comes after may depend on; which sites there are may not.

        Raises:
            ValueError: for discrete latent sites whose values cannot be listed, sites that are
                there only sometimes, or names of no site that may be joint, or apart.
            TypeError: for a program, an approximation or names that are none.

        Reference: Winn and Bishop (2005), "Variational message passing", JMLR 6.
        """
        _require_options(model, approximation, joint=joint, apart=apart)
        reading = Reading(model, args)
        _require_known(reading, joint, apart)
        plan = Plan(set(joint), set(apart), defaultdict(set), lists or {})
        found = cls._planned(reading, approximation or Sampled(), plan)
        if not quiet:
            _tell(found.factors)
        return found

    @classmethod
    def _planned(cls, reading: Reading, approximation: Approximation, plan: Plan) -> Program:
        while True:
            chains = series_in(reading.sites, plan.apart)
            latents = _latents(reading, chains, plan)
            found = _factors(reading, chains, latents, approximation, plan)
            if found is not None:
                return cls(reading, latents, chains, found, approximation, plan)

    @property
    def windows(self) -> dict[str, Listed]:
        """The lists of values that are not whole."""
        families = {name: latent.variable.family for name, latent in self.latents.items()}
        return {n: f for n, f in families.items() if isinstance(f, Listed) and f.open}

    def with_lists(self, lists: Mapping[str, Listed]) -> Program:
        """The same with other lists of values of some sites."""
        plan = replace(self.plan, lists={**self.plan.lists, **lists})
        return self._planned(self.reading, self.approximation, plan)

    def renewed(self) -> Program:
        """The same with other noise where messages are sampled."""
        return replace(self, factors=tuple(factor.renewed() for factor in self.factors))


def _require_options(model: Any, approximation: Any, **names: Any) -> None:
    if not callable(model):
        raise TypeError(complain("model", "a Pyro program", repr(model)))
    if not isinstance(approximation, Approximation | None):
        raise TypeError(complain("approximation", "Sampled() or Laplace()", repr(approximation)))
    for argument, value in names.items():
        strings(argument, value)


def _require_known(reading: Reading, joint: Collection[str], apart: Collection[str]) -> None:
    gaussian = [site.name for site in reading.sites.values() if is_normal(site)]
    known_names("joint", joint, gaussian)
    known_names("apart", apart, list(series_in(reading.sites)))


@dataclass(frozen=True)
class Plan:
    """What has been found out about variables so far."""

    together: set[str]  # sites that are one vector
    apart: set[str]  # stems that are no chain
    bent: dict[str, set[str]]  # site -> variables that it is not linear in
    lists: Mapping[str, Listed]  # values of sites, where these are given


def _latents(reading: Reading, chains: Mapping[str, Series], plan: Plan) -> dict[str, Latent]:
    """Latent sites that are in no chain."""
    inner = {member.name for chain in chains.values() for member in chain.sites}
    return {
        name: latent_of(site, name in plan.together, plan.lists.get(name))
        for name, site in reading.sites.items()
        if not site.observed and name not in inner
    }


def _factors(
    reading: Reading,
    chains: Mapping[str, Series],
    latents: Mapping[str, Latent],
    approximation: Approximation,
    plan: Plan,
) -> tuple[SiteFactor, ...] | None:
    """A factor for each site; None where some variable has to be another one first."""
    found = []
    for site, involved in grouped(reading.sites, chains, latents):
        try:
            bent = tuple(plan.bent[site.name])
            found.append(factor_of(reading, site, involved, approximation, bent))
        except Inseparable as finding:
            name = finding.variable
            if name in chains:
                plan.apart.add(name)
            elif can_be_joint(reading.sites[name]) and name not in plan.together:
                plan.together.add(name)
            else:
                plan.bent[site.name].add(name)
            return None
    return tuple(found)


def _tell(factors: Sequence[SiteFactor]) -> None:
    for factor in factors:
        if factor.approximate:
            names = ", ".join(latent.name for latent in factor.bent)
            kind = type(factor.approximation).__name__
            text = f"The site {factor.name} has no conjugate messages to {names}: those are {kind}."
            warnings.warn(text, ApproximateMessageWarning, stacklevel=4)
