"""Expected free energy by nested Monte Carlo, over the particles of a prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from .. import ops
from .._checks import complain, positive_int
from .distinct import Distinct
from .pairs import Product, joined
from .prediction import Estimate, Lazily, Prediction

MEMORY_LIMIT = 2**28  # bytes of pairs at a time
AT_ONCE = 2**20  # numbers that stay in the cache


def nested_terms(
    prediction: Prediction,
    num_inner: int | None = None,
    self_inclusion: bool = True,
    memory_limit: int = MEMORY_LIMIT,
) -> Estimate:
    r"""Expected free energy of one predicted step, each particle showing one outcome.

    .. math::
        I(s; o) \approx \sum_i w_i \Big[\log p(o_i|s_i)
            - \log \frac{\sum_{j \in J_i} w_j \, p(o_i|s_j)}{\sum_{j \in J_i} w_j}\Big],
        \qquad o_i \sim p(o|s_i)

    **Direction of the bias**, of order 1 / inner particles in either case. Where i is among its
    own inner particles (``self_inclusion=True``) the mixture counts its own density too often,
    and epistemic value is too *low*; it never exceeds ``log(inner)``. Where i is left out, the
    mixture is unbiased, and its logarithm too low on average (Jensen): epistemic value is too
    *high*, by far where particles are too few to cover each other. (It is not left out where none
    of the others could show its outcome, which would be worth infinitely much.)

    Ambiguity is exact for each particle where its distribution has an entropy in closed form, and
    the outcome entropy is the sum of epistemic value and ambiguity: a control variate. The
    standard errors are those of independent particles; to first order the inner particles add
    nothing to them. They do not contain the bias.

    Each observation site by itself has its own mutual information with the state; where sites
    depend on each other, what it adds to the sites before it.

    Args:
        prediction: the particles and their likelihood.
        num_inner: inner particles, evenly spaced among all; ``None`` for all of them.
        self_inclusion: whether a particle is among its own inner particles.
        memory_limit: bytes that the pairs may take at a time.

    Returns:
        Terms ``(*batch)`` in nats, with their standard errors. Novelty is 0.

    Raises:
        ValueError: for a number below one; where a particle is left out, and none would remain.

    Reference: Rainforth, Cornish, Yang, Warrington and Wood (2018), "On nesting Monte Carlo
    estimators"; Foster et al. (2019), "Variational Bayesian optimal experimental design", eq. 4.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> _ = pyro.set_rng_seed(0)
        >>> from pyro_activeinf.filters import Likelihood
        >>> states = {"s": torch.randn(1000)}
        >>> look = lambda s: pyro.sample("o", dist.Normal(s["s"], 1.0))
        >>> likelihood = Likelihood(look, states, (1000,))
        >>> weights = torch.full((1000,), -math.log(1000))
        >>> terms = nested_terms(Prediction(1, states, weights, likelihood, lambda values: {}))
        >>> error = terms.epistemic - 0.5 * math.log(2.0)
        >>> bool(error.abs() < 3 * terms.standard_error["epistemic"])
        True
    """
    likelihood, weights = prediction.likelihood, prediction.log_weights.exp()
    own, entropy = list(likelihood.own().values()), list(likelihood.entropy().values())
    groups = _groups(len(own), likelihood.linked)
    densities = [_total([own[i] for i in group]) for group in groups]
    inner = _inner(len(weights), num_inner, self_inclusion)
    mixture = _Mixture(prediction, groups, inner, self_inclusion, memory_limit)
    information = [own - mixed for own, mixed in zip(densities, mixture(densities), strict=True)]
    preference, none = preferences(prediction), torch.zeros_like(own[0])
    return estimate(
        weights,
        tuple(likelihood.sites),
        pragmatic=[
            _total([none, *preference.values()]),
            *(preference.get(name, none) for name in likelihood.sites),
        ],
        information=[information[-1], *_shares(information[: len(own)], likelihood.linked)],
        ambiguity=[_total(entropy), *entropy],
    )


def preferences(prediction: Prediction) -> dict[str, Tensor]:
    """log p~ of each preferred site, at what particles are and show: ``(particles, *batch)``."""
    values = {**prediction.states, **prediction.likelihood.sample()}
    shape = prediction.likelihood.shape
    found = prediction.log_preference(values)
    return {name: value.expand(shape) for name, value in found.items()}


def estimate(
    weights: Tensor,
    sites: tuple[str, ...],
    pragmatic: list[Tensor],
    information: list[Tensor],
    ambiguity: list[Tensor],
) -> Estimate:
    """Weighted means over particles: first of all sites together, then of each of them.

    Args:
        weights: ``(particles, *batch)``, dims of size one standing for the whole batch.
        pragmatic: each ``(particles, *batch)``, as the others.
    """
    met: dict[int, Tensor] = {}  # of one site, the parts are those of the whole

    def means(each: list[Tensor]) -> Tensor:
        for x in each:
            if id(x) not in met:
                met[id(x)] = expected(weights, x)
        return torch.stack([met[id(x)] for x in each], -1)

    worth, known, unclear = map(means, (pragmatic, information, ambiguity))
    values = torch.stack([worth, known + unclear, unclear, torch.zeros_like(worth)], -2)
    errors: dict[str, Callable[[], Tensor]] = {
        "pragmatic": partial(standard_error, weights, pragmatic[0]),
        "epistemic": partial(standard_error, weights, information[0]),
        "novelty": partial(torch.zeros_like, worth[..., 0]),
        "total": lambda: standard_error(weights, pragmatic[0] + information[0]),
    }
    return Estimate(values, sites, Lazily(errors))


def expected(weights: Tensor, values: Tensor) -> Tensor:
    """Mean over particles of ``(particles, *batch)``, where a weight of 0 times inf is 0."""
    if not bool((weights > 0).all()):
        values = torch.where(weights > 0, values, 0.0)
    return (weights * values).sum(0)


def standard_error(weights: Tensor, values: Tensor) -> Tensor:
    r"""Standard error of a weighted mean, ``(*batch)``, of independent particles.

    .. math:: \sqrt{\frac{\sum_i w_i^2 (x_i - \bar x)^2}{1 - \sum_i w_i^2}}

    Infinite where one particle has all of the weight: it does not tell.
    """
    with torch.no_grad():
        away = values - expected(weights, values)
        square = expected(weights, weights * away.square())
        spare = 1 - weights.square().sum(0)  # 0 where one particle has all of the weight
        return torch.where(spare > 0, square / spare, math.inf).sqrt()


def _inner(particles: int, number: int | None, self_inclusion: bool) -> Tensor | None:
    """Positions of the inner particles; ``None`` for all of them."""
    wanted = particles if number is None else positive_int("num_inner", number)
    if min(wanted, particles) < 2 and not self_inclusion:
        way_out = "Take more particles, or include each in its own mixture."
        raise ValueError(complain("num_inner", "at least 2 particles", wanted, way_out))
    if wanted >= particles:
        return None
    return torch.arange(wanted) * particles // wanted


def _groups(sites: int, linked: bool) -> list[tuple[int, ...]]:
    """The sites whose mixtures are needed: each by itself (or all up to it), and all together."""
    if linked:
        return [tuple(range(i + 1)) for i in range(sites)]
    return [*((i,) for i in range(sites)), *([tuple(range(sites))] if sites > 1 else [])]


def _shares(information: list[Tensor], linked: bool) -> list[Tensor]:
    """Information of each site; of one that depends on others, beyond the sites before it."""
    if not linked:
        return information
    return [information[0], *(b - a for a, b in pairwise(information))]


def _total(parts: list[Tensor]) -> Tensor:
    return sum(parts[1:], parts[0])


@dataclass(frozen=True)
class _Mixture:
    """log q(o_i): the densities of outcomes under the mixture of the inner particles."""

    prediction: Prediction
    groups: list[tuple[int, ...]]  # of sites
    inner: Tensor | None  # (inner,)
    self_inclusion: bool
    memory_limit: int

    def __call__(self, own: list[Tensor]) -> list[Tensor]:
        """``(particles, *batch)`` for each group of sites, whose own densities are given."""
        quick = self._of_values() or self._of_products(own) if self._whole else None
        return self._of_blocks(own) if quick is None else quick

    @property
    def _whole(self) -> bool:
        return self.inner is None and self.self_inclusion

    def _of_values(self) -> list[Tensor] | None:
        """Where outcomes have few values: each mixture once for each of them."""
        distinct = Distinct.of(self.prediction.likelihood)
        if distinct is None:
            return None
        cross = list(self.prediction.likelihood.cross(distinct.values).values())
        log_weights = self.prediction.log_weights
        sums = (_total([cross[i] for i in group]) for group in self.groups)
        return [ops.logsumexp(x + log_weights, 1).gather(0, distinct.index) for x in sums]

    def _of_products(self, own: list[Tensor]) -> list[Tensor] | None:
        """Where all is Gaussian: ratios to each outcome's own density, which hardly overflow."""
        likelihood = self.prediction.likelihood
        if likelihood.linked:
            return None
        each = likelihood.site_pairs(likelihood.sample())
        products = [pairs for pairs in each.values() if isinstance(pairs, Product)]
        if len(products) < len(each):
            return None
        found = []
        for group, density in zip(self.groups, own, strict=True):
            pairs = joined([products[i] for i in group])
            ratio = self._ratios(pairs.shifted(-density, self.prediction.log_weights))
            if not bool(ratio.isfinite().all()):
                return None
            found.append(density + ratio)
        return found

    def _ratios(self, pairs: Product) -> Tensor:
        """log of the sum over particles of ``exp(pairs)``, ``(particles, *batch)``."""
        rows = self._chunks(len(pairs.outer), pairs.inner[..., 0].numel(), AT_ONCE)
        sums = ((some, pairs.block(some).exp_().sum(-1)) for some in rows)
        if pairs.requires_grad:
            return torch.cat([part for _, part in sums], -1).movedim(-1, 0).log()
        found = torch.empty_like(pairs.rows.movedim(0, -1), memory_format=torch.contiguous_format)
        for (
            some,
            part,
        ) in sums:  # nothing small is kept between the large: memory stays in one piece
            found[..., some] = part
        return found.movedim(-1, 0).log()

    def _of_blocks(self, own: list[Tensor]) -> list[Tensor]:
        """By chunks of outcomes."""
        likelihood = self.prediction.likelihood
        columns = likelihood if self.inner is None else likelihood.take(self.inner)
        log_weights = self.prediction.log_weights.expand(likelihood.shape)
        inner = log_weights if self.inner is None else log_weights[self.inner]
        beside = inner.movedim(0, -1).unsqueeze(-2)  # (*batch, 1, inner)
        pairs = columns.pairs(likelihood.sample())
        width = columns.shape.numel() * (2 + len(own))
        limit = self.memory_limit // beside.itemsize
        parts: list[list[Tensor]] = []
        for rows in self._chunks(likelihood.shape[0], width, limit):
            blocks = list(pairs(rows).values())
            sums = [_total([blocks[i] for i in group]) for group in self.groups]
            mine = [(each + log_weights)[rows].movedim(0, -1) for each in own]
            mixed = zip(sums, mine, strict=True)
            parts.append([self._mixed(block + beside, x, beside, rows) for block, x in mixed])
        return [torch.cat(each, -1).movedim(-1, 0) for each in zip(*parts, strict=True)]

    @staticmethod
    def _chunks(total: int, width: int, numbers: int) -> Iterator[slice]:
        """Rows of some width, so many that no more numbers than these are met at a time."""
        chunk = max(1, numbers // max(1, width))
        return (slice(start, min(start + chunk, total)) for start in range(0, total, chunk))

    def _mixed(self, pairs: Tensor, mine: Tensor, beside: Tensor, rows: slice) -> Tensor:
        """Log-mixtures ``(*batch, rows)``.

        Args:
            pairs: weighted log-densities ``(*batch, rows, inner)``; they are used up.
            mine: those of each outcome and its own particle, ``(*batch, rows)``.
            beside: log-weights of the inner particles, ``(*batch, 1, inner)``.
        """
        if self._whole:
            return log_sum(pairs)
        number = torch.arange(rows.start, rows.stop, device=pairs.device)
        columns = self.inner
        if columns is None:
            columns = torch.arange(pairs.shape[-1], device=pairs.device)
        same = number.unsqueeze(-1) == columns
        others = log_sum(pairs.masked_fill(same, -math.inf))
        mass = torch.where(same, 0.0, beside.exp()).sum(-1)
        weight = self.prediction.weights[rows].movedim(0, -1)
        included = torch.logaddexp(others, mine) - ops.log(mass + weight)
        if self.self_inclusion:
            return included
        return torch.where(others == -math.inf, included, others - ops.log(mass))


def log_sum(values: Tensor) -> Tensor:
    """``logsumexp`` over the last dim, which uses its argument up: three times as fast."""
    top = values.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(values.dtype).min)
    return ops.log(values.sub_(top).exp_().sum(-1)) + top.squeeze(-1)
