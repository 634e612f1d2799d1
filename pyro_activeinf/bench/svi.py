"""Steps of learning, as written and compiled, beside those of ``pyro.infer.SVI``.

``python -m pyro_activeinf.bench.svi --output docs/results`` writes ``svi.json``. All run in turns
on one thread, with the same random numbers, in double precision. Seconds are those of the
processor, so that nothing else that runs on the machine is counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.optim import PyroOptim
from torch import Tensor

from ..demo.files import writable_folder, write
from ..demo.results import aligned
from ..learning import compiled, fit, inductor
from ..learning.compilation import Backend
from ..learning.compiled import CompiledSteps
from .sample import Sample, readable_seconds

RATE = 0.01
STEPS = 100  # in a turn
TURNS = 9
BARS = {"compiled": 10.0, "as written": 1 / 1.05}  # times as many steps per second as SVI
AGREE = 1e-5
HEAD = ("model", "steps", "ours", "SVI.step", "ratio", "bar", "verdict", "difference", "compiles")

Program = Callable[..., None]


def regression(x: Tensor, y: Tensor) -> None:
    """Weights, offset and noise of a line."""
    weights = pyro.sample("weights", dist.Normal(torch.zeros(x.shape[-1]), 1.0).to_event(1))
    offset = pyro.sample("offset", dist.Normal(0.0, 1.0))
    noise = pyro.sample("noise", dist.LogNormal(0.0, 1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("y", dist.Normal(x @ weights + offset, noise), obs=y)


def schools(effects: Tensor, errors: Tensor) -> None:
    """Eight schools, as in Gelman et al. (2013), "Bayesian data analysis", section 5.5."""
    mean = pyro.sample("mean", dist.Normal(0.0, 5.0))
    spread = pyro.sample("spread", dist.HalfCauchy(5.0))
    with pyro.plate("schools", len(effects)):
        effect = pyro.sample("effect", dist.Normal(0.0, 1.0))
        pyro.sample("seen", dist.Normal(mean + spread * effect, errors), obs=effects)


def problems() -> dict[str, tuple[Program, tuple[Tensor, ...]]]:
    """Models with their data, the same ones each time."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=generator)
    y = x @ torch.tensor([1.0, -2.0, 0.5]) + 0.1 * torch.randn(50, generator=generator)
    effects = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
    errors = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
    return {"regression": (regression, (x, y)), "eight schools": (schools, (effects, errors))}


@dataclass(frozen=True)
class Pace:
    """How long a step takes, here and there."""

    model: str
    way: str
    ours: Sample
    svi: Sample
    difference: float  # the largest one between the losses of both, relative to their size
    compile_seconds: float

    @property
    def ratio(self) -> float:
        """How many steps are taken in the time of one of SVI's."""
        return self.svi.median / self.ours.median

    @property
    def passed(self) -> bool:
        """Whether the bar is reached, on the same trajectory."""
        return self.ratio >= BARS[self.way] and self.difference <= AGREE

    def cells(self) -> tuple[str, ...]:
        """As text, in the columns of :data:`HEAD`."""
        return (
            self.model,
            self.way,
            str(self.ours),
            str(self.svi),
            f"{self.ratio:.3g}x",
            f">= {BARS[self.way]:.3g}x",
            "pass" if self.passed else "FAIL",
            f"{self.difference:.1e}",
            readable_seconds(self.compile_seconds) if self.compile_seconds else "",
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "model": self.model,
            "steps": self.way,
            "ours": self.ours.to_json(),
            "svi": self.svi.to_json(),
            "ratio": self.ratio,
            "bar": BARS[self.way],
            "difference": self.difference,
            "compile_seconds": self.compile_seconds,
            "passed": self.passed,
        }


def guide_of(model: Program, args: Sequence[Tensor]) -> AutoNormal:
    """A mean-field guide that has its parameters, the same ones each time."""
    pyro.set_rng_seed(1)
    guide = AutoNormal(model)
    guide(*args)
    return guide


@dataclass
class Clock:
    """Seconds of a step in each turn, and all losses, of one contestant."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def take(self, steps: Callable[[], list[float]], seed: int) -> None:
        """One turn."""
        pyro.set_rng_seed(seed)
        start = process_time()
        losses = steps()
        self.seconds.append((process_time() - start) / len(losses))
        self.losses += losses

    def beside(self, svi: Clock, model: str, way: str, compile_seconds: float = 0.0) -> Pace:
        """What was measured, beside SVI."""
        ours, theirs = (Sample("seconds", tuple(clock.seconds)) for clock in (self, svi))
        pairs = zip(self.losses, svi.losses, strict=True)
        difference = max(abs(a - b) / max(1.0, abs(b)) for a, b in pairs)
        return Pace(model, way, ours, theirs, difference, compile_seconds)


def paces(
    name: str, turns: int = TURNS, steps: int = STEPS, backend: Backend = inductor
) -> list[Pace]:
    """Measure one model, both ways.

    Compiled steps and those of SVI go on from turn to turn. A turn as written is a whole run of
    ``fit``, with its record and its readings of complexity and accuracy, beside a whole one of SVI.
    """
    model, args = problems()[name]
    adam = partial(torch.optim.Adam, lr=RATE)
    fused = partial(adam, fused=True)
    guide = guide_of(model, args)
    going_on = svi_of(model, args)
    fast = compiled(model, guide, Trace_ELBO(), *args, optimizer=fused, backend=backend)
    clocks = {way: Clock() for way in ("svi", "compiled", "new svi", "as written")}
    for turn in range(turns):
        clocks["svi"].take(partial(_svi_run, going_on, args, steps), turn)
        clocks["compiled"].take(partial(_compiled_run, fast, args, steps), turn)
        new = svi_of(model, args)
        clocks["new svi"].take(partial(_svi_run, new, args, steps), turn)
        run = partial(_fit_run, model, guide_of(model, args), args, adam, steps)
        clocks["as written"].take(run, turn)
    return [
        clocks["compiled"].beside(clocks["svi"], name, "compiled", fast.seconds),
        clocks["as written"].beside(clocks["new svi"], name, "as written"),
    ]


def svi_of(model: Program, args: Sequence[Tensor]) -> SVI:
    """SVI, with a guide that has its parameters."""
    adam = PyroOptim(torch.optim.Adam, {"lr": RATE})
    return SVI(model, guide_of(model, args), adam, Trace_ELBO())


def _svi_run(svi: SVI, args: Sequence[Tensor], steps: int) -> list[float]:
    return [svi.step(*args) for _ in range(steps)]


def _compiled_run(fast: CompiledSteps, args: Sequence[Tensor], steps: int) -> list[float]:
    return [fast.step(*args).item() for _ in range(steps)]


def _fit_run(model: Program, guide: Any, args: Any, adam: Any, steps: int) -> list[float]:
    options = {"loss": Trace_ELBO(), "optimizer": adam, "steps": steps, "progress": False}
    return list(fit(model, guide, args, **options).losses.tolist())


def table(found: Sequence[Pace]) -> str:
    """All measurements, to be read."""
    return aligned([HEAD, *(pace.cells() for pace in found)])


def run(
    output: Path, turns: int = TURNS, steps: int = STEPS, backend: Backend = inductor
) -> list[Pace]:
    """Measure every model, and write ``svi.json``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    with pyro.settings.context(module_local_params=True):
        found = [pace for name in problems() for pace in paces(name, turns, steps, backend)]
    facts = {"torch": torch.__version__, "pyro": pyro.__version__, "threads": 1, "turns": turns}
    facts |= {"clock": "seconds of the processor", "dtype": str(torch.get_default_dtype())}
    content = {**facts, "steps_of_a_turn": steps, "rows": [pace.to_json() for pace in found]}
    text = json.dumps(content, indent=1) + "\n"
    write(output / "svi.json", lambda path: path.write_text(text))
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.svi", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--turns", type=int, default=TURNS, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    print(table(run(options.output, options.turns)))  # noqa: T201


if __name__ == "__main__":
    main()
