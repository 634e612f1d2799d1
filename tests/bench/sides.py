"""Sides that live in the test's own process, and laboratories made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from pyro_activeinf.bench.experiment import Effort, Lab
from pyro_activeinf.bench.side import Side, SideError
from pyro_activeinf.bench.worker import Worker, answer

BRIEFLY = Effort(turns=1, seconds=0.0)


class Local(Side):
    """Our worker, asked directly; notes every request in ``asked``."""

    def __init__(self, asked: list[str] | None = None, name: str = "") -> None:
        self.worker, self.name = Worker(), name
        self.asked = [] if asked is None else asked

    def ask(self, verb: str, **details: Any) -> Any:
        self.asked.append(f"{self.name}{verb}")
        found = json.loads(answer(self.worker, json.dumps({"do": verb, **details})))
        if "error" in found:
            raise SideError(found["error"])
        return found["ok"]

    def close(self) -> None:
        self.worker.clear()


class Absent(Side):
    """A side that cannot do anything."""

    def ask(self, verb: str, **details: Any) -> Any:
        raise SideError("there is nobody here.")

    def close(self) -> None:
        """Nothing is held."""


def lab(peer: Callable[[], Side] | None = None, effort: Effort = BRIEFLY) -> Lab:
    """Ours, and maybe a peer, in this process."""
    return Lab(Local, peer, effort)


def twin(asked: list[str] | None = None) -> Lab:
    """Ours beside itself in the place of the peer; both note what they are asked."""
    return Lab(partial(Local, asked), partial(Local, asked, "peer "), BRIEFLY)
