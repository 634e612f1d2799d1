"""A job: a function that can be imported, and what it is called with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._checks import complain, instance
from ..store.shelf import NAME


@dataclass(frozen=True)
class Job:
    """A call that a worker makes.

    Workers are other processes, on other machines even: they import the function by its name, and
    arguments are pickled by the executor on their way. What is large, or cannot be pickled, is best
    made by the function itself.

    Raises:
        TypeError: the function cannot be called, or arguments are no tuple and no dict.
        ValueError: the name cannot be that of a folder.

    Example:
        >>> from operator import add
        >>> Job(add, (2, 3)).run()
        5
    """

    function: Callable[..., Any]  # defined at the top of a module
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""  # of the result in the store; the job's number by default

    def __post_init__(self) -> None:
        """See that this can be called, and has a name that can be the name of a folder."""
        if not callable(self.function):
            raise TypeError(complain("function", "a function", repr(self.function)))
        if not isinstance(self.args, tuple):
            way_out = f"Write args=({self.args!r},)."
            raise TypeError(complain("args", "a tuple of arguments", repr(self.args), way_out))
        instance("kwargs", self.kwargs, Mapping, "a dict of arguments by name")
        instance("name", self.name, str, "a name, or '' for the job's number")
        if self.name and not NAME.fullmatch(self.name):
            expected = "a name without / \\ : that does not begin with a dot or a low line"
            raise ValueError(complain("name", expected, repr(self.name)))

    def run(self) -> Any:
        """Make the call."""
        return self.function(*self.args, **self.kwargs)


def grid(function: Callable[..., Any], *args: Any, **lists: Iterable[Any]) -> list[Job]:
    """Jobs for all combinations of some arguments, which are named after them.

    Args:
        function: what each job calls.
        args: the same for all.
        lists: values of each argument; the last one varies fastest.

    Raises:
        TypeError: where ``function`` cannot be called, or there is no list of values.

    Example:
        >>> [job.name for job in grid(dict, rate=[0.1, 0.2], subject=range(2))]
        ['rate=0.1,subject=0', 'rate=0.1,subject=1', 'rate=0.2,subject=0', 'rate=0.2,subject=1']
    """
    for name, values in lists.items():
        if not isinstance(values, Iterable) or isinstance(values, str):
            way_out = f"Write {name}=[{values!r}]."
            raise TypeError(complain(name, "values to go through", repr(values), way_out))
    points = itertools.product(*lists.values())
    chosen = (dict(zip(lists, point, strict=True)) for point in points)
    return [Job(function, args, some, _label(some)) for some in chosen]


def _label(chosen: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in chosen.items())


def named(jobs: Iterable[Job]) -> tuple[Job, ...]:
    """Jobs with a name each: numbers where they have none.

    Raises:
        TypeError: something else than a job.
        ValueError: no jobs, or two of one name.
    """
    instance("jobs", jobs, Iterable, "a list of Job")
    given = tuple(jobs)
    for job in given:
        if not isinstance(job, Job):
            raise TypeError(
                complain("jobs", "a list of Job", repr(job), "Write Job(function, (1, 2)).")
            )
    found = tuple(j if j.name else replace(j, name=str(i)) for i, j in enumerate(given))
    if not found:
        raise ValueError(complain("jobs", "at least one job", "none"))
    names = [job.name for job in found]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(complain("jobs", "jobs with names of their own", f"{twice} twice"))
    return found
