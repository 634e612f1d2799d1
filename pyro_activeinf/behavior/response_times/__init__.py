"""How long it takes to choose: response times, given what an agent makes of a trial."""

from .base import ResponseTimes, times_of
from .difficulty import entropy, log_odds, surprise
from .drift_diffusion import DriftDiffusion
from .log_normal import LogNormalTimes
from .shifted_wald import ShiftedWald

__all__ = [
    "DriftDiffusion",
    "LogNormalTimes",
    "ResponseTimes",
    "ShiftedWald",
    "entropy",
    "log_odds",
    "surprise",
    "times_of",
]
