"""A world that is not bent toward what is preferred."""

from __future__ import annotations

from typing import Any

from pyro.poutine.messenger import Messenger
from torch import nn


class Fixed(Messenger):
    """Hides the parameters of a model from whoever collects parameters to train, such as SVI.

    Gradients still flow to them; the guide's own, and those of a reverse model, are seen.

    Args:
        model: whose parameters they are; nothing is hidden where it is no module.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        parameters = model.parameters() if isinstance(model, nn.Module) else []
        self.own = {id(parameter) for parameter in parameters}

    def _pyro_param(self, msg: Any) -> None:
        value = msg["fn"](*msg["args"], **msg["kwargs"])
        free = getattr(value, "unconstrained", lambda: value)()
        if id(free) in self.own:
            msg["stop"] = True
