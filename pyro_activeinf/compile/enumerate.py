"""Run a program once with every discrete site enumerated on a dim of its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyro.distributions as dist
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .. import ops
from .._checks import complain
from .counted import CountedCategorical, Source
from .tables import Role, Site, Table, Variable, readable

HANDLERS = threading.RLock()  # Pyro's stack of handlers is one for all threads


class ProgramError(ValueError):
    """A program that cannot be compiled; the text names the program, the site and the way out."""


# The last dim belongs to no variable: what a program fails to broadcast shows there.
FREE_DIM = (Variable(Role.STATE, "(none)"), 1)


class Enumerator(Messenger):
    """Replaces sampling by enumeration: the i-th variable's support lies on dim ``-2 - i``.

    Args:
        program: the program's name, for errors.
        upstream: the dims of another enumerator, to go on from: variables with their sizes.
        role: the role of the variables that this program samples.
        known: the program that fixed the supports of the sites beforehand, and these sites.
        normalized: whether the probabilities of a site have to sum to one.
    """

    def __init__(
        self,
        program: str,
        upstream: Sequence[tuple[Variable, int]],
        role: Role,
        known: tuple[str, Mapping[str, Site]] | None = None,
        normalized: bool = True,
    ) -> None:
        super().__init__()
        self.program, self.role, self.known = program, role, known
        self.dims = list(upstream) or [FREE_DIM]
        self.normalized = normalized
        self.sites: dict[str, Site] = {}
        self.tables: list[Table] = []

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True  # the enumeration stays out of any trace around it
        if type(msg["fn"]).__name__ == "_Subsample":
            return self._reject_plate(msg["name"])
        if msg["is_observed"]:
            return self._reject_observed(msg)
        site = self._site(msg["name"], msg["fn"])
        self.sites[site.name] = site
        variable = Variable(self.role, site.name)
        self.dims.append((variable, site.size))
        dim = len(self.dims)
        value = site.support.reshape(site.size, *[1] * (dim - 1), *site.support.shape[1:])
        self.tables.append(self._table(variable, site, msg["fn"], value, dim))
        msg["value"], msg["done"] = value, True
        return None

    def _reject_plate(self, name: str) -> None:
        raise ProgramError(
            complain(
                f"plate '{name}' of {self.program}",
                "sites outside of any plate",
                "a plate",
                "Write one site per variable; batch dims are added by the library.",
            )
        )

    def _reject_observed(self, msg: Any) -> None:
        if not msg["infer"].get("_deterministic"):
            raise ProgramError(
                complain(
                    f"site '{msg['name']}' of {self.program}",
                    "a site without obs=",
                    "an observed one",
                    "Sample it; observations are handed to the filter or to model(observations).",
                )
            )

    def _site(self, name: str, fn: Any) -> Site:
        where = f"site '{name}' of {self.program}"
        if name in self.sites:
            raise ProgramError(complain(where, "a name used once", "a second sample statement"))
        if self.known is None:
            return Site(name, finite_support(fn, where))
        origin, sites = self.known
        if name not in sites:
            raise ProgramError(complain(where, f"one of the sites {list(sites)}", f"'{name}'"))
        same_support(fn, sites[name], where, origin)
        return sites[name]

    def _table(self, variable: Variable, site: Site, fn: Any, value: Tensor, dim: int) -> Table:
        where = f"site '{site.name}' of {self.program}"
        log_probs = site_log_probs(fn, value, dim, where)
        sizes = [size for _, size in self.dims]
        for j, size in enumerate(reversed(log_probs.shape)):
            if size != 1 and (j >= len(sizes) or size != sizes[j]):
                known = {v.name: s for v, s in self.dims[1:-1]}
                raise misaligned(where, fn, f"one dim for each of {known}")
        parents = [j for j in range(dim - 1) if j < log_probs.dim() and log_probs.shape[-1 - j] > 1]
        table = _squeeze(log_probs, [*parents, dim - 1], site.size)
        if self.normalized:
            check_normalized(table, where)
        source = None
        if isinstance(fn, CountedCategorical):
            rows = _squeeze(fn.rows, [*parents, dim - 1], 1).squeeze(-1)
            source = Source(fn.owner, rows)
        return Table(variable, tuple(self.dims[j][0] for j in parents), table, source)


def _squeeze(log_probs: Tensor, keep: Sequence[int], size: int) -> Tensor:
    """Keep the dims ``-1 - j`` for j in ``keep``, in that order; the last one is the site's own."""
    padded = log_probs.reshape(*[1] * (keep[-1] + 1 - log_probs.dim()), *log_probs.shape)
    order = [padded.dim() - 1 - j for j in keep]
    rest = [d for d in range(padded.dim()) if d not in order]
    return padded.permute(*rest, *order).reshape([*(padded.shape[d] for d in order[:-1]), size])


def check_normalized(log_probs: Tensor, where: str) -> None:
    """Raise ``ProgramError`` unless the last dim sums to one wherever the parents stand."""
    total = log_probs.detach().exp().sum(-1)
    if not bool(((total - 1).abs() < 1e-3).all()):
        raise ProgramError(
            complain(
                where,
                "probabilities that sum to 1 over its support",
                f"sums from {float(total.min()):.3g} to {float(total.max()):.3g}",
                "Its values are those of the same site in initial; give both all of them.",
            )
        )


def finite_support(fn: Any, where: str) -> Tensor:
    """The values that a distribution can take, ``(size, *event)``, or ``ProgramError``."""
    if isinstance(fn, dist.Delta) and fn.event_dim == 0:
        return torch.unique(fn.v)
    if getattr(fn, "has_enumerate_support", False):
        try:
            support = fn.enumerate_support(expand=False)
        except NotImplementedError:
            support = None
        if support is not None:
            return support.reshape(support.shape[0], *fn.event_shape)
    raise ProgramError(
        complain(
            where,
            "a distribution with a finite support (Categorical, Bernoulli, OneHotCategorical)",
            f"{type(fn).__name__} with batch shape {tuple(fn.batch_shape)} and event shape "
            f"{tuple(fn.event_shape)}",
            "Write one discrete site per variable, or use a filter for continuous states.",
        )
    )


def same_support(fn: Any, site: Site, where: str, origin: str) -> None:
    """Raise ``ProgramError`` where a distribution has other values than its site had before."""
    if isinstance(fn, dist.Delta) and fn.event_dim == 0:
        return
    support = finite_support(fn, where)
    if support.shape != site.support.shape or bool((support != site.support).any()):
        raise ProgramError(
            complain(
                where,
                f"the {site.size} values {readable(site.support)}, as in {origin}",
                f"the {len(support)} values {readable(support)}",
                "A site has the same values wherever it is sampled.",
            )
        )


def site_log_probs(fn: Any, value: Tensor, dim: int, where: str) -> Tensor:
    """log p(value) over every value, exactly -inf where a probability is 0 (torch clamps there)."""
    exact = exact_log_probs(fn)
    if exact is None:
        return _evaluated(fn, value)
    padded = exact.reshape(*[1] * (dim + 1 - exact.dim()), *exact.shape)
    if padded.shape[-1 - dim] != 1:
        raise misaligned(where, fn, "leave its own dim free")
    return padded.transpose(-1, -1 - dim).squeeze(-1)


def _evaluated(fn: Any, value: Tensor) -> Tensor:
    if isinstance(fn, dist.Delta):
        return ops.log((fn.v == value).to(torch.get_default_dtype()))
    return fn.log_prob(value)


def exact_log_probs(fn: Any) -> Tensor | None:
    """Log-probabilities ``(*batch, size)`` where a distribution holds them, else ``None``."""
    if isinstance(fn, torch.distributions.OneHotCategorical):
        fn = fn._categorical
    given = vars(fn).get("probs")
    if isinstance(fn, torch.distributions.Categorical):
        return fn.logits if given is None else ops.log(given)
    if isinstance(fn, torch.distributions.Bernoulli):
        if given is None:
            return torch.nn.functional.logsigmoid(torch.stack([-fn.logits, fn.logits], -1))
        return ops.log(torch.stack([1 - given, given], -1))
    if isinstance(fn, torch.distributions.Binomial) and given is not None:
        return binomial_log_probs(fn.total_count, given.unsqueeze(-1))
    return None


def binomial_log_probs(counts: Tensor, probs: Tensor) -> Tensor | None:
    """Log-probabilities of 0 .. n successes, ``(*batch, n + 1)``; ``None`` where n varies."""
    n = int(counts.max())
    if n != int(counts.min()):
        return None
    hits = torch.arange(n + 1).to(probs)
    misses = n - hits
    log_ways = math.lgamma(n + 1) - torch.lgamma(hits + 1) - torch.lgamma(misses + 1)
    log_hits = torch.where(hits > 0, hits * ops.log(probs), 0.0)
    return log_ways + log_hits + torch.where(misses > 0, misses * ops.log(1 - probs), 0.0)


def misaligned(where: str, fn: Any, expected: str) -> ProgramError:
    """The error for a batch shape that does not broadcast over the variables."""
    return ProgramError(
        complain(
            where,
            f"a batch shape that broadcasts: {expected}",
            f"batch shape {tuple(fn.batch_shape)}",
            "Index and compare whole tensors (probs[state], torch.where): batch dims on the left, "
            "the distribution's own dims on the right; one scalar site per variable.",
        )
    )


def run(program: Callable[..., Any], name: str, handler: Messenger, *args: Any) -> Any:
    """Run a program under a handler; a torch error in it means that it does not broadcast."""
    return run_under(handler, name, NO_BROADCAST, program, *args)


NO_BROADCAST = (
    "with every variable on a dim of its own",
    "If it does not broadcast, write it with torch.where and indexing for `if` and `int()`.",
)


def run_under(
    handler: Messenger, name: str, told: tuple[str, str], program: Callable[..., Any], *args: Any
) -> Any:
    """Run a program under a handler; a torch error in it is told with the program's name.

    Args:
        handler: in effect along with those that keep the run to itself.
        name: of the program.
        told: how it was run, and the way out.
        program: what is called with ``args``.

    Raises:
        ProgramError: where the program fails.
    """
    how, way_out = told
    try:
        with HANDLERS, handler:
            return program(*args)
    except ProgramError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ProgramError(
            f"`{name}` failed when run {how}: {type(error).__name__}: {error}. {way_out}"
        ) from error
