"""All chains on their way: a bar, interrupts, and a file to go on from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from ... import checkpoint
from ..._checks import complain
from ...learning import random_state
from ...learning.interrupts import Interrupts
from .base import Keeping
from .chain import Chain
from .metric import Array
from .together import together

KIND = "sampler"


@dataclass
class Journey:
    """Chains that are driven together until all have their draws."""

    chains: Sequence[Chain]
    answer: Callable[[Array], Any]  # see together
    keeping: Keeping | None
    settings: Mapping[str, Any]  # what a file has to agree with

    def go(self, progress: bool) -> int:
        """Drive them; the number of draws that each of them has, fewer after an interrupt.

        Raises:
            KeyboardInterrupt: there is no draw yet.
            ValueError: the file is of no use here.
        """
        plan = self.chains[0].plan
        if self.keeping is not None and self.keeping.resume and self.keeping.path.exists():
            self._resume(self.keeping)
        total = sum(plan.warmup + plan.draws for _ in self.chains)
        with Interrupts() as interrupts, self._bar(total, progress) as bar:
            self._drive(bar, interrupts)
        draws = min(plan.draws, *(len(chain.points) for chain in self.chains))
        if interrupts.came and draws < plan.draws:
            if not draws:
                raise KeyboardInterrupt
            text = f"NUTS was interrupted after {draws} of {plan.draws} draws of each chain"
            warnings.warn(text, stacklevel=5)
        return draws

    def _drive(self, bar: Any, interrupts: Interrupts) -> None:
        saved = self.done
        for _ in together([chain.go() for chain in self.chains], self.answer):
            if not bar.disable:
                bar.update(self.done - bar.n)
                bar.set_postfix_str(f"{diverged(self.chains)} divergences", refresh=False)
            if interrupts.came:
                break
            if self.keeping is not None and self.done - saved >= self._pace(self.keeping):
                self._save(self.keeping)
                saved = self.done
        if self.keeping is not None:
            self._save(self.keeping)

    def _bar(self, total: int, progress: bool) -> Any:
        return tqdm(total=total, initial=self.done, desc="NUTS", unit=" step", disable=not progress)

    def _pace(self, keeping: Keeping) -> int:
        return keeping.every * len(self.chains)

    @property
    def done(self) -> int:
        """Steps of all chains."""
        return sum(chain.done for chain in self.chains)

    def _save(self, keeping: Keeping) -> None:
        state = {
            "settings": self._settings(),
            "random": random_state.get(),
            "chains": [chain.state() for chain in self.chains],
        }
        checkpoint.save(keeping.path, KIND, state)

    def _resume(self, keeping: Keeping) -> None:
        state = checkpoint.load(keeping.path, KIND)
        mine, theirs = self._settings(), state["settings"]
        if mine != theirs:
            raise ValueError(complain("checkpoint", f"one of a run with {mine}", f"with {theirs}"))
        for chain, one in zip(self.chains, state["chains"], strict=True):
            chain.bring(one)
        random_state.put(state["random"])

    def _settings(self) -> dict[str, Any]:
        plan = self.chains[0].plan._asdict()
        del plan["draws"]  # there may be more
        return {**self.settings, **plan}


def diverged(chains: Sequence[Chain]) -> int:
    """Number of draws whose trajectory lost its energy."""
    return sum(facts.diverging for chain in chains for facts in chain.facts)
