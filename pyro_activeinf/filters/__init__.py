"""Filters: the recursions that carry a belief, by prediction and update."""

from .auto import auto
from .bank import Bank
from .bank_belief import BankBelief
from .base import Branches, BranchingFilter, Filter, PolicyScoring, SweepingFilter
from .belief import JointBelief
from .context import Context, Link
from .disagreement import Disagreement, Moments, Pairs
from .exact import ExactFilter
from .factorized import FactorizedFilter
from .factorized_belief import FactorizedBelief
from .gaussian import GaussianFilter
from .gaussian_belief import GaussianBelief
from .gaussian_smoothing import GaussianSmoothing
from .hidden_markov import HiddenMarkovFilter
from .nested import nested_terms
from .novelty_rules import InverseCounts, MutualInformation, TableNovelty
from .observed import ObservedFilter
from .observed_belief import ObservedBelief
from .particle import ParticleFilter
from .particle_belief import ParticleBelief
from .particle_smoothing import PathSmoothing
from .prediction import Estimate, Likelihood, Prediction
from .resampling import Resampling, Stratified, Systematic
from .smoothing import Smoothing

__all__ = [
    "Bank",
    "BankBelief",
    "Branches",
    "BranchingFilter",
    "Context",
    "Disagreement",
    "Estimate",
    "ExactFilter",
    "FactorizedBelief",
    "FactorizedFilter",
    "Filter",
    "GaussianBelief",
    "GaussianFilter",
    "GaussianSmoothing",
    "HiddenMarkovFilter",
    "InverseCounts",
    "JointBelief",
    "Likelihood",
    "Link",
    "Moments",
    "MutualInformation",
    "ObservedBelief",
    "ObservedFilter",
    "Pairs",
    "ParticleBelief",
    "ParticleFilter",
    "PathSmoothing",
    "PolicyScoring",
    "Prediction",
    "Resampling",
    "Smoothing",
    "Stratified",
    "SweepingFilter",
    "Systematic",
    "TableNovelty",
    "auto",
    "nested_terms",
]
