"""Graphs of operations on tensors: what can be computed beforehand, and what can be done once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Interpreter, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from ..learning.forks import is_draw

aten = torch.ops.aten
IDLE = {aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.permute.default}
Run = Callable[..., Sequence[Tensor]]


def graph_of(function: Run, example: Sequence[Tensor]) -> GraphModule:
    """The operations of a function of tensors, none of them in place, each constant once.

    Arguments have to be contiguous. What does not depend on them, nor on tensors that can be
    trained, is a constant.

    Raises:
        RuntimeError: for a function that draws random numbers, or that a tracer cannot follow.
    """
    given = [value.detach().contiguous().clone() for value in example]
    with torch.no_grad():
        module = make_fx(function)(*given)
        module.graph.eliminate_dead_code(lambda node: node.is_impure() and not is_draw(node))
        if any(map(is_draw, module.graph.nodes)):
            raise RuntimeError("it draws random numbers")
        module.recompile()
        module = make_fx(torch.func.functionalize(module))(*given)
        _without_idle(module.graph)
        _replaced(module, _constants(module))
    return module


def _without_idle(graph: Graph) -> None:
    """Take out what leaves a tensor as it is."""
    for node in graph.nodes:
        if node.op == "call_function" and node.target in IDLE:
            before = node.args[0]
            shapes = [getattr(n.meta.get("val"), "shape", None) for n in (before, node)]
            moves = node.target is aten.permute.default
            kept = not moves or list(node.args[1]) == list(range(len(node.args[1])))
            if shapes[0] is not None and shapes[0] == shapes[1] and kept:
                node.replace_all_uses_with(before)
    graph.eliminate_dead_code()


def _constants(module: GraphModule) -> dict[Node, Any]:
    """The values of the nodes that do not depend on arguments."""
    runner, values = Interpreter(module), dict[Node, Any]()
    for node in module.graph.nodes:
        if node.op == "get_attr":
            tensor = getattr(module, node.target)
            if not tensor.requires_grad:
                values[node] = tensor
        elif node.op == "call_function" and all(n in values for n in node.all_input_nodes):
            args, kwargs = pytree.tree_map(
                lambda x: values[x] if isinstance(x, Node) else x, (node.args, node.kwargs)
            )
            values[node] = runner.call_function(node.target, args, kwargs)
    return values


def _replaced(module: GraphModule, values: Mapping[Node, Any]) -> None:
    for number, (node, value) in enumerate(values.items()):
        used = any(user not in values for user in node.users)
        if node.op == "get_attr" or not used or not isinstance(value, Tensor):
            continue
        name = f"_constant_{number}"
        module.register_buffer(name, value)
        with module.graph.inserting_before(node):
            node.replace_all_uses_with(module.graph.get_attr(name))
    module.graph.eliminate_dead_code()
    module.recompile()


def in_two(module: GraphModule, late: int) -> tuple[GraphModule, GraphModule]:
    """Cut a graph: what depends on the first ``late`` arguments, and what can be done before.

    Returns:
        From the other arguments to what the first part needs of them; and the first part, from
        its arguments and that, to the outputs.
    """
    nodes = list(module.graph.nodes)
    arguments = [node for node in nodes if node.op == "placeholder"]
    early = set(arguments[late:])
    for node in nodes:
        if node.op not in ("placeholder", "output") and early.issuperset(node.all_input_nodes):
            early.add(node)
    needed = [n for n in nodes if n in early and any(user not in early for user in n.users)]
    before, after = Graph(), Graph()
    made = _copied([n for n in nodes if n in early], before, {})
    before.output(tuple(made[node] for node in needed))
    known = _copied(arguments[:late], after, {})
    known |= {node: after.placeholder(f"early_{i}") for i, node in enumerate(needed)}
    _copied([n for n in nodes if n not in early and n not in known], after, known)
    return GraphModule(module, before), GraphModule(module, after)


def _copied(nodes: Sequence[Node], graph: Graph, known: dict[Node, Node]) -> dict[Node, Node]:
    for node in nodes:
        known[node] = graph.node_copy(node, known.__getitem__)
    return known
