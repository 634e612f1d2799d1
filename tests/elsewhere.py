"""A pretended device: its tensors compute on the CPU, but do not mix with those that live there.

``with Elsewhere():`` any model moves there by ``model.to(FAR)``. Where a tensor of the CPU (of at
least one dim, and not a mere index) then meets one of the model's, as it would fail on a GPU, an
``AssertionError`` is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

FAR = torch.device("meta")  # the only device of which every build of torch knows the name
CPU = torch.device("cpu")
MIXED = ("aten::index", "aten::_index_put", "aten::copy_", "aten::_to_copy")


class FarTensor(Tensor):
    """Says that it is elsewhere; what it holds is ``near``."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        made = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            near.size(),
            strides=near.stride(),
            storage_offset=near.storage_offset(),
            dtype=near.dtype,
            device=FAR,
        )
        made.near = near
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, *others: Any) -> Any:
        raise AssertionError(f"{func} is called on the device's tensors after it was left.")


class _Kernels(TorchDispatchMode):
    """Computes with what far tensors hold, once it is sure that all of them are far."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        tensors = [x for x in tree_leaves((args, given)) if isinstance(x, Tensor)]
        far = any(isinstance(x, FarTensor) for x in tensors)
        name = func._schema.name
        strangers = [x.shape for x in tensors if not isinstance(x, FarTensor) and x.dim() > 0]
        if far and strangers and not name.startswith(MIXED):
            raise AssertionError(f"{name}: CPU tensors {strangers} meet those of the model.")
        if given.get("device") is not None:
            far, given["device"] = torch.device(given["device"]) == FAR, CPU
        near_args, near_given = tree_map(_near, (args, given))
        found = func(*near_args, **near_given)
        if name.endswith("_") and func._schema.is_mutable:
            if isinstance(args[0], FarTensor) and args[0].shape != args[0].near.shape:
                with torch._C._DisableTorchDispatch():  # its shape has changed with what it holds
                    func(*args, **(kwargs or {}))
            return args[0]
        return tree_map(lambda x: FarTensor(x) if far and isinstance(x, Tensor) else x, found)


def _near(value: Any) -> Any:
    return value.near if isinstance(value, FarTensor) else value


class _Calls(TorchFunctionMode):
    """Mends the calls that look into a tensor below the kernels."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Any = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and given.get("device") is not None:
            device = given.pop("device")
            return func(*args, **given).to(device)
        if func is Tensor.new_tensor:
            return torch.tensor(args[1], dtype=args[0].dtype).to(args[0].device)
        if func is Tensor.numpy and isinstance(args[0], FarTensor) and not given.get("force"):
            raise AssertionError("A tensor of another device is no NumPy array: force=True.")
        if func in (Tensor.tolist, Tensor.numpy):
            return func(_near(args[0]), **given)
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[1], list):
            args = (args[0], torch.tensor(args[1], dtype=torch.long), *args[2:])
        return func(*args, **given)


@contextmanager
def elsewhere() -> Iterator[None]:
    """There is such a device."""
    with torch.no_grad(), _Kernels(), _Calls():
        yield
