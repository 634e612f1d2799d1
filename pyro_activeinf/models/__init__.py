"""Generative models: the base class, and models that come ready."""

from .arrays import Arrays, to_arrays
from .base import GenerativeModel
from .categorical_table import CategoricalTable
from .corridor import Corridor
from .dynamics import NeuralDynamics
from .grid_world import GridWorld
from .gym import GymnasiumModel, from_gymnasium
from .hierarchical import HierarchicalVariational
from .linear_gaussian import LinearGaussian
from .neural import Neural
from .neural_heads import Bayesian, Certain, Ensemble, Uncertainty
from .pomdp import POMDP
from .predictive_coding import Coded, PredictiveCoding
from .preferences import LogDensity, LogPreferences
from .reading import ReadingFlat, ReadingPage, ReadingSentence
from .reading_line import LineFlat, LineText, LineWord
from .reversal_learning import ReversalLearning
from .rock_sample import RockSample
from .tiger import Tiger
from .tmaze import TMaze
from .two_rooms import RoomLegs, RoomWalk, next_to_aim, rooms
from .unroll import future, unroll

__all__ = [
    "POMDP",
    "Arrays",
    "Bayesian",
    "CategoricalTable",
    "Certain",
    "Coded",
    "Corridor",
    "Ensemble",
    "GenerativeModel",
    "GridWorld",
    "GymnasiumModel",
    "HierarchicalVariational",
    "LineFlat",
    "LineText",
    "LineWord",
    "LinearGaussian",
    "LogDensity",
    "LogPreferences",
    "Neural",
    "NeuralDynamics",
    "PredictiveCoding",
    "ReadingFlat",
    "ReadingPage",
    "ReadingSentence",
    "ReversalLearning",
    "RockSample",
    "RoomLegs",
    "RoomWalk",
    "TMaze",
    "Tiger",
    "Uncertainty",
    "from_gymnasium",
    "future",
    "next_to_aim",
    "rooms",
    "to_arrays",
    "unroll",
]
