"""The peer's script stands alone, and answers what ours does."""

import ast
import inspect
import json
import sys

from pyro_activeinf.bench import peer_pymdp
from pyro_activeinf.bench.worker import VERBS, Worker


def imported() -> set[str]:
    tree = ast.parse(inspect.getsource(peer_pymdp))
    found = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    found |= {
        "." * node.level + (node.module or "")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    return {name.split(".")[0] for name in found}


def test_it_imports_the_peer_and_the_standard_library_only() -> None:
    others = imported() - sys.stdlib_module_names
    assert others == {"jax", "numpy", "pymdp"}


def test_it_answers_the_same_requests() -> None:
    for verb in VERBS:
        ours = inspect.signature(getattr(Worker, verb)).parameters
        assert inspect.signature(getattr(peer_pymdp.Worker, verb)).parameters.keys() == ours.keys()


def test_where_the_peer_is_absent_it_says_so() -> None:
    said = json.loads(peer_pymdp.answer(peer_pymdp.Worker(), '{"do": "hello"}'))
    assert said["error"].startswith("ModuleNotFoundError: No module named")


def test_peak() -> None:
    said = json.loads(peer_pymdp.answer(peer_pymdp.Worker(), '{"do": "peak"}'))
    assert said["ok"] > 2**24
