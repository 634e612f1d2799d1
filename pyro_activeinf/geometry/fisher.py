r"""Fisher's information of all that a guide samples, as a function of its parameters.

.. math:: G(\phi) = \sum_s J_s^\top g_s J_s, \qquad J_s = \partial x_s / \partial \phi

x are usual coordinates of the distribution at a site, whose metric g is known; where it is not, x
are log-probabilities of samples, and g the weight of a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import Delta
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.distributions import TransformedDistribution

from .._checks import complain
from .autodiff import matvec
from .family import Family
from .registry import family_of
from .scores import log_probs

Program = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Term:
    """What one site contributes."""

    family: Family | None  # None where log-probabilities stand for the distribution
    coordinates: Tensor  # (members, d), with a graph back to the parameters
    metric: Tensor  # (members, d, d), times the counts
    counts: Tensor  # (members,), how often each counts

    @property
    def rows(self) -> int:
        """Number of coordinates of all members."""
        return self.coordinates.numel()


class Fisher:
    """Terms of all sites, and products with the information.

    Args:
        terms: of the sites.
        parameters: leaves that they depend on.
    """

    def __init__(self, terms: Sequence[Term], parameters: Sequence[Tensor]) -> None:
        self.terms, self.parameters = list(terms), list(parameters)
        flat = [term.coordinates.reshape(-1) for term in self.terms]
        self.coordinates = torch.cat(flat) if flat else torch.zeros(0)

    def split(self, values: Tensor) -> list[Tensor]:
        """Numbers for all coordinates, by site: ``(members, d)`` each."""
        parts = values.split([term.rows for term in self.terms])
        pairs = zip(parts, self.terms, strict=True)
        return [part.reshape(term.coordinates.shape) for part, term in pairs]

    def lower(self, rates: Tensor) -> Tensor:
        """The metric of the sites times rates of their coordinates."""
        pairs = zip(self.split(rates), self.terms, strict=True)
        return torch.cat([matvec(term.metric, part).reshape(-1) for part, term in pairs])

    def pull(self, covector: Tensor, create_graph: bool = False) -> Tensor:
        """J^T c: numbers for all parameters."""
        grads = torch.autograd.grad(
            self.coordinates,
            self.parameters,
            covector,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
        if all(grad is None for grad in grads):
            raise _unused()
        return joined(grads, self.parameters)

    def push(self, step: Tensor) -> Tensor:
        """J v: rates of all coordinates."""
        probe = torch.zeros_like(self.coordinates, requires_grad=True)
        (found,) = torch.autograd.grad(
            self.pull(probe, create_graph=True), probe, step, allow_unused=True
        )
        return torch.zeros_like(probe) if found is None else found.detach()

    def product(self, step: Tensor) -> Tensor:
        """G v."""
        return self.pull(self.lower(self.push(step)))

    def jacobian(self) -> Tensor:
        """J: ``(coordinates, parameters)``."""
        return torch.stack(
            [self.pull(row) for row in torch.eye(len(self.coordinates)).to(self.coordinates)]
        )

    def matrix(self) -> Tensor:
        """G: ``(parameters, parameters)``."""
        rows = self.jacobian()
        lowered = [
            (term.metric @ part.reshape(*term.coordinates.shape, -1)).reshape(term.rows, -1)
            for term, part in zip(self.terms, rows.split([t.rows for t in self.terms]), strict=True)
        ]
        found = rows.mT @ torch.cat(lowered)
        return (found + found.mT) / 2


def change(before: Fisher, after: Fisher) -> float:
    """KL divergence in nats of what the sites were from what they are, where it is known."""
    known = [term.counts for term in before.terms if term.family is not None]
    pairs = zip(known, changes(before, after), strict=True)
    return sum(float((counts * kl).sum()) for counts, kl in pairs)


def changes(before: Fisher, after: Fisher) -> list[Tensor]:
    """The same by site and member, ``(members,)``; infinite where a distribution is none."""
    found = []
    for old, new in zip(before.terms, after.terms, strict=True):
        if old.family is None:
            continue
        x, y = old.coordinates.detach(), new.coordinates.detach()
        fine = old.family.valid(y)
        kl = old.family.kl(x, torch.where(fine[:, None], y, x))
        found.append(torch.where(fine, kl, torch.inf))
    return found


def largest(fisher: Fisher, rates: Tensor) -> float:
    """The most that rates change any one distribution, in nats and to second order.

    The samples that stand for a distribution without a family count together.
    """
    found = 0.0
    for term, v in zip(fisher.terms, fisher.split(rates), strict=True):
        nats = (v * matvec(term.metric, v)).sum(-1) / 2
        if term.family is None:
            nats = nats.sum(0, keepdim=True)
        elif bool((term.counts > 0).any()):
            nats = nats[term.counts > 0] / term.counts[term.counts > 0]
        found = max(found, float(nats.max())) if nats.numel() else found
    return found


def _unused() -> ValueError:
    expected, got = "a guide whose sites depend on its own parameters", "one whose do not"
    way_out = (
        "Modules without names share parameters in Pyro's store: clear it, or set "
        "pyro.settings.set(module_local_params=True)."
    )
    return ValueError(complain("guide", expected, got, way_out))


def joined(parts: Sequence[Tensor | None], like: Sequence[Tensor]) -> Tensor:
    """Numbers of all tensors in one row; zeros where there are none."""
    pairs = zip(parts, like, strict=True)
    rows = [torch.zeros_like(one) if part is None else part for part, one in pairs]
    return torch.cat([row.reshape(-1) for row in rows])


def run_of(guide: Program, args: Any, kwargs: Any, values: Any = None) -> Any:
    """A run of the guide that nobody else sees, with given values of its sites or new ones."""
    program = guide if values is None else poutine.replay(guide, trace=values)
    with poutine.block():
        return poutine.trace(program).get_trace(*args, **kwargs)


def terms_of(trace: Any, num_samples: int, weight: float = 1.0) -> list[Term]:
    """Terms of the sites of a run whose values are fixed, each with a weight."""
    found = []
    for site in trace.nodes.values():
        if site["type"] != "sample" or site["is_observed"] or site_is_subsample(site):
            continue
        fn = plain(site["fn"])
        if not isinstance(fn, Delta):
            found.append(_term(fn, site, num_samples))
    found = [term for term in found if term.coordinates.requires_grad]
    return [replace(one, metric=weight * one.metric, counts=weight * one.counts) for one in found]


def plain(fn: Any) -> Any:
    """A distribution without masks, and with its members."""
    while type(fn).__name__ == "MaskedDistribution":
        fn = fn.base_dist
    if type(fn).__name__ == "Independent" and type(fn.base_dist).__name__ == "Independent":
        return plain(fn.base_dist.base_dist.to_event(len(fn.event_shape)))
    return plain(fn.base_dist) if type(fn).__name__ == "Independent" and _is_delta(fn) else fn


def _is_delta(fn: Any) -> bool:
    return isinstance(fn.base_dist, Delta)


def _term(fn: Any, site: Any, num_samples: int) -> Term:
    family = _family(fn)
    if family is None:
        return _sampled(fn, site, num_samples)
    x = family.coordinates(fn)
    x = x.expand(*fn.batch_shape, x.shape[-1])
    metric = family.local(x.detach()).metric(x.detach())
    counts, d = _counts(site, fn.batch_shape, x).reshape(-1), x.shape[-1]
    return Term(family, x.reshape(-1, d), metric.reshape(-1, d, d) * counts[:, None, None], counts)


def _family(fn: Any) -> Family | None:
    if isinstance(fn, TransformedDistribution):
        return None
    try:
        return family_of(fn)
    except TypeError:
        return None


def _sampled(fn: Any, site: Any, num_samples: int) -> Term:
    """The covariance of the score of samples."""
    scores = log_probs(fn, num_samples)
    counts = _counts(site, fn.batch_shape, scores).expand(scores.shape) / num_samples
    return Term(None, scores.reshape(-1, 1), counts.reshape(-1, 1, 1), counts.reshape(-1))


def _counts(site: Any, batch_shape: Sequence[int], like: Tensor) -> Tensor:
    """How often each member counts: scales of plates, and masks."""
    counts = torch.as_tensor(site["scale"]).to(like)
    if site["mask"] is not None:
        counts = counts * torch.as_tensor(site["mask"]).to(like)
    return counts.expand(batch_shape)
