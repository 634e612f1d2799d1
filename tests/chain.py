"""The closed forms of a deep latent model whose links are linear: all that is known is Gaussian."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from pyro_activeinf.models import HierarchicalVariational

Link = tuple[Tensor, Tensor, Tensor]  # W (below, above), b (below), standard deviations (below)


def linear(link: Any) -> Link:
    """Numbers of a link without hidden units."""
    W, b = link.loc.weight.detach(), link.loc.bias.detach()
    return W, b, link(W.new_zeros(1, W.shape[1]))[1].detach().squeeze(0)


def downward(model: HierarchicalVariational) -> Iterator[Link]:
    """Links from the topmost level to x."""
    for link in [*reversed(model.links), model.show]:
        yield linear(link)


def moments(model: HierarchicalVariational) -> tuple[Tensor, Tensor]:
    """Mean and covariance of x and all levels in a row, the lowest first."""
    mean, cov = torch.zeros(model.dims[-1]), torch.eye(model.dims[-1])
    for W, b, scale in downward(model):
        above = W.shape[1]
        across = W @ cov[:above]
        here = across[:, :above] @ W.T + scale.square().diag()
        mean = torch.cat([W @ mean[:above] + b, mean])
        cov = torch.cat([torch.cat([here, across], 1), torch.cat([across.T, cov], 1)], 0)
    return mean, cov


def posterior(model: HierarchicalVariational, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (n, dims) and covariance of z given x, and log p(x), (n): conditioning a Gaussian."""
    mean, cov = moments(model)
    n = model.dims[0]
    gain = torch.linalg.solve(cov[:n, :n], cov[:n, n:]).T
    z = mean[n:] + (x - mean[:n]) @ gain.T
    evidence = torch.distributions.MultivariateNormal(mean[:n], cov[:n, :n]).log_prob(x)
    return z, cov[n:, n:] - gain @ cov[:n, n:], evidence


def free_energies(model: HierarchicalVariational, x: Tensor) -> dict[int, float]:
    """F_i of each level under the model's own guide (without flows), for rows x (n, dims[0])."""
    top = model.dims[-1]
    nothing = torch.zeros(top, 0), torch.zeros(top), torch.ones(top)
    mean, cov = x.new_zeros(len(x), 0), x.new_zeros(0, 0)  # of the level above, under q
    found: dict[int, float] = {}
    links = [nothing, *downward(model)]
    for level, (W, b, prior) in zip(range(model.depth, 0, -1), links[:-1], strict=True):
        V, v, read = linear(model.guide.read[level - 1])
        share = read.square() / (read.square() + prior.square())  # of what the prior says
        var = share * prior.square()
        A = share.unsqueeze(-1) * W
        c = (1 - share) * (x @ V.T + v) + share * b
        off = (c - b + mean @ (A - W).T).square() + ((A - W) @ cov @ (A - W).T).diag()
        ratio = var / prior.square()
        found[level] = 0.5 * float((ratio - 1 - ratio.log() + off / prior.square()).sum())
        mean, cov = c + mean @ A.T, A @ cov @ A.T + var.diag()
    W, b, scale = links[-1]
    off = (x - mean @ W.T - b).square() + (W @ cov @ W.T).diag()
    missed = (2 * math.pi * scale.square()).log() + off / scale.square()
    found[1] += 0.5 * float(missed.sum())
    return found


def make_exact(model: HierarchicalVariational) -> None:
    """Let the guide read at each level what x tells of it, where levels are of one coordinate.

    What x tells of z_i, N(x; a z_i + d, S), is a Gaussian in z_i with precision a' S^-1 a; merged
    with what the level above predicts it is the posterior.
    """
    W, b, scale = linear(model.show)
    a, d, S = W, b, scale.square().diag()
    for level, read in enumerate(model.guide.read, 1):
        precision = a.T @ torch.linalg.solve(S, a)
        weight = torch.linalg.solve(S, a).T / precision
        read.loc.weight.data, read.loc.bias.data = weight, -weight @ d
        read.constant.data = (precision.rsqrt().squeeze(-1) - 1e-3).expm1().log()
        if level < model.depth:
            W, b, scale = linear(model.links[level - 1])
            a, d, S = a @ W, d + a @ b, S + (a * scale.square()) @ a.T


class Balanced(Messenger):
    r"""Draws in place of random ones whose mean is the expectation of any quadratic function.

    With D coordinates in all: the 2 D points :math:`\pm \sqrt D e_j`, standardized, as particles
    ``(2 D, 1, dim)``, which a Gaussian site scales and moves.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.points = math.sqrt(dims) * torch.cat([torch.eye(dims), -torch.eye(dims)]).unsqueeze(1)
        self.used = 0

    def __enter__(self) -> Any:
        self.used = 0
        return super().__enter__()

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"].endswith("/z"):
            here = slice(self.used, self.used + msg["fn"].event_shape[0])
            msg["value"] = msg["fn"].mean + msg["fn"].stddev * self.points[..., here]
            self.used = here.stop
