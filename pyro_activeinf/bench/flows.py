"""How long each kind of flow takes in each direction.

``python -m pyro_activeinf.bench.flows --output docs/results`` writes ``flows.json`` and prints a
table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import pyro
import torch
from pyro.distributions import Normal, TransformedDistribution
from pyro.distributions.transforms import affine_autoregressive, spline_autoregressive
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from ..flows import Inverse, Kind, NormalizingFlow, SplineAutoregressive
from ..flows.names import KINDS

DIM, LENGTH, BATCH, TURNS = 16, 4, 1024, 7
Work = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one core; ``None`` for what cannot be done."""

    name: str
    forward: float
    inverse: float | None
    density: float | None
    parameters: int


def kinds() -> dict[str, Kind]:
    """What is measured, by name."""
    found = {name: make() for name, make in KINDS.items()}
    return found | {"Inverse(spline_autoregressive)": Inverse(SplineAutoregressive())}


def cost_of(name: str, kind: Kind, turns: int = TURNS, batch: int = BATCH) -> Cost:
    """Samples, preimages and densities of foreign values; default settings, float32, no gradient.

    The density of a value that was just drawn costs nothing more than drawing it.
    """
    pyro.set_rng_seed(0)
    flow = NormalizingFlow(DIM, LENGTH, kind)
    points = torch.randn(batch, DIM)
    density = flow.distribution()
    sizes = sum(parameter.numel() for parameter in flow.parameters())
    forward = milliseconds(lambda: flow(points), turns)
    if not flow.invertible:
        return Cost(name, forward, None, None, sizes)
    inverse = milliseconds(lambda: flow.inverse(points), turns)
    return Cost(
        name, forward, inverse, milliseconds(lambda: density.log_prob(points), turns), sizes
    )


def pyros_own(turns: int = TURNS, batch: int = BATCH) -> list[Cost]:
    """The autoregressive transforms of Pyro, in its own distribution, with networks of one size."""
    makers = {
        "Pyro's affine_autoregressive": lambda: affine_autoregressive(DIM, [64, 64]),
        "Pyro's spline_autoregressive": lambda: spline_autoregressive(DIM, [64, 64]),
    }
    return [_pyros_cost(name, make, turns, batch) for name, make in makers.items()]


def _pyros_cost(name: str, make: Callable[[], torch.nn.Module], turns: int, batch: int) -> Cost:
    pyro.set_rng_seed(0)
    transforms = [make() for _ in range(LENGTH)]
    density = TransformedDistribution(Normal(torch.zeros(DIM), 1.0).to_event(1), transforms)
    points = torch.randn(batch, DIM)
    sizes = sum(p.numel() for transform in transforms for p in transform.parameters())
    forward = milliseconds(lambda: density.sample((batch,)), turns)
    scored = milliseconds(lambda: density.log_prob(points + 0.0), turns)
    return Cost(name, forward, None, scored, sizes)


def milliseconds(work: Work, turns: int) -> float:
    """The median over turns, in time of the processor: what else the machine does counts little."""
    found = []
    with torch.no_grad():
        work()
        for _ in range(turns):
            begin = time.process_time()
            work()
            found.append(1e3 * (time.process_time() - begin))
    return median(found)


def table(costs: Sequence[Cost]) -> str:
    """The costs as a table in Markdown."""
    lines = ["| kind | forward (sampling) | inverse | density of a foreign value |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for cost in costs:
        cells = (cost.forward, cost.inverse, cost.density)
        shown = ("-" if cell is None else f"{cell:.3g}" for cell in cells)
        lines.append(f"| {cost.name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def run(output: Path, turns: int = TURNS, batch: int = BATCH) -> list[Cost]:
    """Measure every kind, and write ``flows.json``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    costs = [cost_of(name, kind, turns, batch) for name, kind in tqdm(kinds().items(), unit="kind")]
    costs += pyros_own(turns, batch)
    size = {
        "dim": DIM,
        "length": LENGTH,
        "batch": batch,
        "turns": turns,
        "unit": "ms",
        "threads": 1,
    }
    content = {**size, "torch": torch.__version__, "costs": [asdict(cost) for cost in costs]}
    text = json.dumps(content, indent=1) + "\n"
    write(output / "flows.json", lambda path: path.write_text(text))
    return costs


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.flows", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--turns", type=int, default=TURNS, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(table(run(options.output, options.turns)))  # noqa: T201


if __name__ == "__main__":
    main()
