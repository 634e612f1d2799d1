"""Learning: parameters of models and guides, by descent on their free energy."""

from . import annealing
from .annealing import LearningRate, RobbinsMonro
from .compilation import FallbackWarning, inductor
from .compiled import CompiledSteps, compiled
from .dirichlet import DirichletUpdate, LearnedCounts, learn_dirichlet
from .dirichlet_learner import DirichletLearner, EachEpisode, EachStep
from .fit import fit
from .learner import Experience, Learner
from .natural import NaturalGradientSVI
from .online import OnlineLearner
from .replay import Replay, Transitions
from .run import TrainingRun
from .stopping import Plateau

__all__ = [
    "CompiledSteps",
    "DirichletLearner",
    "DirichletUpdate",
    "EachEpisode",
    "EachStep",
    "Experience",
    "FallbackWarning",
    "LearnedCounts",
    "Learner",
    "LearningRate",
    "NaturalGradientSVI",
    "OnlineLearner",
    "Plateau",
    "Replay",
    "RobbinsMonro",
    "TrainingRun",
    "Transitions",
    "annealing",
    "compiled",
    "fit",
    "inductor",
    "learn_dirichlet",
]
