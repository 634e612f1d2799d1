"""Level over level: a deep latent model, and the guide that recognizes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
from pyro import poutine
from pyro.nn import PyroModule
from torch import Tensor, nn

from .._checks import complain, positive_int
from ..flows import NormalizingFlow
from .level_links import BernoulliLink, GaussianLink, features, merged, shown, vectors


class HierarchicalVariational(PyroModule):
    r"""A hierarchical latent variable model; its ``guide`` recognizes all levels of it.

    .. math::
        p(x, z_{1:L}) = p(x|z_1) \prod_{i=1}^{L-1} p(z_i|z_{i+1}) \; N(z_L; 0, I), \qquad
        q(z_{1:L}|x) = q(z_L|x) \prod_{i=1}^{L-1} q(z_i|z_{i+1}, x)

    Sites are ``level{i}/z`` (1 = lowest) and ``level1/x``, so that free energy is reported level
    by level: ``VariationalFreeEnergy().decompose(model, model.guide, x).per_level``. The guide
    reads x from the bottom up, merges what it reads at each level with what the level above
    predicts, weighted by their precisions, and bends the result by a flow.

    The model is called with rows ``x (n, dims[0])``, or with ``size=`` to generate them. Train both
    with ``learning.fit(model, model.guide, x, batch_size=..)``.

    Args:
        dims: length of x, of the lowest level, .., of the topmost.
        hidden_dim: hidden units of the links; 0 for linear ones, whose posterior is Gaussian.
        flow_length: steps of the flow at each level; 0 for none.
        binary: whether x are zeros and ones (or shares of them); else they are real.

    Attributes:
        guide: the recognition model, a Pyro guide that shares the links between levels. Its
            parameters are its own: move or convert both, ``model.to(..); model.guide.to(..)``.

    Raises:
        ValueError: for fewer than two lengths, or sizes below one; on a call, for anything but
            rows of x of this length.

    Reference: Sonderby, Raiko, Maaloe, Sonderby and Winther (2016), "Ladder variational
    autoencoders", eqs. 11-14; Rezende and Mohamed (2015) for the flows.

    Example:
        >>> import torch
        >>> from pyro_activeinf import VariationalFreeEnergy
        >>> _ = pyro.set_rng_seed(0)
        >>> model = HierarchicalVariational([8, 4, 2], hidden_dim=16, flow_length=2)
        >>> terms = VariationalFreeEnergy().decompose(model, model.guide, torch.randn(10, 8))
        >>> list(terms.per_level)
        [1, 2]
        >>> model(size=3).shape
        torch.Size([3, 8])
    """

    def __init__(
        self, dims: Sequence[int], hidden_dim: int, flow_length: int = 4, *, binary: bool = False
    ) -> None:
        super().__init__()
        if not isinstance(dims, Sequence) or len(dims) < 2:
            way_out = "For example [64, 16, 8]: observed, lowest level, topmost level."
            raise ValueError(complain("dims", "two lengths or more", repr(dims), way_out))
        self.dims = [positive_int("dims", size) for size in dims]
        hidden = positive_int("hidden_dim", hidden_dim) if hidden_dim else 0
        length = positive_int("flow_length", flow_length) if flow_length else 0
        show = BernoulliLink if binary else GaussianLink
        self.show = show(self.dims[1], self.dims[0], hidden)
        pairs = zip(self.dims[2:], self.dims[1:], strict=False)
        self.links = nn.ModuleList(GaussianLink(above, here, hidden) for above, here in pairs)
        # not a submodule: what is learned of the two is kept apart
        self.__dict__["guide"] = Recognition(self, hidden, length)

    @property
    def depth(self) -> int:
        """Number of levels."""
        return len(self.dims) - 1

    def prior(self, level: int, above: Tensor | None) -> tuple[Tensor, Tensor]:
        """loc and scale of p(z_i | z_{i+1}), ``(*batch, dim)``; of N(0, I) at the top."""
        if above is None:
            like = self.like
            return like.new_zeros(self.dims[level]), like.new_ones(self.dims[level])
        return self.links[level - 1](above)

    def forward(self, x: Tensor | None = None, size: int = 1) -> Tensor:
        """The model; returns x, ``(n, dims[0])``."""
        if x is not None:
            x = vectors("x", x, self.dims[0], self.like)
        rows = positive_int("size", size) if x is None else len(x)
        with pyro.plate("rows", rows):
            z = _sampled(self.depth, *self.prior(self.depth, None))
            for level in range(self.depth - 1, 0, -1):
                z = _sampled(level, *self.prior(level, z))
            return pyro.sample("level1/x", shown(self.show, z), obs=x)

    def decode(self, z: Tensor, level: int = 1) -> Tensor:
        """The mean of x given z of some level, ``(*batch, dims[0])``: level by level by means.

        Raises:
            ValueError: for a level that is not there, or vectors of another length.
        """
        self._require_level(level)
        z = vectors("z", z, self.dims[level], self.like, rows=False)
        for lower in range(level - 1, 0, -1):
            z = self.prior(lower, z)[0]
        return shown(self.show, z).mean

    def generate(self, size: int = 1, level: int = 1) -> Tensor:
        """The mean of x given draws of a level and of all above it, ``(size, dims[0])``.

        What levels below would add is left out: side by side, levels show what each is for.

        Raises:
            ValueError: for a level that is not there, or a size below one.
        """
        self._require_level(level)
        z: Tensor | None = None
        for here in range(self.depth, level - 1, -1):
            loc, scale = self.prior(here, z)
            loc, scale = (part.expand(positive_int("size", size), -1) for part in (loc, scale))
            z = dist.Normal(loc, scale).rsample()
        return self.decode(z, level)  # type: ignore[arg-type]

    def recognize(self, x: Tensor, draws: int = 1) -> dict[int, Tensor]:
        """Draws of each level's z given x: level to ``(draws, n, dim)``.

        Raises:
            ValueError: for anything but rows of finite x, in [0, 1] where they are binary.
        """
        x = self.checked(x)
        trace = self._traced(self.guide, positive_int("draws", draws), x)
        return {level: trace.nodes[f"level{level}/z"]["value"] for level in self._levels()}

    def reconstruct(self, x: Tensor, level: int = 1) -> Tensor:
        """The mean of x' given one draw of z of a level, recognized from x: ``(n, dims[0])``."""
        self._require_level(level)
        return self.decode(self.recognize(x)[level].squeeze(0), level)

    def bound(self, x: Tensor, draws: int = 100) -> Tensor:
        r"""Importance-weighted bound of the log evidence of each row, ``(n)``, in nats.

        .. math:: \log p(x) \ge E\Big[\log \tfrac1K \sum_k \frac{p(x, z_k)}{q(z_k|x)}\Big]

        Reference: Burda, Grosse and Salakhutdinov (2016), "Importance weighted autoencoders",
        eq. 8.
        """
        x = self.checked(x)
        guide = self._traced(self.guide, positive_int("draws", draws), x)
        model = self._traced(poutine.replay(self, trace=guide), draws, x)
        for trace in (guide, model):
            trace.compute_log_prob()
        names = [f"level{level}/z" for level in self._levels()]
        weights = sum(model.nodes[n]["log_prob"] - guide.nodes[n]["log_prob"] for n in names)
        weights = weights + model.nodes["level1/x"]["log_prob"]
        return weights.logsumexp(0) - math.log(draws)

    @property
    def like(self) -> Tensor:
        """A tensor of the type and on the device of the model's parameters."""
        return next(self.show.parameters())

    def checked(self, x: Any) -> Tensor:
        """Rows of x that can have been seen, ``(n, dims[0])``.

        Raises:
            ValueError: for other shapes, for numbers that are not finite, or beyond [0, 1] where
                x are binary.
        """
        x = vectors("x", x, self.dims[0], self.like)
        binary = isinstance(self.show, BernoulliLink)
        if not bool(((x >= 0) & (x <= 1) if binary else x.isfinite()).all()):
            expected = "zeros and ones, or shares of them" if binary else "finite numbers"
            raise ValueError(complain("x", expected, f"numbers from {x.min()} to {x.max()}"))
        return x

    def _require_level(self, level: int) -> None:
        if level not in self._levels():
            raise ValueError(complain("level", f"a level from 1 to {self.depth}", repr(level)))

    def _levels(self) -> range:
        return range(1, self.depth + 1)

    def _traced(self, program: Any, draws: int, x: Tensor) -> Any:
        with pyro.plate("draws", draws, dim=-2):
            return poutine.trace(program).get_trace(x)


class Recognition(PyroModule):
    """The guide of a :class:`HierarchicalVariational`: up through x, and down again."""

    def __init__(self, model: HierarchicalVariational, hidden_dim: int, flow_length: int) -> None:
        super().__init__("recognition")
        self.__dict__["model"] = model
        widths = [model.dims[0], *[hidden_dim or model.dims[0]] * model.depth]
        self.up = nn.ModuleList(features(width, hidden_dim) for width in widths[:-1])
        sizes = list(zip(widths[1:], model.dims[1:], strict=True))
        self.read = nn.ModuleList(GaussianLink(width, dim, 0) for width, dim in sizes)
        self.flows = nn.ModuleList(
            NormalizingFlow(dim, flow_length, "affine_coupling" if dim > 1 else "planar", width)
            if flow_length
            else nn.Identity()
            for width, dim in sizes
        )

    def forward(self, x: Tensor, size: int = 1) -> Mapping[int, Tensor]:
        """Sample every level given rows ``x (n, dims[0])``: level to z."""
        model: HierarchicalVariational = self.__dict__["model"]
        like = next(self.read.parameters())
        if (like.dtype, like.device) != (model.like.dtype, model.like.device):
            expected, got = (f"parameters {p.dtype} on {p.device}" for p in (model.like, like))
            way_out = "Move or convert both: model.to(..) and model.guide.to(..)."
            raise ValueError(complain("guide", f"{expected}, as the model has", got, way_out))
        x = vectors("x", x, model.dims[0], like)
        inner, z, found = self._up(x), None, {}
        with pyro.plate("rows", len(x)):
            for level in range(model.depth, 0, -1):
                read = self.read[level - 1](inner[level - 1])
                loc, scale = merged(read, model.prior(level, z))
                q: Any = dist.Normal(loc, scale).to_event(1)
                flow = self.flows[level - 1]
                if isinstance(flow, NormalizingFlow):
                    q = flow.condition(inner[level - 1]).distribution(q)
                z = found[level] = pyro.sample(f"level{level}/z", q)
        return found

    def _up(self, x: Tensor) -> list[Tensor]:
        """What each level reads, ``(n, width)``."""
        found, inner = [], x
        for layer in self.up:
            inner = layer(inner)
            found.append(inner)
        return found


def _sampled(level: int, loc: Tensor, scale: Tensor) -> Tensor:
    return pyro.sample(f"level{level}/z", dist.Normal(loc, scale).to_event(1))
