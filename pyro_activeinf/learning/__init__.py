"""Learning: parameters of models and guides, by descent on their free energy."""

from . import annealing, distributed
from .annealing import LearningRate, RobbinsMonro
from .compilation import FallbackWarning, inductor
from .compiled import CompiledSteps, compiled
from .dirichlet import DirichletUpdate, LearnedCounts, learn_dirichlet
from .dirichlet_evidence import evidence_bound, log_evidence
from .dirichlet_learner import DirichletLearner, EachEpisode, EachStep
from .expand import Expansion, expand
from .fit import fit
from .learner import Experience, Learner
from .natural import NaturalGradientSVI
from .online import OnlineLearner
from .reduce import Hypotheses, Priors, Prune, Reduction, reduce, reduction_gain
from .replay import Replay, Transitions
from .run import TrainingRun
from .stopping import Plateau

__all__ = [
    "CompiledSteps",
    "DirichletLearner",
    "DirichletUpdate",
    "EachEpisode",
    "EachStep",
    "Expansion",
    "Experience",
    "FallbackWarning",
    "Hypotheses",
    "LearnedCounts",
    "Learner",
    "LearningRate",
    "NaturalGradientSVI",
    "OnlineLearner",
    "Plateau",
    "Priors",
    "Prune",
    "Reduction",
    "Replay",
    "RobbinsMonro",
    "TrainingRun",
    "Transitions",
    "annealing",
    "compiled",
    "distributed",
    "evidence_bound",
    "expand",
    "fit",
    "inductor",
    "learn_dirichlet",
    "log_evidence",
    "reduce",
    "reduction_gain",
]
