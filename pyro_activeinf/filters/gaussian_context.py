"""A linear Gaussian filter as a level of a hierarchy: messages are Gaussian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .._checks import complain, known_names
from ..compile import LOG_2PI, Layout, Site
from .context import Context, Link
from .gaussian import GaussianFilter
from .gaussian_belief import GaussianBelief
from .gaussian_series import blur, seen_vector
from .gaussian_update import Shown, predicted_cov, symmetric
from .quadratic import Quadratic


@dataclass(frozen=True)
class GaussianMessage:
    """p(o_{0:t}, s_t | c): the state given c, and the evidence for c."""

    slope: Tensor  # (*batch, n, k): of the mean of s_t in c
    offset: Tensor  # (*batch, n)
    cov: Tensor  # (*batch, n, n): of s_t given c
    log_evidence: Tensor  # (*batch, k * k + k + 1): log p(o_{0:t} | c), a quadratic


class GaussianContext(Context[GaussianMessage, GaussianBelief]):
    r"""The first state of a linear Gaussian filter, as real sites that another model predicts.

    .. math:: M_t[c, s_t] = N(s_t; A c + b, P) \, \exp(-\tfrac12 c^T \Lambda c + \eta^T c + \kappa)

    It is exact. From above comes a Gaussian, or a mixture of Gaussians; of a mixture the belief
    has the mean and the covariance.

    Args:
        filter: of the level; its programs are linear.
        sites: state sites that the level above sets. Other sites of ``initial`` are as the model
            has them given these.

    Raises:
        ValueError: for programs that are not linear, or sites without noise in ``initial``.
    """

    def __init__(self, filter: GaussianFilter, sites: Sequence[str]) -> None:
        require_linear(filter)
        layout = filter.programs.states
        known_names("sites", sites, layout.names)
        self.filter, self.names = filter, tuple(sites)
        self.index = rows_of(layout, sites)
        start = filter.initial().cov[self.index][:, self.index]
        if bool(torch.linalg.cholesky_ex(start).info.any()):
            expected, way_out = "sites with some noise in initial", "Give it a variance there."
            raise ValueError(complain(f"sites {list(sites)}", expected, "a certain one", way_out))

    @property
    def sites(self) -> tuple[Site, ...]:
        """None: the sites are real."""
        return ()

    def start(self, batch_shape: tuple[int, ...] = ()) -> GaussianMessage:
        """s_0 given c, by conditioning what ``initial`` says."""
        first, index = self.filter.initial(), self.index
        mean, cov, k = first.mean, first.cov, len(index)
        within = cov[index][:, index]
        slope = torch.linalg.solve(within, cov[index]).mT if k else cov[:, :0]
        rest = symmetric(cov - slope @ within @ slope.mT)
        parts = (slope, mean - slope @ mean[index], rest, mean.new_zeros(k * k + k + 1))
        return GaussianMessage(*(part.expand(*batch_shape, *part.shape) for part in parts))

    def move(self, message: GaussianMessage, action: Any = None) -> GaussianMessage:
        """The message after an action ``(*batch)``."""
        programs = self.filter.programs
        taken = self.filter.taken(action) if self.filter.actions is not None else None
        moved = programs.transition(message.offset, taken)
        cov = predicted_cov(message.cov, moved)
        return replace(message, slope=moved.slope @ message.slope, offset=moved.value, cov=cov)

    def look(
        self, message: GaussianMessage, observation: Mapping[str, Any]
    ) -> tuple[GaussianMessage, Tensor, dict[str, Tensor]]:
        """The message as it was, and a quadratic of the state for each site that was seen."""
        programs = self.filter.programs
        like, layout = message.offset, programs.outcomes
        seen = seen_vector(layout, observation, like)
        show = programs.observe(torch.zeros_like(like[(0,) * (like.dim() - 1)]))
        shown = Shown.of(show, seen, blur(layout, observation, like))
        rows = torch.linalg.solve_triangular(shown.noise, shown.slope, upper=False)
        away = torch.linalg.solve_triangular(shown.noise, shown.away.unsqueeze(-1), upper=False)
        there = torch.ones_like(shown.away) if shown.missing is None else (~shown.missing).to(like)
        width = shown.noise.diagonal(dim1=-2, dim2=-1).abs().log() + 0.5 * LOG_2PI * there
        each = {
            name: _squares(rows[..., span, :], away[..., span, :], width[..., span])
            for name, span in layout.spans.items()
            if name in observation
        }
        return message, sum(each.values(), self.nothing(())), each

    def nothing(self, batch_shape: tuple[int, ...]) -> Tensor:
        """The quadratic that is zero, ``(*batch, n * n + n + 1)``."""
        like = self.filter.programs.made.initial.value
        n = like.shape[-1]
        return like.new_zeros(*batch_shape, n * n + n + 1)

    def see(self, message: GaussianMessage, log_likelihood: Tensor) -> GaussianMessage:
        """The state given c is updated, and what that tells about c is added."""
        told = Quadratic.of(log_likelihood, message.offset.shape[-1])
        offset, cov = told.weighing(message.offset, message.cov)
        slope = told.contracted(message.cov, message.slope)
        about = told.blurred(message.cov).pulled(message.slope, message.offset)
        return GaussianMessage(slope, offset, cov, message.log_evidence + about.numbers)

    def choose(self, chosen: Tensor, new: GaussianMessage, old: GaussianMessage) -> GaussianMessage:
        """One message where something holds ``(*batch)``, the other elsewhere."""
        one, two = chosen[..., None], chosen[..., None, None]
        return GaussianMessage(
            torch.where(two, new.slope, old.slope),
            torch.where(one, new.offset, old.offset),
            torch.where(two, new.cov, old.cov),
            torch.where(one, new.log_evidence, old.log_evidence),
        )

    def forget(self, message: GaussianMessage) -> GaussianMessage:
        """The state is kept."""
        return replace(message, log_evidence=torch.zeros_like(message.log_evidence))

    def evidence(self, message: GaussianMessage) -> Tensor:
        """The coefficients of log p(o_{0:t} | c), ``(*batch, k * k + k + 1)``."""
        return message.log_evidence

    def unset(self, batch_shape: tuple[int, ...] = ()) -> Tensor:
        """A mixture of one Gaussian of no dims, ``(*batch, 1, 1)``."""
        return self.nothing(())[:1].expand(*batch_shape, 1, 1)

    def belief(self, message: GaussianMessage, log_prior: Tensor, step: int) -> GaussianBelief:
        """Mean and covariance of q(s_t) under a mixture ``(*batch, parts, 1 + k + k k)``."""
        k = len(self.index)
        told = Quadratic.of(message.log_evidence.unsqueeze(-2), k)
        mean, cov = log_prior[..., 1 : 1 + k], log_prior[..., 1 + k :].unflatten(-1, (k, k))
        weights = (log_prior[..., 0] + told.mass(mean, cov)).softmax(-1)
        mean, cov = told.weighing(mean, cov)
        slope = message.slope.unsqueeze(-3)
        each = (slope @ mean.unsqueeze(-1)).squeeze(-1) + message.offset.unsqueeze(-2)
        total = (weights.unsqueeze(-1) * each).sum(-2)
        away = (each - total.unsqueeze(-2)).unsqueeze(-1)
        spread = slope @ cov @ slope.mT + away @ away.mT
        whole = message.cov + (weights[..., None, None] * spread).sum(-3)
        return GaussianBelief(step, self.filter.programs.states, total, symmetric(whole))

    def expected(self, belief: GaussianBelief, log_likelihood: Tensor) -> Tensor:
        """The expectation of a quadratic, ``(*batch)``."""
        told = Quadratic.of(log_likelihood, belief.mean.shape[-1])
        return told.expected(belief.mean, belief.cov)


def _squares(rows: Tensor, away: Tensor, width: Tensor) -> Tensor:
    """The log-density of whitened rows as a quadratic of the state, in a row of numbers."""
    constant = -0.5 * away.squeeze(-1).square().sum(-1) - width.sum(-1)
    return Quadratic(rows.mT @ rows, (rows.mT @ away).squeeze(-1), constant).numbers


def rows_of(layout: Layout, names: Sequence[str]) -> list[int]:
    """Where some sites lie in a vector, in the order of their names."""
    return [i for name in names for i in range(layout.size)[layout.spans[name]]]


def require_linear(filter: GaussianFilter) -> None:
    """Raise ``ValueError`` unless the programs of a filter are linear."""
    if not filter.linear:
        expected = "linear programs in a level that shares real sites with another one"
        way_out = "Share discrete sites, with a Bank below."
        raise ValueError(complain("filter", expected, "programs that are not", way_out))


class GaussianLink(Link):
    r"""Real observation sites of a linear Gaussian filter that another model begins with.

    .. math::
        p(c) = N(C m + d, C P C^T + R), \qquad
        \log p(o|x) = \log \int N(c; C x + d, R) \, p(o|c) \, dc

    Args:
        filter: of the level that sets; its programs are linear.
        sites: observation sites of its model, whose noise is independent of the others'.

    Raises:
        ValueError: for programs that are not linear, or noise that is shared with other sites.
    """

    def __init__(self, filter: GaussianFilter, sites: Sequence[str]) -> None:
        require_linear(filter)
        layout = filter.programs.outcomes
        known_names("sites", sites, layout.names)
        self.filter, self.names = filter, tuple(sites)
        self.index = rows_of(layout, sites)
        others = [i for i in range(layout.size) if i not in self.index]
        cov = self._shown()[2]
        if bool((cov[self.index][:, others].abs() > 0).any()):
            expected = "noise that is independent of other sites'"
            raise ValueError(complain(f"sites {list(sites)}", expected, "shared noise"))

    def _shown(self) -> tuple[Tensor, Tensor, Tensor]:
        """Slope, offset and covariance of the noise of all observation sites."""
        programs = self.filter.programs
        show = programs.observe(torch.zeros_like(programs.made.initial.value))
        return show.slope, show.value, show.noise @ show.noise.mT

    def down(self, belief: GaussianBelief) -> Tensor:
        """The Gaussian that is predicted, ``(*batch, 1, 1 + k + k k)``."""
        slope, offset, noise = (part[self.index] for part in self._shown())
        mean = belief.mean @ slope.mT + offset
        cov = slope @ belief.cov @ slope.mT + noise[:, self.index]
        return mixture(torch.zeros_like(mean[..., 0]), mean, cov).unsqueeze(-2)

    def up(self, log_evidence: Tensor, message: Any = None) -> Tensor:
        """A quadratic of the own state, ``(*batch, n * n + n + 1)``."""
        slope, offset, noise = (part[self.index] for part in self._shown())
        told = Quadratic.of(log_evidence.to(slope), len(self.index))
        return told.blurred(noise[:, self.index]).pulled(slope, offset).numbers


def mixture(log_weights: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    """Weights ``(*batch)``, means and covariances of Gaussians as numbers, in a row for each."""
    batch = torch.broadcast_shapes(log_weights.shape, mean.shape[:-1], cov.shape[:-2])
    parts = (log_weights.unsqueeze(-1), mean, cov.flatten(-2))
    return torch.cat([part.expand(*batch, -1) for part in parts], -1)
