"""Programs some of whose state sites have a given value, which stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gymnasium as gym
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain
from .enumerate import HANDLERS
from .program import Programs
from .tables import Site


class Held(Messenger):
    """Gives sites a value, and hides them from all handlers outside.

    Args:
        values: site to value; what is known of their log-probabilities is in ``log_probs``.
    """

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values
        self.log_probs: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self.values:
            msg["value"] = self.values[msg["name"]]
            msg["done"] = msg["stop"] = True
            self.log_probs[msg["name"]] = msg["fn"].log_prob(msg["value"])


class Given:
    """Programs of the same model where some state sites are known, and no site any more.

    What ``transition`` says of these sites is not asked: they stay.

    Args:
        programs: the model.
        values: state site to its value, ``event``.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> class Drift:
        ...     actions = None
        ...     def initial(self):
        ...         kind = pyro.sample("kind", dist.Categorical(torch.tensor([0.3, 0.7])))
        ...         return kind, pyro.sample("x", dist.Normal(0.0, 1.0))
        ...     def transition(self, state, action):
        ...         kind = pyro.sample("kind", dist.Categorical(torch.eye(2)[state[0]]))
        ...         return kind, pyro.sample("x", dist.Normal(state[1] + kind, 1.0))
        ...     def observe(self, state):
        ...         pyro.sample("o", dist.Normal(state[1], 1.0))
        >>> given = Given(Drift(), {"kind": torch.tensor(1)})
        >>> round(given.log_prior.exp().item(), 6)
        0.7
    """

    def __init__(self, programs: Programs, values: Mapping[str, Tensor]) -> None:
        self.programs, self.values = programs, dict(values)
        for name in ("prefer", "habit"):
            program = getattr(programs, name, None)
            if program is not None:
                setattr(self, name, program)

    @property
    def actions(self) -> gym.Space[Any] | None:
        """What can be done."""
        return self.programs.actions

    def initial(self) -> Any:
        """The first state, with the known sites in their place."""
        return self._run(self.programs.initial)[0]

    def transition(self, state: Any, action: Any) -> Any:
        """The next state; the known sites stay."""
        return self._run(self.programs.transition, state, action)[0]

    def observe(self, state: Any) -> Any:
        """What is seen."""
        return self.programs.observe(state)

    @property
    def log_prior(self) -> Tensor:
        """Log-probability of the values in ``initial``, in nats."""
        with HANDLERS, _Middle():
            _, held = self._run(self.programs.initial)
        zero = torch.zeros(())
        return sum((part.sum() for part in held.log_probs.values()), zero)

    def require_lasting(self, action: Any) -> None:
        """Raise ``ValueError`` where ``transition`` might change a known site."""
        with HANDLERS, torch.no_grad(), _Middle():
            state = self._run(self.programs.initial)[0]
            _, held = self._run(self.programs.transition, state, action)
        for name in self.values:
            if name not in held.log_probs or bool((held.log_probs[name].abs() > 1e-6).any()):
                way_out = "A level above a continuous one sets what stays as long as it lasts."
                expected = "the value that it had, with certainty"
                where = f"site '{name}' of transition"
                raise ValueError(complain(where, expected, "a site that changes", way_out))

    def _run(self, program: Callable[..., Any], *args: Any) -> tuple[Any, Held]:
        with Held(self.values) as held:
            return program(*args), held


class _Middle(Messenger):
    """Nothing is drawn: real sites have their mean, others any value."""

    def _pyro_sample(self, msg: Any) -> None:
        fn = msg["fn"]
        finite = fn.has_enumerate_support
        msg["value"] = fn.enumerate_support(expand=False)[0] if finite else fn.mean
        msg["value"] = msg["value"].expand(fn.batch_shape + fn.event_shape)
        msg["done"] = msg["stop"] = True


class _Finite(Messenger):
    """Collects sites of finite support, drawing nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[str, Site] = {}

    def _pyro_sample(self, msg: Any) -> None:
        fn = msg["fn"]
        if fn.has_enumerate_support:
            support = fn.enumerate_support(expand=False)
            support = support.reshape(len(support), *fn.event_shape)
            self.sites[msg["name"]] = Site(msg["name"], support)


def finite_sites(programs: Programs) -> dict[str, Site]:
    """The sites of ``initial`` that have finitely many values."""
    with HANDLERS, torch.no_grad(), _Middle(), _Finite() as found:
        programs.initial()
    return found.sites


def every_value(programs: Programs, sites: Mapping[str, Site]) -> Iterator[Given]:
    """The programs given each joint value of some sites, the last one varying fastest."""
    grid = torch.cartesian_prod(*(torch.arange(site.size) for site in sites.values()))
    for row in grid.reshape(-1, len(sites)):
        values = zip(sites.values(), row, strict=True)
        yield Given(programs, {site.name: site.support[int(i)] for site, i in values})
