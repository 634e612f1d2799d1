"""Free energy as an ELBO: variational of any model and guide, expected of the future."""

from ._weights import AccuracyWeight, ComplexityWeight, Weight
from .bound import Bound, tighten
from .choice import choose
from .estimated import Estimated
from .estimator import Estimator
from .exact import Exact
from .expected import ExpectedFreeEnergy
from .gaussian import Gaussian
from .mixed import Mixed
from .nested import Nested
from .novelty import ParameterDraws
from .outcome_rules import Draws, OutcomeRule, Quadrature
from .policies import score_policies
from .preferences import Preferences
from .variational import VariationalFreeEnergy

__all__ = [
    "AccuracyWeight",
    "Bound",
    "ComplexityWeight",
    "Draws",
    "Estimated",
    "Estimator",
    "Exact",
    "ExpectedFreeEnergy",
    "Gaussian",
    "Mixed",
    "Nested",
    "OutcomeRule",
    "ParameterDraws",
    "Preferences",
    "Quadrature",
    "VariationalFreeEnergy",
    "Weight",
    "choose",
    "score_policies",
    "tighten",
]
