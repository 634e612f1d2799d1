"""Behavior: which agent a person is."""

from .behavior_fit import BehaviorFit
from .checks import (
    Calibration,
    Evidence,
    Identifiability,
    LearningCurve,
    LeaveOneOut,
    ModelRecovery,
    Recovery,
    Reenactment,
    Rehearsal,
    Score,
    calibrate,
    identifiability,
    learning_curve,
    recover,
    recover_models,
    reenact,
    rehearse,
)
from .choice_model import ChoiceModel
from .choices import Choices
from .chooser import Chooser
from .compare import Comparison, compare
from .data_frame import from_dataframe, to_dataframe
from .engines import (
    MAP,
    NUTS,
    AdaptiveImportance,
    Engine,
    Flow,
    Laplace,
    LowRank,
    MeanField,
    Variational,
)
from .fit import fit
from .many import fit_many
from .of_trajectory import from_trajectory
from .one_by_one import OneByOne
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
from .tabular import FixedTables, LearnedTables
from .tasks import Task

__all__ = [
    "MAP",
    "NUTS",
    "AdaptiveImportance",
    "BehaviorFit",
    "Calibration",
    "Centered",
    "ChoiceModel",
    "Choices",
    "Chooser",
    "Comparison",
    "Conditions",
    "Correlated",
    "DriftDiffusion",
    "Engine",
    "Evidence",
    "FixedTables",
    "Flat",
    "Flow",
    "Hierarchical",
    "Horseshoe",
    "Identifiability",
    "Laplace",
    "LearnedTables",
    "LearningCurve",
    "LeaveOneOut",
    "LogNormalTimes",
    "LowRank",
    "MeanField",
    "Mixture",
    "ModelRecovery",
    "NonCentered",
    "OneByOne",
    "Population",
    "Recovery",
    "Reenactment",
    "Regression",
    "Rehearsal",
    "RescorlaWagner",
    "ResponseTimes",
    "Score",
    "ShiftedWald",
    "Simulation",
    "Task",
    "Variational",
    "calibrate",
    "compare",
    "fit",
    "fit_many",
    "from_dataframe",
    "from_trajectory",
    "identifiability",
    "learning_curve",
    "recover",
    "recover_models",
    "reenact",
    "rehearse",
    "simulate",
    "split",
    "to_dataframe",
]
