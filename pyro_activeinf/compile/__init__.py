"""Programs to tables: run a discrete program once, read its sparse factor graph off the shapes."""

from .cache import Compiled, Settled, Snapshot
from .counted import Counted, CountedCategorical, Source
from .enumerate import ProgramError
from .given import Given, every_value, finite_sites
from .instead import Instead, preferred_sites
from .linear import LOG_2PI, Linearized, log_det
from .linear_preferences import RealPreferences
from .linear_programs import Affine, LinearPrograms, apply
from .linear_sites import Layout
from .program import (
    Programs,
    compile_habit,
    compile_preferences,
    compile_program,
    control_sizes,
    depends_on_step,
    habit_tables,
)
from .tables import Role, Site, Table, Tables, Variable, whole
from .wishes import Wishes, wished_sites

__all__ = [
    "LOG_2PI",
    "Affine",
    "Compiled",
    "Counted",
    "CountedCategorical",
    "Given",
    "Instead",
    "Layout",
    "LinearPrograms",
    "Linearized",
    "ProgramError",
    "Programs",
    "RealPreferences",
    "Role",
    "Settled",
    "Site",
    "Snapshot",
    "Source",
    "Table",
    "Tables",
    "Variable",
    "Wishes",
    "apply",
    "compile_habit",
    "compile_preferences",
    "compile_program",
    "control_sizes",
    "depends_on_step",
    "every_value",
    "finite_sites",
    "habit_tables",
    "log_det",
    "preferred_sites",
    "whole",
    "wished_sites",
]
