"""How the values of a state site lie in a grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._checks import complain, known_names, positive_int
from ..records import Trajectory

Cell = tuple[int, int]  # row and column, from the top left
MOVES: tuple[Cell, ...] = ((0, -1), (1, 0), (0, 1), (-1, 0))


@dataclass(frozen=True)
class Grid:
    """A grid of cells that are the values of a state site, row by row from the top left.

    Args:
        shape: number of rows and of columns.
        site: the state site; by default the only one with as many values as there are cells.
        observed: the observation site whose values are cells, to be marked.
        moves: where each action leads, as (row, column); left, down, right, up by default, as in
            FrozenLake and GridWorld. Empty for no arrows.
        walls: cells (row, column) to be hatched.
        marks: a letter or word for some cells.

    Raises:
        ValueError: for a shape that is not of two integers of at least 1, or a cell outside of it.

    Example:
        >>> lake = Grid((4, 4), observed="observation", marks={(3, 3): "G"})
        >>> lake.cell(14)
        (3, 2)
    """

    shape: tuple[int, int]
    site: str | None = None
    observed: str | None = None
    moves: Sequence[Cell] = MOVES
    walls: Sequence[Cell] = ()
    marks: Mapping[Cell, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the shape and the cells."""
        if len(self.shape) != 2:
            raise ValueError(complain("shape", "(rows, columns)", self.shape))
        rows, columns = (positive_int("shape", size) for size in self.shape)
        for argument, cells in (("walls", self.walls), ("marks", self.marks)):
            if not all(0 <= row < rows and 0 <= column < columns for row, column in cells):
                expected = f"cells (row, column) of a grid of {rows} by {columns}"
                raise ValueError(complain(argument, expected, list(cells)))

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.shape[0] * self.shape[1]

    def cell(self, index: int) -> Cell:
        """Row and column of a value of the site."""
        row, column = divmod(index, self.shape[1])
        return row, column

    def site_of(self, trajectory: Trajectory) -> str:
        """The state site that lies in the grid.

        Raises:
            ValueError: where the site has another number of values, or is not the only one.
        """
        sizes = {site: probs.shape[-1] for site, probs in trajectory.beliefs.items()}
        known_names("site", [] if self.site is None else [self.site], list(sizes))
        fitting = [site for site, size in sizes.items() if size == self.size]
        if self.site in fitting:
            return self.site
        if self.site is not None or len(fitting) != 1:
            expected = f"one state site of {self.size} values, for a grid of shape {self.shape}"
            raise ValueError(complain("site", expected, self.site or sizes, f"There are {sizes}."))
        return fitting[0]
