"""Values that a program looks at in Python, as in ``if z:`` or ``means[int(z)]``."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from pyro.ops.provenance import get_provenance
from pyro.poutine.messenger import Messenger
from torch import Tensor
from torch.overrides import TorchFunctionMode

LOOKS = {
    Tensor.__bool__,
    Tensor.__int__,
    Tensor.__float__,
    Tensor.__index__,
    Tensor.item,
    Tensor.tolist,
}


class Looks(Messenger):
    """Which sites a program has looked at before each of its sites, with provenance tracked.

    What comes after may depend on them in ways that leave no trace in tensors. What torch and Pyro
    look at by themselves, such as bounds, does not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, frozenset[str]] = {}  # site -> sites
        self._mode: Any = _Remembers()  # torch leaves it untyped

    def __enter__(self) -> Self:
        self._mode.__enter__()
        super().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, where)
        self._mode.__exit__(kind, error, where)

    def _pyro_sample(self, msg: Any) -> None:
        self.before[msg["name"]] = self._mode.names


class _Remembers(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names = frozenset[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in LOOKS and _by_the_program():
            self.names |= get_provenance(args)
        return func(*args, **(kwargs or {}))


def _by_the_program() -> bool:
    """Whether the code that called into torch is neither torch's own nor Pyro's."""
    module = str(sys._getframe(2).f_globals.get("__name__", ""))
    return module.partition(".")[0] not in ("torch", "pyro")
