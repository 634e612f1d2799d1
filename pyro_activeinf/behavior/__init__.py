"""Behavior: which agent a person is."""

from .behavior_fit import BehaviorFit
from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser
from .data_frame import from_dataframe, to_dataframe
from .engines import NUTS, Engine, Flow, LowRank, MeanField, Variational
from .fit import fit
from .of_trajectory import from_trajectory
from .peers import RescorlaWagner
from .populations import (
    Centered,
    Conditions,
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
from .rows import split
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
    "Conditions",
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
    "from_trajectory",
    "simulate",
    "split",
    "to_dataframe",
]
