"""cpomdp's side of a measurement; run by an interpreter that has it, and by itself.

It answers the same requests as :mod:`~pyro_activeinf.bench.worker`, in the way of
``peer_pymdp.py``, from which it takes the loop over requests by its path.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

NAMES = {
    "dynamics_matrix": "A",
    "control_matrix": "B",
    "observation_matrix": "C",
    "dynamics_noise": "Q",
    "observation_noise": "R",
}


class GaussianScoring:
    """G of every policy from a belief: the peer's own exhaustive search, compiled once."""

    def __init__(self, problem: dict[str, Any]) -> None:
        import jax
        from cpomdp import Belief, LinearGaussianModel
        from cpomdp.enumeration import EnumeratedEFESearch, FiniteActionSet
        from cpomdp.selection import Preference

        world = problem["world"]
        self.jax = jax
        self.belief = Belief(world["mean"], world["cov"])
        arrays = {name: world[letter] for name, letter in NAMES.items()}
        model = LinearGaussianModel(**arrays, prior=self.belief)
        pushes = FiniteActionSet(world["pushes"], version="bench")
        self.search = EnumeratedEFESearch(model, pushes, horizon=problem["horizon"])
        self.preference = Preference(world["goal"], world["precision"])
        self.result: Any = None

    def once(self) -> float:
        """Seconds of a call."""
        begin = time.perf_counter()
        found = self.search.evaluate(self.belief, self.preference)
        self.result = self.jax.block_until_ready(found)
        return time.perf_counter() - begin

    def outputs(self) -> dict[str, Any]:
        """G, in the order of ``itertools.product``."""
        return {"efe": self.result.g.tolist()}


TASKS: dict[str, Any] = {"gaussian scoring": GaussianScoring}


def shared() -> Any:
    """The module ``peer_pymdp.py``, loaded by its path: no package has to be found for it."""
    spec = spec_from_file_location("peer_pymdp", Path(__file__).with_name("peer_pymdp.py"))
    if spec is None or spec.loader is None:
        raise ImportError("peer_pymdp.py is not beside this file.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def worker() -> Any:
    """Who does what this side is asked to."""
    return shared().Worker(TASKS, "cpomdp", ("cpomdp", "jax"), "cpomdp.enumeration")


def main() -> None:
    """Answer requests until there are no more."""
    shared().main(worker())


if __name__ == "__main__":
    main()
