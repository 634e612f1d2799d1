"""Message passing: how long it takes for 10,000 observations, and how good its posteriors are.

``python -m pyro_activeinf.bench.messages --output docs/results`` writes ``messages.json``: times
beside those published for RxInfer, posterior means beside those of NUTS, and the largest rise of
F over random graphs. Seconds are those of the processor, on one thread, from the data to the
posterior: what is built beforehand is in them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..demo.files import writable_folder, write
from ..demo.results import aligned
from ..messages import (
    FactorGraph,
    GaussianChain,
    MultivariateGaussian,
    VariationalMessagePassing,
    library,
)
from .posterior_means import Agreement, agreements
from .random_graphs import random_graph

COUNT = 10_000
TURNS = 7
GRAPHS = 500
PUBLISHED = {  # seconds, for 10,000 observations; the first result is after compilation
    "Kalman filter": 0.240,
    "smoother": 4.98,
    "i.i.d. normal": 1.17,
    "linear regression": 11.8,
    "first result": 18.0,
}
BARS = {  # times as fast
    "Kalman filter": 1.0,
    "smoother": 5.0,
    "i.i.d. normal": 1.0,
    "linear regression": 5.0,
    "first result": 18.0 / 5.0,
}
FIRST = """
import time
start = time.process_time()
import torch
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
from pyro_activeinf.bench.messages import normal_data, normal_posterior
normal_posterior(normal_data())
print(time.process_time() - start)
"""


@dataclass(frozen=True)
class Pace:
    """How long one model takes, here and as published."""

    model: str
    seconds: float
    published: float
    bar: float  # times as fast

    @property
    def passed(self) -> bool:
        """Whether it is as fast as it should be."""
        return self.published / self.seconds >= self.bar


def system_data(count: int = COUNT) -> Tensor:
    """Observations of a rotating vector under noise, ``(count, 2)``."""
    A, state, rows = rotation(), torch.tensor([10.0, -10.0]), []
    noise, shown = torch.randn(count, 2), torch.randn(count, 2)
    for t in range(count):
        state = A @ state + noise[t]
        rows.append(state + 5**0.5 * shown[t])
    return torch.stack(rows)


def rotation(angle: float = torch.pi / 15) -> Tensor:
    """A matrix that turns vectors."""
    turn = torch.tensor(angle)
    return torch.stack(
        [torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])]
    )


def system_graph(seen: Tensor) -> FactorGraph:
    """The linear dynamical system as a graph."""
    graph = FactorGraph()
    one = torch.eye(2)
    chain = graph.variable("state", GaussianChain(len(seen), 2))
    start: dict[str, Any] = {
        "initial_mean": torch.zeros(2),
        "initial_precision": 0.01 * one,
    }
    graph.factor(library.linear_chain, x=chain, matrix=rotation(), precision=one, **start)
    y = graph.observe("y", MultivariateGaussian(2), seen)
    graph.factor(library.linear_emission, y=y, x=chain, matrix=one, precision=one / 5)
    return graph


def filtered(seen: Tensor) -> Any:
    """Beliefs about all states, each given what was seen before."""
    return system_graph(seen).filtered("state")


def smoothed(seen: Tensor) -> Any:
    """Beliefs about all states, given all that was seen."""
    return VariationalMessagePassing(system_graph(seen)).update_beliefs()["state"]


def normal_data(count: int = COUNT) -> Tensor:
    """Numbers about 3."""
    return 3 + 2 * torch.randn(count)


def normal(x: Tensor) -> None:
    """Of unknown mean and precision."""
    level = pyro.sample("level", dist.Normal(0.0, 10.0))
    noise = pyro.sample("noise", dist.Gamma(1.0, 1.0))
    with pyro.plate("rows", len(x)):
        pyro.sample("x", dist.Normal(level, noise.rsqrt()), obs=x)


def normal_posterior(x: Tensor) -> Any:
    """Beliefs about mean and precision, from the program."""
    graph = FactorGraph.from_program(normal, x)
    return VariationalMessagePassing(graph).update_beliefs()


def line_data(count: int = COUNT) -> tuple[Tensor, Tensor]:
    """Pairs about a line."""
    x = torch.randn(count)
    return x, 0.5 * x - 1.0 + 0.3 * torch.randn(count)


def line(x: Tensor, y: Tensor) -> None:
    """Slope, offset and noise."""
    slope = pyro.sample("slope", dist.Normal(0.0, 10.0))
    offset = pyro.sample("offset", dist.Normal(0.0, 10.0))
    noise = pyro.sample("noise", dist.Gamma(1.0, 1.0))
    with pyro.plate("rows", len(y)):
        pyro.sample("y", dist.Normal(slope * x + offset, noise.rsqrt()), obs=y)


def line_posterior(data: tuple[Tensor, Tensor]) -> Any:
    """Beliefs about all three, from the program."""
    graph = FactorGraph.from_program(line, *data)
    return VariationalMessagePassing(graph).update_beliefs()


def timed(task: Callable[[], Any], turns: int) -> float:
    """Seconds of the processor that a task takes, the median of turns after a first one."""
    task()
    found = []
    for _ in range(turns):
        start = process_time()
        task()
        found.append(process_time() - start)
    return median(found)


def paces(turns: int = TURNS, count: int = COUNT) -> list[Pace]:
    """The four models, and the first result of a new process."""
    pyro.set_rng_seed(0)
    seen, x, pairs = system_data(count), normal_data(count), line_data(count)
    tasks: dict[str, Callable[[], Any]] = {
        "Kalman filter": lambda: filtered(seen),
        "smoother": lambda: smoothed(seen),
        "i.i.d. normal": lambda: normal_posterior(x),
        "linear regression": lambda: line_posterior(pairs),
    }
    found = [
        Pace(name, timed(task, turns), PUBLISHED[name], BARS[name]) for name, task in tasks.items()
    ]
    first = "first result"
    return [*found, Pace(first, first_result(), PUBLISHED[first], BARS[first])]


def first_result() -> float:
    """Seconds of a new process until it has its first posterior, imports included."""
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    return float(done.stdout)


def largest_rise(graphs: int = GRAPHS, sweeps: int = 5) -> float:
    """The largest rise of F in a sweep, in parts of F, over random graphs."""
    worst = -torch.inf
    for seed in range(graphs):
        passing = VariationalMessagePassing(random_graph(seed), max_iter=sweeps, tolerance=0.0)
        passing.update_beliefs()
        rise = passing.free_energy.diff().max() / passing.free_energy.abs().max()
        worst = max(worst, rise.item())
    return worst


def table(found: list[Pace], means: list[Agreement]) -> str:
    """All measurements, to be read."""
    speed = [
        (p.model, f"{p.seconds:.3f} s", f"{p.published:.2f} s", "pass" if p.passed else "FAIL")
        for p in found
    ]
    quality = [
        (a.model, a.quantity, f"{a.largest:.2%}", "pass" if a.passed else "FAIL") for a in means
    ]
    heads = ("model", "seconds", "published", ""), ("model", "means of", "away from NUTS", "")
    return aligned([heads[0], *speed]) + "\n" + aligned([heads[1], *quality])


def run(output: Path, turns: int = TURNS, graphs: int = GRAPHS, samples: int = 1000) -> str:
    """Measure everything, and write ``messages.json``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    speed, rise, means = paces(turns), largest_rise(graphs), agreements(samples)
    content = {
        "torch": torch.__version__,
        "observations": COUNT,
        "clock": "seconds of the processor, one thread",
        "speed": [{**asdict(pace), "passed": pace.passed} for pace in speed],
        "random graphs": {"graphs": graphs, "largest rise of F, in parts of F": rise},
        "means": [{**asdict(each), "passed": each.passed} for each in means],
    }
    text = json.dumps(content, indent=1) + "\n"
    write(output / "messages.json", lambda path: path.write_text(text))
    return table(speed, means) + f"\nlargest rise of F: {rise:.1e} of F, {graphs} graphs"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.messages", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--turns", type=int, default=TURNS, metavar="N")
    parser.add_argument("--samples", type=int, default=1000, metavar="N", help="of NUTS")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    print(run(options.output, options.turns, samples=options.samples))  # noqa: T201


if __name__ == "__main__":
    main()
