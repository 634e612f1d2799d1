"""Generative models: the base class, and models that come ready."""

from .arrays import Arrays, to_arrays
from .base import GenerativeModel
from .gym import GymnasiumModel, from_gymnasium
from .pomdp import POMDP
from .preferences import LogPreferences
from .tmaze import TMaze
from .unroll import future, unroll

__all__ = [
    "POMDP",
    "Arrays",
    "GenerativeModel",
    "GymnasiumModel",
    "LogPreferences",
    "TMaze",
    "from_gymnasium",
    "future",
    "to_arrays",
    "unroll",
]
