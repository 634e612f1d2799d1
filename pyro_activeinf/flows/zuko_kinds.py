"""Kinds from zuko, an optional library, without what its import does to the process."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from .._checks import complain, positive_int
from .kind import StepKind
from .layer import Layer
from .networks import SMALL

INSTALL = 'Install it: pip install "pyro-activeinf[zuko]".'


def load() -> Any:
    """Import zuko, and put back the argument validation that its import switches off.

    Importing zuko sets ``Distribution._validate_args`` to ``False`` and its ``arg_constraints`` to
    an empty dict, for torch and Pyro as well. Both are kept for the classes of zuko alone, which
    cannot do without.

    Raises:
        ImportError: where zuko is not installed.
    """
    try:
        with _validation_kept():
            import zuko

            _spare(zuko.distributions)
    except ImportError as error:
        way_out = f"{INSTALL} Or take flows.Inverse(flows.SplineAutoregressive())."
        raise ImportError(complain("zuko", "an installed package", "none", way_out)) from error
    return zuko


@contextmanager
def _validation_kept() -> Iterator[None]:
    names = ("_validate_args", "arg_constraints")
    before = {name: vars(Distribution)[name] for name in names}
    if "zuko" in sys.modules:  # whoever imported it had it their way
        yield
        return
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(Distribution, name, value)


def _spare(module: Any) -> None:
    """Leave the distributions of zuko unvalidated, as they expect to be."""
    values = vars(module).values()
    own: list[Any] = [x for x in values if isinstance(x, type) and x.__module__.startswith("zuko.")]
    for found in own:
        found._validate_args = False
        if "arg_constraints" not in vars(found):
            found.arg_constraints = {}


class ZukoLayer(Layer):
    """A lazy transform of zuko. It leads from values to the base; so the layer is its inverse."""

    invertible = True

    def __init__(self, transform: nn.Module) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From the base to values: the transform's inverse."""
        x, log_det = self.transform(context).inv.call_and_ladj(z)
        return x, log_det

    def inverse(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """From values to the base: the transform."""
        z, log_det = self.transform(context).call_and_ladj(x)
        return z, -log_det


class ZukoKind(StepKind):
    """A masked autoregressive transform of zuko, whatever the function of a coordinate is."""

    hidden_dims: Sequence[int]
    passes: int | None
    invertible: ClassVar[bool] = True
    ordered: ClassVar[bool] = True

    @abstractmethod
    def univariate(self, zuko: Any) -> tuple[Any, Sequence[tuple[int, ...]]]:
        """The function of a coordinate, and the shapes of its numbers."""

    def layer(self, dim: int, context_dim: int) -> ZukoLayer:
        """A transform whose functions are near the identity."""
        zuko = load()
        univariate, shapes = self.univariate(zuko)
        transform = zuko.flows.autoregressive.MaskedAutoregressiveTransform(
            dim,
            context_dim,
            self.passes,
            univariate=univariate,
            shapes=shapes,
            hidden_features=list(self.hidden_dims),
        )
        with torch.no_grad():
            for parameter in transform.hyper[-1].parameters():
                parameter.mul_(SMALL)
        return ZukoLayer(transform)


def _checked_passes(passes: int | None) -> None:
    if passes is not None:
        positive_int("passes", passes)


@dataclass(frozen=True)
class ZukoAffineAutoregressive(ZukoKind):
    r"""The affine autoregressive step of zuko.

    .. math:: z_d = \mu_d(x_{1:d-1}) + \sigma_d(x_{1:d-1}) x_d

    Fast for densities; sampling takes a pass for each coordinate, or as many as ``passes``.

    Args:
        hidden_dims: units of each hidden layer of the network.
        passes: sampling takes so many passes, one for each group of coordinates; ``None`` for one
            for each coordinate, 2 for a coupling.

    Raises:
        ValueError: for a number of passes below 1.
        ImportError: where zuko is not installed, when the flow is built.

    Reference: Papamakarios, Pavlakou and Murray (2017), "Masked autoregressive flow for density
    estimation"; Rozet et al. (2022), "Zuko: normalizing flows in PyTorch".

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(3, 2, ZukoAffineAutoregressive(hidden_dims=(16,)))
        >>> z = torch.randn(5, 3)
        >>> bool(torch.allclose(flow.inverse(flow(z)[0]), z))
        True
    """

    hidden_dims: Sequence[int] = (64, 64)
    passes: int | None = None

    def __post_init__(self) -> None:
        """Check the number of passes."""
        _checked_passes(self.passes)

    def univariate(self, zuko: Any) -> tuple[Any, Sequence[tuple[int, ...]]]:
        """A shift and a scale."""
        return zuko.transforms.MonotonicAffineTransform, ((), ())


@dataclass(frozen=True)
class ZukoSplineAutoregressive(ZukoKind):
    r"""The neural spline step of zuko (rational-quadratic splines on [-5, 5]).

    .. math:: z_d = g_{\theta_d(x_{1:d-1})}(x_d)

    Fast for densities; sampling takes a pass for each coordinate, or as many as ``passes``.

    Args:
        hidden_dims: units of each hidden layer of the network.
        count_bins: number of pieces.
        passes: sampling takes so many passes, one for each group of coordinates; ``None`` for one
            for each coordinate, 2 for a coupling.

    Raises:
        ValueError: for a number of passes or bins below 1.
        ImportError: where zuko is not installed, when the flow is built.

    Reference: Durkan, Bekasov, Murray and Papamakarios (2019), "Neural spline flows"; Rozet et al.
    (2022), "Zuko: normalizing flows in PyTorch".

    Example:
        >>> from pyro_activeinf.flows import NormalizingFlow
        >>> flow = NormalizingFlow(3, 2, ZukoSplineAutoregressive(hidden_dims=(16,)))
        >>> flow.inverse(torch.zeros(5, 3)).shape
        torch.Size([5, 3])
    """

    hidden_dims: Sequence[int] = (64, 64)
    count_bins: int = 8
    passes: int | None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        positive_int("count_bins", self.count_bins)
        _checked_passes(self.passes)

    def univariate(self, zuko: Any) -> tuple[Any, Sequence[tuple[int, ...]]]:
        """A rational-quadratic spline."""
        bins = self.count_bins
        spline = partial(zuko.transforms.MonotonicRQSTransform, slope=1e-3)
        return spline, ((bins,), (bins,), (bins - 1,))
