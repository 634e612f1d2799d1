"""Keep the numbers of a loss in the autograd graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class KeptItems(TorchFunctionMode):
    """Within, ``tensor.item()`` is the tensor itself.

    Pyro's ELBOs give their value as a number, through ``.item()``. This way the value of any of
    them can be differentiated by the scales of its sites. (Scales themselves are compared as
    numbers.)
    """

    def __init__(self) -> None:
        super().__init__()
        self.listens = True

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Pass everything on but what makes a number of a tensor."""
        if self.listens and func is torch.Tensor.item:
            return args[0]
        if self.listens and func is torch.Tensor.__float__:
            args = (args[0].detach(),)
        return func(*args, **(kwargs or {}))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within, programs of the user get their numbers."""
        self.listens = False
        try:
            yield
        finally:
            self.listens = True
