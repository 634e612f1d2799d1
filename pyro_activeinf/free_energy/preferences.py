"""What is preferred: distributions for some sites, or a Pyro program that samples them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyro
from pyro.poutine.messenger import Messenger
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS
from ..filters.sampling import log_prob

LogPreference = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Preferences:
    r"""log p~ of outcomes and states at each time step, in nats.

    Preferences over states count as those over outcomes do, as pragmatic value:
    :math:`E_q[\log \tilde p(o) + \log \tilde p(s)]`.

    Example:
        >>> import torch, pyro.distributions as dist
        >>> warm = Preferences.of({"o": dist.Normal(1.0, 1.0)})
        >>> found = warm.at(3)({"o": torch.tensor([1.0, 2.0]), "s": torch.zeros(2)})
        >>> found["o"].round(decimals=3).tolist()
        [-0.919, -1.419]
    """

    program: Callable[..., Any] | None
    timed: bool = field(default=False)  # whether the program takes the time step

    @classmethod
    def of(cls, given: Any) -> Preferences:
        """Of a mapping from sites to distributions, a program, or ``None`` for no preferences.

        Raises:
            TypeError: for anything else.
        """
        if isinstance(given, Mapping):
            distributions = dict(given)
            wrong = [name for name, fn in distributions.items() if not hasattr(fn, "log_prob")]
            if wrong:
                raise TypeError(
                    complain("preferences", "a distribution for each site", f"none for {wrong}")
                )
            return cls(lambda: [pyro.sample(name, fn) for name, fn in distributions.items()])
        if given is None:
            return cls(None)
        if not callable(given):
            raise TypeError(
                complain(
                    "preferences",
                    "a distribution for each site, or a program that samples them",
                    repr(given),
                    'For example {"o": dist.Normal(1.0, 0.5)}.',
                )
            )
        return cls(given, len(inspect.signature(given).parameters) > 0)

    def at(self, step: int) -> LogPreference:
        """The function from values of sites to log p~ of each of them that is preferred.

        It raises ``ValueError`` where the program samples a site that is not among the values.
        """

        def log_preference(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            if self.program is None:
                return {}
            handler = _Valued(values)
            with HANDLERS, handler:
                self.program(*([step] if self.timed else []))
            return handler.found

        return log_preference


class _Valued(Messenger):
    """Gives each site its value, and notes the log-preference of it."""

    def __init__(self, values: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.values = values
        self.found: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        msg["stop"] = True
        if msg["is_observed"]:
            return
        name, fn = msg["name"], msg["fn"]
        if name not in self.values:
            raise ValueError(_unknown(name, self.values))
        value = msg["value"] = self.values[name]
        msg["done"] = True
        self.found[name] = log_prob(fn, value)


def _unknown(name: str, known: Iterable[str]) -> str:
    return complain(
        f"site '{name}' of prefer",
        f"an observation site or a state site, {list(known)}",
        "another name",
    )
