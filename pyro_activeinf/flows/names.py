"""Kinds by name."""

from __future__ import annotations

from collections.abc import Callable

from .._checks import complain
from .autoregressive import AffineAutoregressive, NeuralAutoregressive, SplineAutoregressive
from .coupling import AffineCoupling, SplineCoupling
from .elementwise import Spline
from .kind import Kind
from .residual import Householder, Planar, Radial
from .sylvester import Sylvester
from .zuko_kinds import ZukoAffineAutoregressive, ZukoSplineAutoregressive

KINDS: dict[str, Callable[[], Kind]] = {
    "planar": Planar,
    "radial": Radial,
    "sylvester": Sylvester,
    "householder": Householder,
    "spline": Spline,
    "affine_coupling": AffineCoupling,
    "spline_coupling": SplineCoupling,
    "affine_autoregressive": AffineAutoregressive,
    "spline_autoregressive": SplineAutoregressive,
    "neural_autoregressive": NeuralAutoregressive,
    "zuko_affine_autoregressive": ZukoAffineAutoregressive,
    "zuko_spline_autoregressive": ZukoSplineAutoregressive,
}


def kind_of(kind: Kind | str) -> Kind:
    """The kind itself, or the one of this name with its default settings.

    Raises:
        TypeError: for what is neither a kind nor a name.
        ValueError: for an unknown name.

    Example:
        >>> kind_of("planar")
        Planar(hidden_dims=(64, 64))
    """
    if isinstance(kind, Kind):
        return kind
    if not isinstance(kind, str):
        expected = "a kind, such as flows.AffineCoupling(), or its name"
        raise TypeError(complain("kind", expected, repr(kind)))
    if kind not in KINDS:
        raise ValueError(complain("kind", f"one of {sorted(KINDS)}", repr(kind)))
    return KINDS[kind]()
