"""A guide as something that is run again: its arguments, its parameters, its values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import complain
from .fisher import Fisher, Program, run_of, terms_of

SCORES = 64  # samples of a score that is not known, in each run


class Guided:
    """A guide that is watched, so that it can be run with the arguments of its last call.

    Args:
        program: a module or a function, whose parameters are in Pyro's store.

    Attributes:
        called: the guide, or a function that remembers with what it is called.

    Raises:
        TypeError: it is neither.
    """

    def __init__(self, program: Program) -> None:
        if not callable(program):
            raise TypeError(complain("guide", "a module or a function", repr(program)))
        self.program = program
        self._args: tuple[Any, Any] = ((), {})
        self.called = self._watched(program)

    def start(self) -> list[Tensor]:
        """Parameters of a module; none of a function, whose are met in the first step.

        Raises:
            ValueError: a module has none.
        """
        if not isinstance(self.program, nn.Module):
            return []
        found: list[Tensor] = [one for one in self.program.parameters() if one.requires_grad]
        if not found:
            way_out = "Call it once on the data: guides often make their parameters then."
            raise ValueError(complain("guide", "a module with parameters", "none", way_out))
        return found

    def parameters(self, known: list[Tensor]) -> list[Tensor]:
        """Parameters now: those of a function are looked up.

        Raises:
            ValueError: a function has none.
        """
        if isinstance(self.program, nn.Module):
            return known
        with torch.random.fork_rng(devices=[]):
            trace = run_of(self.program, *self._args)
        sites = (site for site in trace.nodes.values() if site["type"] == "param")
        found = [site["value"].unconstrained() for site in sites]
        if not found:
            way_out = "Name them by pyro.param, or give a module."
            raise ValueError(complain("guide", "a function with parameters", "none", way_out))
        return found

    def runs(self, count: int, skip: int = 0) -> list[Any]:
        """Values of all sites, which stay as they are while parameters move.

        Args:
            count: of runs.
            skip: runs before these, which others have had.
        """
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            found = [run_of(self.program, *self._args) for _ in range(skip + count)][skip:]
            for trace in found:
                for site in trace.nodes.values():
                    if site["type"] == "sample" and isinstance(site["value"], Tensor):
                        site["value"] = site["value"].clone()  # a point mass's is its parameter
        return found

    def information(self, runs: list[Any], parameters: list[Tensor]) -> Fisher:
        """The information at the present parameters, averaged over runs."""
        terms = []
        with torch.random.fork_rng(devices=[]):  # the same scores are sampled each time
            for run in runs:
                trace = run_of(self.program, *self._args, values=run)
                terms += terms_of(trace, SCORES, 1 / len(runs))
        return Fisher(terms, parameters)

    def _watched(self, guide: Program) -> Program:
        if isinstance(guide, nn.Module):
            guide.register_forward_pre_hook(self._remember, with_kwargs=True)
            return guide

        def remembering(*args: Any, **kwargs: Any) -> Any:
            self._args = (args, kwargs)
            return guide(*args, **kwargs)

        return remembering

    def _remember(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self._args = (args, kwargs)
