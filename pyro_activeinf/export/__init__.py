"""Export: records as ArviZ data."""

from . import agents, fits, programs, reenactments, simulations, training, trajectory
from .arviz_data import to_arviz
from .programs import Guided
from .trajectory import policy_names

__all__ = [
    "Guided",
    "agents",
    "fits",
    "policy_names",
    "programs",
    "reenactments",
    "simulations",
    "to_arviz",
    "training",
    "trajectory",
]
