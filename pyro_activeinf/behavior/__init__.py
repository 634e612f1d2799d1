"""Behavior: which agent a person is."""

from .behavior_fit import BehaviorFit
from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser
from .data_frame import from_dataframe, to_dataframe
from .engines import NUTS, Engine, Flow, LowRank, MeanField, Variational
from .fit import fit
from .peers import RescorlaWagner
from .populations import (
    Centered,
    Correlated,
    Flat,
    Hierarchical,
    Horseshoe,
    Mixture,
    NonCentered,
    Population,
    Regression,
)
from .response_times import DriftDiffusion, LogNormalTimes, ResponseTimes, ShiftedWald
from .simulate import Simulation, simulate
from .tabular import FixedTables
from .tasks import Task

__all__ = [
    "NUTS",
    "BehaviorFit",
    "Centered",
    "ChoiceModel",
    "Choices",
    "Chooser",
    "Correlated",
    "DriftDiffusion",
    "Engine",
    "FixedTables",
    "Flat",
    "Flow",
    "Hierarchical",
    "Horseshoe",
    "LogNormalTimes",
    "LowRank",
    "MeanField",
    "Mixture",
    "NonCentered",
    "Population",
    "Regression",
    "RescorlaWagner",
    "ResponseTimes",
    "ShiftedWald",
    "Simulation",
    "Task",
    "Variational",
    "fit",
    "from_dataframe",
    "simulate",
    "to_dataframe",
]
