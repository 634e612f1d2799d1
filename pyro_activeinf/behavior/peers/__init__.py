"""Peers: other models of how people choose, to be compared with active inference.

Each is a :class:`~.Chooser` of tensors with the batch dims of persons, and goes where an agent goes
in :class:`~.ChoiceModel`.
"""

from .base import RewardFollower
from .hgf import HierarchicalGaussianFilter
from .kalman import KalmanLearner
from .random_choice import RandomChoice
from .rescorla_wagner import RescorlaWagner
from .win_stay import WinStayLoseShift

__all__ = [
    "HierarchicalGaussianFilter",
    "KalmanLearner",
    "RandomChoice",
    "RescorlaWagner",
    "RewardFollower",
    "WinStayLoseShift",
]
