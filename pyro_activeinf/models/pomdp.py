"""A discrete model given as the arrays of the literature; itself a Pyro program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.nn import PyroParam
from torch import Tensor, nn

from .._checks import complain
from .base import GenerativeModel
from .categorical_table import CategoricalTable
from .preferences import LogPreferences


class POMDP(GenerativeModel):
    r"""A partially observed Markov decision process from the arrays A, B, C, D, E.

    .. math::
        p(o_m | s) = A_m[o, s..], \quad p(s_f' | s, u) = B_f[s', s.., u], \quad
        \log \tilde p(o_m) = C_m[o], \quad p(s_f) = D_f[s]

    Sites are called ``s0``, ``s1``, .. and ``o0``, ``o1``, .. unless names are given. Policies of
    one control have shape ``(policies, time)``; of several, ``(policies, time, controls)``.

    Any array may be a :class:`~.categorical_table.CategoricalTable` instead, which is learned by
    counting: ``A=[CategoricalTable.from_array(pA)]`` for counts pA that are laid out as A.

    Args:
        A: for each modality p(o | states), ``(outcomes, *states)``; columns sum to one.
        B: for each factor p(s' | states, action), ``(states, *states, actions)``. A last axis of
            size one means that the factor is not controlled.
        C: for each modality log-preferences in nats, ``(outcomes,)`` or ``(time, outcomes)``,
            taken as given (no softmax). Beyond the last time step nothing is preferred. Zeros
            where omitted.
        D: for each factor p(s_0), ``(states,)``; uniform where omitted.
        E: prior over actions ``(actions,)``, or over the planner's policies ``(policies,)``.
        A_dependencies: for each modality the factors that its axes stand for; all by default.
        B_dependencies: for each factor the previous factors of its axes; itself by default.
        B_action_dependencies: for each factor the controls of its last axes, where factors share
            controls; by default each controlled factor has its own.
        state_names: names of the state sites.
        observation_names: names of the observation sites.

    Raises:
        ValueError: for arrays whose shapes do not fit each other or whose columns do not sum to 1.

    Reference: Da Costa et al. (2020), "Active inference on discrete state-spaces: a synthesis".

    Example:
        >>> model = POMDP(A=[torch.eye(2)], B=[torch.eye(2)[..., None]], C=[torch.tensor([0., 1.])])
        >>> model.actions is None
        True
    """

    def __init__(  # noqa: PLR0913
        self,
        A: Sequence[Any],
        B: Sequence[Any],
        C: Sequence[Any] | None = None,
        D: Sequence[Any] | None = None,
        E: Any = None,
        A_dependencies: Sequence[Sequence[int]] | None = None,
        B_dependencies: Sequence[Sequence[int]] | None = None,
        B_action_dependencies: Sequence[Sequence[int]] | None = None,
        state_names: Sequence[str] | None = None,
        observation_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        for letter, arrays in (("A", A), ("B", B)):
            if len(arrays) == 0:
                raise ValueError(complain(letter, "at least one array", "none"))
        self.state_names = _names("state_names", state_names, len(B), "s")
        self.observation_names = _names("observation_names", observation_names, len(A), "o")
        _names("names", [*self.state_names, *self.observation_names], len(A) + len(B), "")
        factors = list(range(len(B)))
        self.A_dependencies = _parents("A_dependencies", A_dependencies, [factors] * len(A), len(B))
        self.B_dependencies = _parents(
            "B_dependencies", B_dependencies, [[f] for f in factors], len(B)
        )
        self._keep("A", A)
        self._keep("B", B)
        self.B_action_dependencies = _controls(self.B, self.B_dependencies, B_action_dependencies)
        self.num_controls = _control_sizes(self.B, self.B_dependencies, self.B_action_dependencies)
        self.actions = _space(self.num_controls)
        self._keep("C", C if C is not None else [self.A[0].new_zeros(len(a)) for a in self.A])
        self._keep("D", D if D is not None else [_uniform(b) for b in self.B])
        self._keep("E", [] if E is None else [E])
        self._check()

    def _keep(self, letter: str, arrays: Sequence[Any]) -> None:
        for i, array in enumerate(arrays):
            if isinstance(array, nn.Parameter | PyroParam | CategoricalTable):
                setattr(self, f"{letter}{i}", array)
                continue
            tensor = array if isinstance(array, Tensor) else torch.as_tensor(np.array(array))
            if tensor.dim() == 0:
                raise ValueError(complain(f"{letter}[{i}]", "an array", "a number"))
            if not tensor.is_floating_point():
                tensor = tensor.to(torch.get_default_dtype())
            self.register_buffer(f"{letter}{i}", tensor)
        setattr(self, f"_len_{letter}", len(arrays))

    def _kept(self, letter: str) -> list[Tensor]:
        return [_array(part) for part in self._parts(letter)]

    def _parts(self, letter: str) -> list[Tensor | CategoricalTable]:
        return [getattr(self, f"{letter}{i}") for i in range(getattr(self, f"_len_{letter}"))]

    @property
    def A(self) -> list[Tensor]:
        """Likelihoods, ``(outcomes, *states)`` each."""
        return self._kept("A")

    @property
    def B(self) -> list[Tensor]:
        """Transitions, ``(states, *states, *actions)`` each."""
        return self._kept("B")

    @property
    def C(self) -> list[Tensor]:
        """Log-preferences, ``(outcomes,)`` or ``(time, outcomes)`` each."""
        pairs = zip(self._parts("C"), self._kept("C"), strict=True)
        return [c.log() if isinstance(part, CategoricalTable) else c for part, c in pairs]

    @property
    def D(self) -> list[Tensor]:
        """Initial probabilities, ``(states,)`` each."""
        return self._kept("D")

    def _check(self) -> None:
        for letter, others in (("C", self.A), ("D", self.B)):
            count = getattr(self, f"_len_{letter}")
            if count != len(others):
                raise ValueError(complain(letter, f"{len(others)} arrays", f"{count} of them"))
        sizes = [b.shape[0] for b in self.B]
        choices = self.num_controls
        for m, (a, deps) in enumerate(zip(self.A, self.A_dependencies, strict=True)):
            _shaped(f"A[{m}]", a, [sizes[f] for f in deps], "A_dependencies")
        parts = zip(self.B, self.B_dependencies, self.B_action_dependencies, strict=True)
        for f, (b, deps, acts) in enumerate(parts):
            idle = [1] if not acts and b.dim() == 2 + len(deps) else []
            axes = [sizes[d] for d in deps] + [choices[c] for c in acts] + idle
            _shaped(f"B[{f}]", b, axes, "B_dependencies")
        for f, (d, size) in enumerate(zip(self.D, sizes, strict=True)):
            _shaped(f"D[{f}]", d, [], "")
            _sized(f"D[{f}]", d, size)
        for m, (c, a) in enumerate(zip(self.C, self.A, strict=True)):
            _sized(f"C[{m}]", c, a.shape[0])
            if not bool((c < math.inf).all()):
                raise ValueError(complain(f"C[{m}]", "numbers or -inf", c.tolist()))
        for e in self._kept("E"):
            _shaped("E", e, [], "")

    def initial(self) -> tuple[Tensor, ...]:
        """p(s_0): every factor from its D."""
        pairs = zip(self.state_names, self._parts("D"), strict=True)
        return tuple(pyro.sample(name, _drawn(d, [])) for name, d in pairs)

    def transition(self, state: tuple[Tensor, ...], action: Tensor | None) -> tuple[Tensor, ...]:
        """p(s' | s, u): every factor from its B."""
        controls = self._split(action)
        parts = zip(
            self.state_names,
            self._parts("B"),
            self.B_dependencies,
            self.B_action_dependencies,
            strict=True,
        )
        moved = []
        for name, b, deps, acts in parts:
            index = [state[d] for d in deps] + [controls[c] for c in acts]
            if _axes(b) > len(index):  # an axis of size one: not controlled
                ones = [1] * state[0].dim()  # tracers cannot follow an index without dims
                index.append(torch.zeros(ones, dtype=torch.long, device=state[0].device))
            moved.append(pyro.sample(name, _drawn(b, index)))
        return tuple(moved)

    def _split(self, action: Tensor | None) -> tuple[Tensor, ...]:
        if action is None:
            return ()
        return (action,) if len(self.num_controls) == 1 else action.unbind(-1)

    def observe(self, state: tuple[Tensor, ...]) -> None:
        """p(o | s): every modality from its A."""
        parts = zip(self.observation_names, self._parts("A"), self.A_dependencies, strict=True)
        for name, a, deps in parts:
            pyro.sample(name, _drawn(a, [state[d] for d in deps]))

    @property
    def prefer(self) -> Callable[..., None]:
        """The program p~(o) of C; it takes the time step where some C has a time axis."""
        timed = any(c.dim() == 2 for c in self.C)
        return self._prefer_at if timed else self._prefer

    def _prefer(self) -> None:
        for name, c in zip(self.observation_names, self._parts("C"), strict=True):
            pyro.sample(name, _preferred(c))

    def _prefer_at(self, step: int) -> None:
        for name, c in zip(self.observation_names, self._parts("C"), strict=True):
            if isinstance(c, Tensor) and c.dim() == 2:
                c = c[step] if step < len(c) else torch.zeros_like(c[0])  # noqa: PLW2901
            pyro.sample(name, _preferred(c))

    @property
    def habit(self) -> Callable[[], None] | None:
        """The program of E, or ``None`` where there is no E."""
        parts = self._parts("E")
        return (lambda: self._habit(parts[0])) if parts else None

    def _habit(self, e: Tensor | CategoricalTable) -> None:
        single = len(self.num_controls) == 1 and len(_array(e)) == self.num_controls[0]
        pyro.sample("action" if single else "policy", _drawn(e, []))


def looked_up(table: Tensor, index: Sequence[Tensor]) -> Tensor:
    """Rows p(. | index) of an array whose first axis is the outcome: ``(*batch, outcomes)``."""
    return table.movedim(0, -1)[tuple(index)]


def _array(part: Tensor | CategoricalTable) -> Tensor:
    """An array of the literature, the outcome first."""
    return part.array if isinstance(part, CategoricalTable) else part


def _axes(part: Tensor | CategoricalTable) -> int:
    counts = part.counts if isinstance(part, CategoricalTable) else part
    return counts.dim() - 1


def _drawn(part: Tensor | CategoricalTable, index: Sequence[Tensor]) -> dist.Categorical:
    if isinstance(part, CategoricalTable):
        return part(*index)
    return dist.Categorical(probs=looked_up(part, index))


def _preferred(part: Tensor | CategoricalTable) -> TorchDistributionMixin:
    return part() if isinstance(part, CategoricalTable) else LogPreferences(part)


def _names(argument: str, names: Sequence[str] | None, count: int, letter: str) -> list[str]:
    found = [f"{letter}{i}" for i in range(count)] if names is None else list(names)
    if len(found) != count or len(set(found)) != count:
        raise ValueError(complain(argument, f"{count} different names", found))
    return found


def _parents(
    argument: str,
    given: Sequence[Sequence[int]] | None,
    default: Sequence[Sequence[int]],
    limit: int,
) -> tuple[tuple[int, ...], ...]:
    found = tuple(tuple(parents) for parents in (default if given is None else given))
    distinct = all(len(set(parents)) == len(parents) for parents in found)
    within = all(0 <= parent < limit for parents in found for parent in parents)
    if not (len(found) == len(default) and distinct and within):
        expected = f"{len(default)} lists, each of different numbers from 0 to {limit - 1}"
        raise ValueError(complain(argument, expected, [list(parents) for parents in found]))
    return found


def _controls(
    arrays: Sequence[Tensor],
    dependencies: Sequence[Sequence[int]],
    given: Sequence[Sequence[int]] | None,
) -> tuple[tuple[int, ...], ...]:
    if given is not None:
        used = {control for controls in given for control in controls}
        if used != set(range(len(used))):
            raise ValueError(
                complain("B_action_dependencies", "controls counted from 0 on", sorted(used))
            )
        return _parents("B_action_dependencies", given, [[]] * len(arrays), len(used))
    found: list[tuple[int, ...]] = []
    count = 0
    for b, deps in zip(arrays, dependencies, strict=True):
        controlled = b.dim() == 2 + len(deps) and b.shape[-1] > 1
        found.append((count,) if controlled else ())
        count += controlled
    return tuple(found)


def _control_sizes(
    arrays: Sequence[Tensor],
    dependencies: Sequence[Sequence[int]],
    controls: Sequence[Sequence[int]],
) -> list[int]:
    sizes: dict[int, int] = {}
    for b, deps, acts in zip(arrays, dependencies, controls, strict=True):
        for axis, control in enumerate(acts):
            if 1 + len(deps) + axis < b.dim():
                sizes[control] = b.shape[1 + len(deps) + axis]
    count = 1 + max((control for acts in controls for control in acts), default=-1)
    return [sizes.get(control, 1) for control in range(count)]


def _space(sizes: Sequence[int]) -> gym.Space[Any] | None:
    if not sizes:
        return None
    return (
        gym.spaces.Discrete(sizes[0]) if len(sizes) == 1 else gym.spaces.MultiDiscrete(list(sizes))
    )


def _uniform(b: Tensor) -> Tensor:
    return torch.full((b.shape[0],), 1.0 / b.shape[0], dtype=b.dtype, device=b.device)


def _shaped(name: str, array: Tensor, axes: Sequence[int], argument: str) -> None:
    if list(array.shape[1:]) != list(axes):
        raise ValueError(
            complain(
                name,
                f"shape (size, {', '.join(map(str, axes))})",
                f"{tuple(array.shape)}",
                f"Its axes after the first are those of `{argument}`." if argument else "",
            )
        )
    total = array.detach().sum(0)
    if not bool(((total - 1).abs() < 1e-4).all()) or bool((array < 0).any()):
        raise ValueError(
            complain(
                name,
                "probabilities: columns (first axis) of numbers >= 0 that sum to 1",
                f"sums from {float(total.min()):.4g} to {float(total.max()):.4g} and a smallest "
                f"number of {float(array.detach().min()):.4g}",
            )
        )


def _sized(name: str, array: Tensor, size: int) -> None:
    if array.dim() not in (1, 2) or array.shape[-1] != size:
        raise ValueError(complain(name, f"a last dim of {size}", f"{tuple(array.shape)}"))
