"""The loop of learning: steps, a record, a bar, a file to go on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from .. import checkpoint
from ..free_energy import VariationalFreeEnergy
from . import random_state
from .batches import Arguments, Batches
from .compilation import Backend, Compiled
from .interrupts import Interrupts
from .ranks import Ranks
from .run import Recorder, TrainingRun
from .training import Training

KIND = "training"
EVERY, EVERY_COMPILED = 100, 1000  # steps from one reading of complexity and accuracy to the next

Stop = Callable[[Sequence[float]], bool]


@dataclass
class Loop:
    """Takes steps until there is nothing left to do."""

    training: Training
    batches: Batches
    steps: int
    stop: Stop | None = None
    path: Path | None = None
    save_every: int = 100
    read_every: int | None = None
    backend: Backend | None = None
    record: Recorder = field(default_factory=Recorder)
    begun: bool = False
    compiled: Compiled | None = None

    def __post_init__(self) -> None:
        self._saved = self._origin = 0.0
        self._reader: Any = reader(self.training.program.loss)
        self._pace = self.read_every or (EVERY if self.backend is None else EVERY_COMPILED)

    @property
    def ranks(self) -> Ranks:
        """The processes that learn together."""
        return self.training.program.ranks

    @property
    def done(self) -> int:
        """Number of steps taken."""
        return len(self.record.losses)

    def resume(self, path: Path) -> None:
        """Go on from a file.

        Raises:
            ValueError: it is of no use here; model and guide stay as they are.
        """
        state = checkpoint.load(path, KIND)
        with self.training.program.unchanged():
            self.training.begin(self.batches.at(0))
        self.training.require_fit(state["training"])
        self.batches.resume(state["data"])
        self.training.load(state["training"])
        random_state.put(state["random"])
        self.record, self.begun = Recorder.from_columns(state["record"]), True
        self._saved = self.done

    def run(self, bar: Any) -> TrainingRun:
        """Take the steps."""
        self._origin = perf_counter() - (self.record.seconds or [0.0])[-1]
        with Interrupts() as interrupts:
            try:
                ending = self._go(bar, interrupts)
                self._save()
            except KeyboardInterrupt:  # within a step, of which nothing is kept
                ending = "interrupt"
                if not self.done:
                    raise
            finally:
                self.training.program.clear()
        self.ranks.wait()
        compiled = self.compiled
        return self.record.run(
            ending=ending,
            compile_seconds=0.0 if compiled is None else compiled.seconds,
            not_compiled="" if compiled is None else compiled.reason,
        )

    def _go(self, bar: Any, interrupts: Interrupts) -> str:
        while self.done < self.steps:
            if self.done and self.stop is not None and self.stop(self.record.losses):
                return "early stop"
            if self.ranks.any(interrupts.came):
                return "interrupt"
            self._step(bar)
            if self.done % self.save_every == 0:
                self._save()
        return "all steps"

    def _step(self, bar: Any) -> None:
        args = self.batches.at(self.done)
        reads = self.done % self._pace == 0 or self.done == self.steps - 1
        before = random_state.get() if reads and self._reader is not None else None
        loss, norm = self._look(args, bar)
        if before is not None:
            self._read_off(args, before)
        self.training.take(loss)
        self.record.stepped(loss, norm, perf_counter() - self._origin)
        bar.update(self.record)

    def _look(self, args: Arguments, bar: Any) -> tuple[float, float]:
        if not self.begun:
            self.begun = True
            return self.training.begin(args)
        if self.backend is not None and self.compiled is None:
            self.compiled = Compiled(self.training.eager, args, self.backend)
            self.training.gradients = self.compiled
            bar.compiled(self.compiled)
        return self.training.look(args)

    def _read_off(self, args: Arguments, before: Any) -> None:
        """Complexity and accuracy of the draws that the loss has been estimated with."""
        program = self.training.program
        with program.unchanged(), self.batches.scaled():
            random_state.put(before)
            try:
                terms = self._reader.decompose(program.model, program.guide, *args)
            except (ValueError, NotImplementedError):  # it is no sum over sites, or has no value
                self._reader = None
                return
        both = (terms.complexity, terms.accuracy)
        self.record.read_off(*(float(self.ranks.share(term, ())) for term in both))

    def _save(self) -> None:
        if self.path is None or not self.ranks.first or not self.begun or self._saved == self.done:
            return
        state = {
            "training": self.training.state(),
            "data": self.batches.state(),
            "random": random_state.get(),
            "record": self.record.columns(),
        }
        checkpoint.save(self.path, KIND, state)
        self._saved = self.done


def reader(loss: Any) -> VariationalFreeEnergy:
    """What splits a free energy into complexity and accuracy."""
    return loss if isinstance(loss, VariationalFreeEnergy) else VariationalFreeEnergy(loss)
