"""Figures of what an agent believed, planned and did.

Each function but :func:`animate`, which writes a file, returns a
:class:`matplotlib.figure.Figure` that belongs to no window: save it with
``figure.savefig("beliefs.pdf")``, or let a notebook show it. Matplotlib is imported at the first
figure, and its settings stay as they are. Colors are told apart by readers with color-vision
deficiencies and, with line styles, markers and hatches, in print without color.
"""

from .animation import animate
from .behavior_maps import identifiability, learning_curve
from .belief_maps import beliefs
from .energy_lines import free_energy
from .factor_graphs import model
from .flow_steps import flow
from .grid import Grid
from .grid_maps import grid_beliefs
from .hierarchy_maps import hierarchy
from .manifold_maps import manifold
from .plan_trees import plan
from .policy_charts import policies
from .recovery_maps import confusion, ranks, recovery
from .training_lines import training

__all__ = [
    "Grid",
    "animate",
    "beliefs",
    "confusion",
    "flow",
    "free_energy",
    "grid_beliefs",
    "hierarchy",
    "identifiability",
    "learning_curve",
    "manifold",
    "model",
    "plan",
    "policies",
    "ranks",
    "recovery",
    "training",
]
