"""Checks: what a task and an inference tell about persons who are known."""

from .calibration import Calibration, calibrate
from .identifiability import Identifiability, identifiability
from .learning_curve import LearningCurve, learning_curve
from .model_recovery import Evidence, LeaveOneOut, ModelRecovery, Score, recover_models
from .recover import Recovery, recover
from .reenact import Reenactment, reenact
from .rehearsal import Rehearsal, rehearse

__all__ = [
    "Calibration",
    "Evidence",
    "Identifiability",
    "LearningCurve",
    "LeaveOneOut",
    "ModelRecovery",
    "Recovery",
    "Reenactment",
    "Rehearsal",
    "Score",
    "calibrate",
    "identifiability",
    "learning_curve",
    "recover",
    "recover_models",
    "reenact",
    "rehearse",
]
