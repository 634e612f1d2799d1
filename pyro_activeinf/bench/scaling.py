"""How time and memory grow with one size of a problem."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .experiment import Experiment, Lab
from .memory import prepared_in
from .problem import Problem
from .results import Cost, Curve, Point
from .sample import Sample


@dataclass(frozen=True)
class Scaling(Experiment[Curve]):
    """Time and memory of a task at several sizes, each in processes of their own.

    Args:
        name: what it is called.
        axis: what is varied.
        fixed: what is not.
        points: the sizes, and the problem at each.
    """

    name: str
    axis: str
    fixed: str
    points: tuple[tuple[int, Problem], ...]

    def run(self, lab: Lab) -> Curve:
        """Measure point by point."""
        points = tuple(_measured(lab, size, problem) for size, problem in self.points)
        return Curve(self.name, self.axis, self.fixed, points)

    def shrunk(self) -> Scaling:
        """The first point alone, in a small size."""
        size, problem = self.points[0]
        return replace(self, points=((size, problem.shrunk()),))


def _measured(lab: Lab, size: int, problem: Problem) -> Point:
    with lab.fresh() as sides:
        found = [prepared_in(side, problem) for side in sides if side is not None]
        durations = lab.in_turns([task for task, _ in found])
        costs = [
            Cost(Sample("seconds", seconds), memory)
            for seconds, (_, memory) in zip(durations, found, strict=True)
        ]
    return Point(size, costs[0], costs[1] if len(costs) > 1 else None)
