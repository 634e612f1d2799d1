"""How the parameters of persons hang together."""

from .base import Population, Program
from .conditions import Conditions
from .design import Design, design
from .deviations import Centered, Correlated, Deviations, NonCentered
from .flat import Flat
from .hierarchical import Hierarchical
from .horseshoe import Horseshoe
from .labels import event_labels
from .mixture import Mixture
from .regression import Regression

__all__ = [
    "Centered",
    "Conditions",
    "Correlated",
    "Design",
    "Deviations",
    "Flat",
    "Hierarchical",
    "Horseshoe",
    "Mixture",
    "NonCentered",
    "Population",
    "Program",
    "Regression",
    "design",
    "event_labels",
]
