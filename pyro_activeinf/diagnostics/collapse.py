"""Which latent units a guide uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from pyro.infer import Trace_ELBO
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from .._checks import complain, nonnegative, positive_int
from ..free_energy import VariationalFreeEnergy
from .units import Location, location_of

Program = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class PosteriorCollapse:
    """What :func:`posterior_collapse` found.

    Attributes:
        variance: of each latent site, Var over the data of the posterior mean, ``(*units)``.
        complexity: of each latent site, its KL per data point, in nats.
        threshold: a unit with more variance is active.
    """

    variance: Mapping[str, Tensor]
    complexity: Mapping[str, float]
    threshold: float

    @property
    def active(self) -> Mapping[str, Tensor]:
        """Of each latent site, whether its units are active, ``(*units)``."""
        return {site: found > self.threshold for site, found in self.variance.items()}

    @property
    def active_units(self) -> int:
        """Number of active units of all sites."""
        return sum(int(found.sum()) for found in self.active.values())

    @property
    def units(self) -> int:
        """Number of units of all sites."""
        return sum(found.numel() for found in self.variance.values())

    @property
    def collapsed(self) -> tuple[str, ...]:
        """Sites none of whose units are active."""
        return tuple(site for site, found in self.active.items() if not found.any())

    @property
    def advice(self) -> str:
        """What to do."""
        if self.active_units == self.units:
            return "Every unit carries information about the data."
        if self.collapsed:
            return (
                f"The posterior of {', '.join(self.collapsed)} has collapsed: it says the same of "
                "all data. Let the weight of its complexity rise slowly from 0 to 1 "
                "(VariationalFreeEnergy(weight=..)), grant it free bits (free_bits=..), or weaken "
                "the decoder."
            )
        idle = self.units - self.active_units
        return (
            f"{idle} of {self.units} units {'is' if idle == 1 else 'are'} idle. Where the fit is "
            "good, fewer units are enough; where it is not, train with annealing or free bits."
        )

    def __str__(self) -> str:
        """Numbers and advice."""
        sites = [
            f"{site}: {int(found.sum())} of {found.numel()} units active"
            + (f", KL {self.complexity[site]:.3g} nats" if site in self.complexity else "")
            for site, found in self.active.items()
        ]
        return f"{'; '.join(sites)}. {self.advice}"


def posterior_collapse(
    model: Program,
    guide: Program,
    *args: Any,
    num_particles: int = 32,
    threshold: float = 0.01,
    **kwargs: Any,
) -> PosteriorCollapse:
    r"""Count the latent units whose posterior depends on the data.

    .. math:: A_u = \mathrm{Var}_{x}\bigl(E_{q(z|x)}[z_u]\bigr) > 0.01

    The data are the batch dims of a latent site, most often a plate; units are its event dims, or
    the values of a categorical site, whose mean is that of their indicators. Means come from the
    distributions of the guide where these have one, else from samples; what sampling adds to the
    variance is subtracted. Sites without batch dims, such as parameters that all data share, are
    left out. Random numbers are drawn; parameters, gradients and parameter store stay as they are.

    Args:
        model, guide: any two programs of Pyro, wherever their parameters are.
        args, kwargs: what both are called with; at least two data points.
        num_particles: runs of the guide.
        threshold: a unit with more variance is active.

    Raises:
        ValueError: where no latent site has a batch of at least two, or a number is out of range.
        TypeError: for a model or a guide that cannot be called.

    Reference: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders",
    section 5.2.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> def model(data):
        ...     with pyro.plate("data", len(data)):
        ...         z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        ...         pyro.sample("x", dist.Normal(z[..., 0], 1.0), obs=data)
        >>> def guide(data):
        ...     with pyro.plate("data", len(data)):
        ...         mean = torch.stack([data / 2, 0.0 * data], -1)
        ...         pyro.sample("z", dist.Normal(mean, torch.tensor([0.5**0.5, 1.0])).to_event(1))
        >>> pyro.set_rng_seed(0)
        >>> found = posterior_collapse(model, guide, torch.randn(100))
        >>> found.active["z"].tolist(), found.advice[:27]
        ([True, False], '1 of 2 units is idle. Where')
    """
    _require_programs(model=model, guide=guide)
    positive_int("num_particles", num_particles)
    nonnegative("threshold", threshold)
    with torch.no_grad():
        runs = _runs(guide, args, kwargs, num_particles)
    variance = {site: _between(site, runs) for site in runs[0]}
    if not variance:
        expected = "a latent site with a batch of at least two data points"
        way_out = "Call it with several data points, drawn in a plate."
        raise ValueError(complain("guide", expected, "none", way_out))
    terms = VariationalFreeEnergy(Trace_ELBO(num_particles)).decompose(
        model, guide, *args, **kwargs
    )
    complexity = {
        site: terms.complexity_per_site[site].item() / runs[0][site].members
        for site in variance
        if site in terms.complexity_per_site
    }
    return PosteriorCollapse(variance, complexity, threshold)


def _require_programs(**programs: object) -> None:
    for name, program in programs.items():
        if not callable(program):
            raise TypeError(complain(name, "a program of Pyro, a function say", repr(program)))


def _runs(guide: Program, args: Any, kwargs: Any, count: int) -> list[dict[str, Location]]:
    """Locations of all sites, in several runs on the same data: plates draw their members once."""
    first = poutine.trace(guide).get_trace(*args, **kwargs)
    members = first.copy()
    for name, site in first.nodes.items():
        if not site_is_subsample(site):
            members.remove_node(name)
    again = poutine.trace(poutine.replay(guide, trace=members))
    others = (again.get_trace(*args, **kwargs) for _ in range(count - 1))
    return [dict(_sites(trace)) for trace in (first, *others)]


def _sites(trace: Any) -> Iterator[tuple[str, Location]]:
    for name, site in trace.nodes.items():
        if site["type"] != "sample" or site["is_observed"] or site_is_subsample(site):
            continue
        if not site["infer"].get("is_auxiliary") and site["fn"].batch_shape.numel() > 1:
            yield name, location_of(site)


def _between(site: str, runs: list[dict[str, Location]]) -> Tensor:
    """Variance between data of the mean over runs, without what the runs' own scatter adds."""
    means = torch.stack([run[site].mean for run in runs])  # (runs, data, *units)
    total = means.mean(0).var(0)
    scatter = means.var(0).mean(0) if len(runs) > 1 else torch.zeros_like(total)
    return total - scatter / len(runs)
