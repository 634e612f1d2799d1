"""The script of the peer for Gaussian models stands alone, and answers what ours does."""

import ast
import inspect
import json
import sys

from pyro_activeinf.bench import peer_cpomdp
from pyro_activeinf.bench.worker import VERBS, Worker


def test_it_imports_the_peer_and_the_standard_library_only() -> None:
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(peer_cpomdp))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    assert {name.split(".")[0] for name in found} - sys.stdlib_module_names == {"jax", "cpomdp"}


def test_it_answers_the_same_requests() -> None:
    worker = peer_cpomdp.worker()
    for verb in VERBS:
        ours = inspect.signature(getattr(Worker, verb)).parameters.keys() - {"self"}
        assert inspect.signature(getattr(worker, verb)).parameters.keys() == ours


def test_where_the_peer_is_absent_it_says_so() -> None:
    shared = peer_cpomdp.shared()
    said = json.loads(shared.answer(peer_cpomdp.worker(), '{"do": "hello"}'))
    assert said["error"].startswith("ModuleNotFoundError: No module named 'cpomdp'")
