"""Comparison of models of behavior."""

from .bms import GroupSelection, exceedance, select
from .comparison import Comparison, compare
from .elpd import Elpd, loo, stacking, waic

__all__ = [
    "Comparison",
    "Elpd",
    "GroupSelection",
    "compare",
    "exceedance",
    "loo",
    "select",
    "stacking",
    "waic",
]
