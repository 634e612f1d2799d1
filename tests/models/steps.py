"""One step of a model, multiplied out from its arrays: states and what is seen of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from pyro_activeinf.models import GenerativeModel
from tests.bridge import as_array
from tests.oracles import Array

State = tuple[int, ...]
Seen = tuple[int, ...]


class Steps:
    """p(s_0, o_0) and p(s', o' | s, u) of a model, as numbers by state and observation."""

    def __init__(self, model: GenerativeModel) -> None:
        arrays = self.arrays = model.to_arrays()
        self.A = [as_array(a) for a in arrays.A]
        self.B = [as_array(b) for b in arrays.B]
        self.D = [as_array(d) for d in arrays.D]
        self.sizes = [len(d) for d in self.D]

    def first(self) -> dict[tuple[State, Seen], float]:
        """What there is and is seen before any action."""
        return self._with_outcomes(self.D)

    def after(self, state: State, action: int) -> dict[tuple[State, Seen], float]:
        """What an action in a state leads to."""
        parts = zip(
            self.B, self.arrays.B_dependencies, self.arrays.B_action_dependencies, strict=True
        )
        factors = [
            b[(slice(None), *(state[d] for d in parents), action if controls else 0)]
            for b, parents, controls in parts
        ]
        return self._with_outcomes(factors)

    def _with_outcomes(self, factors: Sequence[Array]) -> dict[tuple[State, Seen], float]:
        found: dict[tuple[State, Seen], float] = defaultdict(float)
        for state, p_state in product(factors):
            modalities = [
                a[(slice(None), *(state[d] for d in parents))]
                for a, parents in zip(self.A, self.arrays.A_dependencies, strict=True)
            ]
            for seen, p_seen in product(modalities):
                found[state, seen] += p_state * p_seen
        return dict(found)


def product(factors: Sequence[Array]) -> Iterator[tuple[tuple[int, ...], float]]:
    """The possible values of independent variables, with their probabilities."""
    for values in itertools.product(*(np.flatnonzero(factor).tolist() for factor in factors)):
        yield values, float(np.prod([p[value] for p, value in zip(factors, values, strict=True)]))
