"""Generative models: the base class, and models that come ready."""

from .arrays import Arrays, to_arrays
from .base import GenerativeModel
from .grid_world import GridWorld
from .gym import GymnasiumModel, from_gymnasium
from .pomdp import POMDP
from .preferences import LogPreferences
from .rock_sample import RockSample
from .tiger import Tiger
from .tmaze import TMaze
from .unroll import future, unroll

__all__ = [
    "POMDP",
    "Arrays",
    "GenerativeModel",
    "GridWorld",
    "GymnasiumModel",
    "LogPreferences",
    "RockSample",
    "TMaze",
    "Tiger",
    "from_gymnasium",
    "future",
    "to_arrays",
    "unroll",
]
