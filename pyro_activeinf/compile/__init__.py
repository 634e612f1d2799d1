"""Programs to tables: run a discrete program once, read its sparse factor graph off the shapes."""

from .cache import Compiled, Settled, Snapshot
from .counted import Counted, CountedCategorical, Source
from .enumerate import ProgramError
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

__all__ = [
    "Compiled",
    "Counted",
    "CountedCategorical",
    "ProgramError",
    "Programs",
    "Role",
    "Settled",
    "Site",
    "Snapshot",
    "Source",
    "Table",
    "Tables",
    "Variable",
    "compile_habit",
    "compile_preferences",
    "compile_program",
    "control_sizes",
    "depends_on_step",
    "habit_tables",
    "whole",
]
