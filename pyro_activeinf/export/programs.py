"""Pyro programs and draws of their posterior as data sets.

Dims are named after plates, event dims ``<site>_dim_0``, ..; the programs are run once for each
draw, so that any program will do, with vectors within plates too.

- ``posterior``, ``prior``: latent and deterministic sites;
- ``posterior_predictive``, ``prior_predictive``: observed sites, drawn anew;
- ``log_likelihood``: observed sites, in nats, over their plates; left out where the program has
  latent sites that were not drawn, such as those that were summed over;
- ``observed_data``: observed sites;
- ``sample_stats``: ``diverging``, of MCMC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from pyro import poutine
from pyro.infer import MCMC
from torch import Tensor

from .._checks import complain, instance
from ..behavior.data_sets import SAMPLED, dataset
from ..store.groups import groups
from .sites import Layout, kinds, layout, stacked

if TYPE_CHECKING:
    from xarray import Dataset

Program = Callable[..., Any]
NATS = {"units": "nats"}


@dataclass(frozen=True)
class Guided:
    r"""A model and a guide that has been trained, for :func:`~pyro_activeinf.to_arviz`.

    .. math:: \theta^{(n)} \sim q(\theta), \quad x^{(n)} \sim p(x \mid \theta^{(n)}),
        \quad n = 1, .., N

    Raises:
        TypeError: the programs cannot be called, or arguments are no tuple and no dict.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro.infer.autoguide import AutoNormal
        >>> from pyro_activeinf import to_arviz
        >>> def model(x):
        ...     mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
        ...     with pyro.plate("rows", len(x)):
        ...         pyro.sample("x", dist.Normal(mean, 1.0), obs=x)
        >>> data = to_arviz(Guided(model, AutoNormal(model), (torch.tensor([1.0, 2.0]),)), draws=10)
        >>> dict(data["log_likelihood"]["x"].sizes)
        {'chain': 1, 'draw': 10, 'rows': 2}
    """

    model: Program
    guide: Program
    args: tuple[Any, ...] = ()  # what both are called with
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """See that programs can be called, and with what."""
        for name in ("model", "guide"):
            if not callable(getattr(self, name)):
                got = repr(getattr(self, name))
                raise TypeError(complain(name, "a Pyro program, which can be called", got))
        way_out = f"Write args=({self.args!r},)."
        instance("args", self.args, tuple, "a tuple of arguments", way_out)
        instance("kwargs", self.kwargs, Mapping, "a dict of arguments by name")


@groups.register(Guided)
def _groups_of_guided(source: Guided, draws: int) -> dict[str, Dataset]:
    call = _Call(source.model, source.args, source.kwargs)
    found: list[dict[str, Tensor]] = []
    with torch.no_grad(), poutine.block():
        for _ in range(draws):
            drawn: Any = poutine.trace(source.guide).get_trace(*source.args, **source.kwargs)
            names = [n for n in kinds(drawn)["latent"] if n in call.layouts]
            found.append({name: drawn.nodes[name]["value"] for name in names})
    return call.groups(found, 1, draws)


@groups.register(MCMC)
def _groups_of_mcmc(source: MCMC, draws: int) -> dict[str, Dataset]:
    model = getattr(source.kernel, "model", None)
    if model is None or source._samples is None:
        expected = "MCMC of a model (not of a potential_fn) that has run"
        raise ValueError(complain("source", expected, "another", "Call run(..) first."))
    call = _Call(model, source._args, source._kwargs)
    by_chain = source.get_samples(group_by_chain=True)
    chains, length = next(iter(by_chain.values())).shape[:2]
    flat = {name: value.flatten(0, 1) for name, value in by_chain.items()}
    each = [{name: value[i] for name, value in flat.items()} for i in range(chains * length)]
    found = call.groups(each, chains, draws)
    diverging = torch.zeros(chains, length, dtype=torch.bool)
    known: Any = source._diagnostics  # their public reading needs four draws
    for chain in range(chains):
        diverging[chain, known[chain]["divergences"]] = True
    return {**found, "sample_stats": dataset({"diverging": (SAMPLED, diverging)}, {})}


class _Call:
    """A program with its arguments."""

    def __init__(self, model: Program, args: Any, kwargs: Any) -> None:
        self.model, self.args, self.kwargs = model, args, kwargs
        trace = self._run(model)
        self.kinds = kinds(trace)
        sites = trace.nodes
        self.layouts: dict[str, Layout] = {
            name: layout(name, sites[name], sites[name]["value"])
            for names in self.kinds.values()
            for name in names
        }
        self.observed = {name: sites[name]["value"] for name in self.kinds["observed"]}

    def _run(self, program: Program) -> Any:
        with torch.no_grad(), poutine.block():
            return poutine.trace(program).get_trace(*self.args, **self.kwargs)

    def groups(self, draws: list[dict[str, Tensor]], chains: int, priors: int) -> dict[str, Any]:
        """All groups, from values of latent sites at each draw."""
        replayed = [self._run(poutine.condition(self.model, each)) for each in draws]
        anew = poutine.uncondition(self.model)
        foretold = [self._run(poutine.condition(anew, each)) for each in draws]
        prior = [self._run(anew) for _ in range(priors)]
        states = [*draws[0], *self.kinds["deterministic"]]
        found = {
            "posterior": self._values(replayed, states, chains),
            "posterior_predictive": self._values(foretold, self.kinds["observed"], chains),
            "prior": self._values(prior, states, 1),
            "prior_predictive": self._values(prior, self.kinds["observed"], 1),
            "observed_data": self._observed(),
        }
        if set(self.kinds["latent"]) <= set(draws[0]) and self.observed:
            found["log_likelihood"] = self._log_likelihood(replayed, chains)
        return {name: group for name, group in found.items() if group.data_vars}

    def _values(self, traces: list[Any], names: list[str], chains: int) -> Dataset:
        variables = {}
        for name in names:
            how = self.layouts[name]
            values = [trace.nodes[name]["value"] for trace in traces]
            variables[name] = ((*SAMPLED, *how.dims), stacked(values, chains, how.shape))
        return dataset(variables, {})

    def _observed(self) -> Dataset:
        how = self.layouts
        return dataset(
            {k: (how[k].dims, value.reshape(how[k].shape)) for k, value in self.observed.items()},
            {},
        )

    def _log_likelihood(self, traces: list[Any], chains: int) -> Dataset:
        variables = {}
        for trace in traces:
            trace.compute_log_prob()
        for name in self.observed:
            how = self.layouts[name]
            shape = how.shape[: len(how.plates)]
            values = [trace.nodes[name]["log_prob"].expand(self._batch(name)) for trace in traces]
            variables[name] = ((*SAMPLED, *how.plates), stacked(values, chains, shape))
        found = dataset(variables, {})
        for variable in found.data_vars.values():
            variable.attrs.update(NATS)
        return found

    def _batch(self, name: str) -> torch.Size:
        value: Tensor = self.observed[name]
        return value.shape[: value.dim() - len(self.layouts[name].event)]
