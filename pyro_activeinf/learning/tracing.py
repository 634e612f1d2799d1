"""A function of tensors as a graph, with what it decides by their values as a guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node
from torch.overrides import TorchFunctionMode

Outputs = Sequence[Tensor]
QUESTIONS = (Tensor.__bool__, Tensor.__int__, Tensor.__index__)
READINGS = (Tensor.__float__, Tensor.tolist, Tensor.numpy, Tensor.__array__)


class Untraceable(RuntimeError):
    """A program takes numbers out of tensors, where a graph cannot follow."""


class Decisions(TorchFunctionMode):
    """Within, numbers that are read from tensors stay tensors, and decisions are noted.

    A program that asks whether a tensor is true, or for a whole number in it, takes the way that
    the example leads to. ``held`` has a tensor for each such question: whether the answer is that
    of the example. Numbers that cannot be held so end the tracing.
    """

    def __init__(self) -> None:
        from .forks import Forks

        super().__init__()
        self.held: list[Tensor] = []
        self.forks = Forks()

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer questions; pass everything else on."""
        if func is Tensor.item:
            return args[0].detach()
        if func is Tensor.register_hook:
            tensor, hook = args
            return tensor.register_hook(partial(self._within, hook))
        if func in QUESTIONS:
            return self._answer(func, args[0])
        if func in READINGS:
            raise Untraceable(f"it takes numbers out of a tensor with {func.__name__}")
        self.forks.look()
        result = func(*args, **(kwargs or {}))
        self.forks.look()
        return result

    def _within(self, hook: Callable[[Tensor], Any], grad: Tensor) -> Any:
        """Run a hook of the backward pass, which torch calls outside of all modes."""
        with self:
            return hook(grad)

    def _answer(self, question: Any, tensor: Tensor) -> Any:
        from torch.fx.experimental.proxy_tensor import disable_proxy_modes_tracing

        with disable_proxy_modes_tracing():
            answer = question(tensor.detach().clone())
        exact = question is not Tensor.__int__ or not tensor.is_floating_point()
        seen = tensor.detach() if exact else tensor.detach().trunc()
        self.held.append((seen == answer).reshape(()))
        return answer


def traced(
    function: Callable[..., Outputs], inputs: Sequence[Tensor], leaves: Sequence[Tensor]
) -> GraphModule:
    """The graph of ``(*inputs, *leaves) -> (valid, *outputs)``.

    Args:
        function: of the inputs; the leaves are what it finds by itself, such as parameters.
        inputs: an example.
        leaves: tensors that become inputs too.

    Returns:
        A graph whose first output tells whether all decisions are those of the example.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    decisions = Decisions()

    def with_guard(*args: Tensor) -> tuple[Tensor, ...]:
        with decisions:
            outputs = function(*args)
        held = decisions.held or [torch.ones((), dtype=torch.bool)]
        return torch.stack(held).all(), *outputs

    graph = make_fx(with_guard)(*(tensor.clone() for tensor in inputs))
    _lift(graph, leaves)
    if not decisions.forks.remove(graph.graph):
        raise Untraceable("it uses random numbers that it draws and takes back")
    graph.recompile()
    return graph


def _lift(module: GraphModule, leaves: Sequence[Tensor]) -> None:
    """Make inputs of the leaves, which the tracer has taken for constants."""
    graph = module.graph
    last: list[Node] = [node for node in graph.nodes if node.op == "placeholder"]
    for number, leaf in enumerate(leaves):
        with graph.inserting_after(last[-1]) if last else graph.inserting_before():
            last.append(graph.placeholder(f"leaf_{number}"))
        for node in list(graph.nodes):
            if node.op == "get_attr" and getattr(module, node.target) is leaf:
                node.replace_all_uses_with(last[-1])
                graph.erase_node(node)
