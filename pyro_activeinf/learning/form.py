"""The form of arguments: where their tensors are, and everything else in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.utils import _pytree as pytree

from .batches import Arguments


class Form:
    """Takes the tensors out of arguments, and puts others in.

    Example:
        >>> import torch
        >>> form = Form(({"seen": torch.zeros(2)}, 3))
        >>> form.tensors(({"seen": torch.ones(2)}, 3))
        [tensor([1., 1.])]
        >>> form.tensors(({"seen": torch.ones(4)}, 3)) is None
        True
        >>> form.arguments([torch.ones(2)])
        ({'seen': tensor([1., 1.])}, 3)
    """

    def __init__(self, args: Arguments) -> None:
        leaves, self._tree = pytree.tree_flatten(args)
        self._pattern = [_trait(leaf) for leaf in leaves]
        self._rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self._last: tuple[Arguments, list[Tensor]] = args, _tensors(leaves)

    def tensors(self, args: Arguments) -> list[Tensor] | None:
        """The tensors, in order; ``None`` for arguments of another form."""
        if args is self._last[0]:
            return self._last[1]
        leaves, tree = pytree.tree_flatten(args)
        if tree != self._tree or [_trait(leaf) for leaf in leaves] != self._pattern:
            return None
        self._last = args, _tensors(leaves)
        return self._last[1]

    def arguments(self, tensors: Sequence[Tensor]) -> Arguments:
        """Arguments of this form with other tensors."""
        others = iter(tensors)
        leaves = [
            next(others) if isinstance(trait, tuple) and trait[0] is Tensor else value
            for trait, value in zip(self._pattern, self._rest, strict=True)
        ]
        return pytree.tree_unflatten(leaves, self._tree)


def _tensors(leaves: Sequence[Any]) -> list[Tensor]:
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _trait(leaf: Any) -> Any:
    """What has to be the same in arguments of one form."""
    if isinstance(leaf, Tensor):
        return Tensor, leaf.shape, leaf.dtype
    plain = isinstance(leaf, bool | int | float | complex | str | bytes | None)
    return type(leaf), leaf if plain else id(leaf)
