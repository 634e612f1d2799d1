"""Compile a generative model's programs to tables."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from .._checks import complain, known_names
from .enumerate import Enumerator, ProgramError, run
from .tables import Role, Site, Table, Tables, Variable


class Programs(Protocol):
    """What can be compiled: any object with the three programs (``prefer``, ``habit`` optional)."""

    @property
    def actions(self) -> gym.Space[Any] | None:
        """What can be done; ``None`` where there is nothing to choose."""

    def initial(self) -> Any:
        """p(s_0): samples the state sites, returns the state."""

    def transition(self, state: Any, action: Any) -> Any:
        """p(s_t | s_{t-1}, u_{t-1}): samples the same sites, returns the state."""

    def observe(self, state: Any) -> Any:
        """p(o_t | s_t): samples the observation sites."""


def control_sizes(actions: gym.Space[Any] | None) -> tuple[int, ...]:
    """Number of choices of each control of an action space.

    Raises:
        ValueError: for a space that is not ``None``, ``Discrete`` or ``MultiDiscrete`` from 0 up.

    Example:
        >>> control_sizes(gym.spaces.MultiDiscrete([3, 2]))
        (3, 2)
    """
    if actions is None:
        return ()
    if isinstance(actions, gym.spaces.Discrete) and actions.start == 0:
        return (int(actions.n),)
    if isinstance(actions, gym.spaces.MultiDiscrete) and _plain(actions):
        return tuple(int(n) for n in actions.nvec)
    raise ValueError(
        complain(
            "actions",
            "None, Discrete(n) or MultiDiscrete([n, ..]) counted from 0",
            actions,
            "Real-valued actions, of a Box, are planned by Variational or CrossEntropy."
            if isinstance(actions, gym.spaces.Box)
            else "",
        )
    )


def _plain(space: gym.spaces.MultiDiscrete) -> bool:
    """Whether controls are in a row, and counted from 0."""
    return space.nvec.ndim == 1 and not np.any(space.start)


def compile_program(programs: Programs) -> Tables:
    r"""Run the programs once under enumeration and read their tables off.

    ``initial`` is run with each state site on a dim of its own; the state that it returns is
    handed to ``transition`` (with each control on a dim) and to ``observe``. The log-probability
    of a site then has a dim for each variable that it depends on, and of size one for the rest.

    Raises:
        ProgramError: (a ``ValueError``) where a program does not broadcast, is not discrete, or
            ``transition`` samples other sites than ``initial``.

    Example:
        >>> import pyro
        >>> import pyro.distributions as dist
        >>> class Coin:
        ...     actions = None
        ...     def initial(self):
        ...         return pyro.sample("side", dist.Categorical(torch.ones(2) / 2))
        ...     def transition(self, side, action):
        ...         return pyro.sample("side", dist.Categorical(torch.eye(2)[side]))
        ...     def observe(self, side):
        ...         pyro.sample("seen", dist.Bernoulli(torch.tensor([0.1, 0.9])[side]))
        >>> tables = compile_program(Coin())
        >>> [(t.variable.name, tuple(t.log_probs.shape)) for t in tables.observe]
        [('seen', (2, 2))]
    """
    controls = control_sizes(programs.actions)
    start = Enumerator("initial", [], Role.STATE)
    state = run(programs.initial, "initial", start)
    _some("initial", "state", start.sites)
    move = _transition(programs, state, start, controls)
    look = Enumerator("observe", start.dims, Role.OUTCOME)
    run(programs.observe, "observe", look, state)
    _some("observe", "observation", look.sites)
    _distinct(start.sites, look.sites)
    return Tables(
        states=tuple(start.sites.values()),
        outcomes=tuple(look.sites.values()),
        controls=controls,
        initial=tuple(start.tables),
        transition=tuple(move.tables),
        observe=tuple(look.tables),
    )


def _some(program: str, kind: str, sites: dict[str, Site]) -> None:
    if not sites:
        raise ProgramError(
            complain(program, f"at least one {kind} site", "none", "Add a pyro.sample.")
        )


def _distinct(states: dict[str, Site], outcomes: dict[str, Site]) -> None:
    both = [name for name in outcomes if name in states]
    if both:
        raise ProgramError(
            complain(
                "observe",
                "other site names than in initial",
                f"{both} in both",
                "Model(observations, actions) has all of them in one trace: rename them.",
            )
        )


def _transition(
    programs: Programs, state: Any, start: Enumerator, controls: tuple[int, ...]
) -> Enumerator:
    upstream = start.dims + [
        (Variable(Role.CONTROL, f"action_{f}"), size) for f, size in enumerate(controls)
    ]
    move = Enumerator("transition", upstream, Role.NEXT, ("initial", start.sites))
    device = next(iter(start.sites.values())).support.device
    run(programs.transition, "transition", move, state, _actions(controls, len(start.dims), device))
    missing = [name for name in start.sites if name not in move.sites]
    if missing:
        raise ProgramError(
            complain(
                "transition",
                f"the sites of initial, {list(start.sites)}",
                f"no sample of {missing}",
            )
        )
    if len(controls) > 1:
        move.tables = [_without_idle_controls(table) for table in move.tables]
    return move


def _actions(controls: tuple[int, ...], offset: int, device: torch.device) -> Tensor | None:
    """Every action at once: control f on dim ``-1 - offset - f``; several are stacked last."""
    each = [
        torch.arange(size, device=device).reshape(size, *[1] * (offset + f))
        for f, size in enumerate(controls)
    ]
    if len(each) < 2:
        return each[0] if each else None
    return StackedControls.of(each)


class StackedControls(Tensor):
    """Several controls stacked last; ``[..., f]`` and ``unbind(-1)`` keep each on its own dim.

    A slice of the stack has the dims of all the controls. Handing the one control out instead
    lets shapes tell which of them a site depends on.
    """

    each: list[Tensor]

    @classmethod
    def of(cls, each: list[Tensor]) -> StackedControls:
        """Stack controls whose shapes broadcast."""
        stacked = torch.stack(torch.broadcast_tensors(*each), -1).as_subclass(cls)
        stacked.each = each
        return stacked

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Hand one control out where it is asked for; else act on the stack."""
        kwargs = kwargs or {}
        with torch._C.DisableTorchFunctionSubclass():
            if func is Tensor.__getitem__ and _picks_one(args[1]):
                return args[0].each[args[1][1]]
            if func in {Tensor.unbind, torch.unbind} and [*args[1:], *kwargs.values()] == [-1]:
                return tuple(args[0].each)
            return func(*args, **kwargs)


def _picks_one(index: Any) -> bool:
    """Whether an index is ``[..., f]``."""
    pair = isinstance(index, tuple) and len(index) == 2
    return pair and index[0] is Ellipsis and isinstance(index[1], int)


def _without_idle_controls(table: Table) -> Table:
    """Drop controls that make no difference, which a slice of the stack still has the dims of.

    Not where the table is learned: controls that are alike now may come to differ.
    """
    if table.log_probs.requires_grad or table.source is not None:
        return table
    log_probs, parents = table.log_probs, list(table.parents)
    for variable in [v for v in parents if v.role is Role.CONTROL]:
        dim = parents.index(variable)
        first = log_probs.narrow(dim, 0, 1)
        if bool((log_probs == first).all()):
            log_probs = first.squeeze(dim)
            parents.pop(dim)
    return Table(table.variable, tuple(parents), log_probs)


def compile_preferences(programs: Any, outcomes: Sequence[Site], step: int) -> tuple[Table, ...]:
    """Tables of log p~(o) at a time step; sites that ``prefer`` leaves out have none.

    Raises:
        ProgramError: where ``prefer`` samples a site that ``observe`` does not.
    """
    prefer = getattr(programs, "prefer", None)
    if prefer is None:
        return ()
    known = {site.name: site for site in outcomes}
    handler = Enumerator("prefer", [], Role.OUTCOME, ("observe", known), normalized=False)
    run(prefer, "prefer", handler, *([step] if depends_on_step(programs) else []))
    return tuple(handler.tables)


def depends_on_step(programs: Any) -> bool:
    """Whether ``prefer`` takes the time index of the outcome as an argument."""
    prefer = getattr(programs, "prefer", None)
    return prefer is not None and len(inspect.signature(prefer).parameters) > 0


def compile_habit(programs: Any, controls: tuple[int, ...]) -> dict[str, Tensor]:
    """Log-probabilities of each site of ``habit``: ``action`` (or ``action_0``, ..), or ``policy``.

    Raises:
        ValueError: where ``habit`` samples other sites than these, dependent ones, or an action
            of another size than the model's.
    """
    return {t.variable.name: t.log_probs for t in habit_tables(programs, controls)}


def habit_tables(programs: Any, controls: tuple[int, ...]) -> tuple[Table, ...]:
    """The tables of ``habit``; errors as of :func:`compile_habit`."""
    habit = getattr(programs, "habit", None)
    if habit is None:
        return ()
    handler = Enumerator("habit", [], Role.CONTROL)
    run(habit, "habit", handler)
    names = ["action"] if len(controls) == 1 else [f"action_{f}" for f in range(len(controls))]
    known_names("habit", handler.sites, ["policy", *names])
    sizes = dict(zip(names, controls, strict=True))
    for table in handler.tables:
        _check_habit(table, sizes)
    return tuple(handler.tables)


def _check_habit(table: Table, sizes: dict[str, int]) -> None:
    name, log_probs = table.variable.name, table.log_probs
    if table.parents or log_probs.shape[-1] != sizes.get(name, log_probs.shape[-1]):
        raise ProgramError(
            complain(
                f"site '{name}' of habit",
                f"one probability for each of {sizes.get(name, 'the policies')}",
                f"shape {tuple(log_probs.shape)}",
                "Sites of habit do not depend on each other.",
            )
        )
