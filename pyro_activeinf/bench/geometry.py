"""Information geometry: logarithms beside geomstats, and the natural gradient beside Adam.

``python -m pyro_activeinf.bench.geometry --peer-python PATH --output docs/results`` writes
``geometry.json``. The peer needs an environment of its own: ``pip install "numpy<2" geomstats``.
It goes through a batch one by one, so that it is given part of it, and timed per item.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence

from .._checks import complain
from ..demo.files import writable_folder, write
from ..geometry import ExponentialMap, NaturalGradient, StatisticalManifold
from .side import ONE_THREAD

FAMILIES: Mapping[str, tuple[Any, int]] = {
    "Dirichlet": (dist.Dirichlet, 3),
    "Beta": (dist.Beta, 2),
    "Gamma": (dist.Gamma, 2),
}
LOW, HIGH = 0.5, 5.0  # of all coordinates
MANY = 1000
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)  # of Adam
CONDITION, SIZE = 1e6, 5
GAP = 1e-3  # nats above the minimum of F


@dataclass(frozen=True)
class Logarithms:
    """Medians over turns of the seconds of a logarithm."""

    family: str
    batch: int
    ours: float  # per item
    peer: float | None  # per item
    peer_items: int  # of the batch, that the peer did
    error: float  # of our round trip, the largest
    peer_error: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as long the peer takes."""
        return None if self.peer is None else self.peer / self.ours


@dataclass(frozen=True)
class Descent:
    """Steps until F is near its minimum, on a regression with correlated inputs."""

    condition: float
    gap: float  # nats
    natural: int | None
    adam: Mapping[str, int | None]  # by learning rate; none where ``most`` do not suffice
    most: int


class Peer:
    """geomstats in a process of its own."""

    def __init__(self, python: Path) -> None:
        script = Path(__file__).with_name("peer_geomstats.py")
        self.process = subprocess.Popen(
            [str(python), "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_THREAD, "GEOMSTATS_BACKEND": "numpy"},
        )
        try:
            self.facts = self._read()
        except ValueError:
            self.close()
            raise

    def ask(self, family: str, start: Tensor, end: Tensor) -> dict[str, float]:
        """Seconds and error."""
        problem = {"family": family, "start": start.tolist(), "end": end.tolist()}
        print(json.dumps(problem), file=self.process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            got = "an interpreter that does not run it"
            raise ValueError(complain("--peer-python", "one that has geomstats", got))
        found: dict[str, Any] = json.loads(line)
        return found


def seconds_of(call: Callable[[], Any]) -> float:
    """Seconds of a call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def logarithms(name: str, batch: int, peer: Peer | None, turns: int, share: int) -> Logarithms:
    """Both sides in turn, on the same points; one turn before that does not count."""
    kind, size = FAMILIES[name]
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(2, batch, size, generator=generator, dtype=torch.float64)
    start, end = LOW + (HIGH - LOW) * draws
    space = StatisticalManifold(kind)
    found = space.log_map(start, end)
    error = float((space.exp_map(start, found) - end).abs().max())
    items = min(batch, share)
    ours, theirs, errors = [], [], []
    for _ in range(turns):
        ours.append(seconds_of(lambda: space.log_map(start, end)) / batch)
        if peer is not None:
            answer = peer.ask(name, start[:items], end[:items])
            theirs.append(answer["seconds"] / items)
            errors.append(answer["error"])
    return Logarithms(
        name,
        batch,
        statistics.median(ours),
        statistics.median(theirs) if theirs else None,
        items,
        error,
        max(errors) if errors else None,
    )


class Weights(nn.Module):
    """A Gaussian belief about the weights of a regression."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(SIZE, dtype=torch.float64))
        self.raw = nn.Parameter(torch.zeros(SIZE, SIZE, dtype=torch.float64))

    @property
    def belief(self) -> Any:
        """q(weights)."""
        factor = self.raw.tril(-1) + torch.diag_embed(self.raw.diagonal().exp())
        return dist.MultivariateNormal(self.loc, scale_tril=factor)

    def forward(self) -> None:
        """The guide."""
        pyro.sample("weights", self.belief)


def posterior(condition: float) -> Any:
    """Of the weights, whose precision has this condition number."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(SIZE, SIZE + 1, generator=generator, dtype=torch.float64)
    turn = torch.linalg.qr(draws[:, :SIZE]).Q
    half = torch.tensor(condition).log10().item() / 2
    precision = (turn * torch.logspace(-half, half, SIZE, dtype=torch.float64)) @ turn.T
    return dist.MultivariateNormal(draws[:, SIZE], precision_matrix=(precision + precision.T) / 2)


def steps_until(
    guide: Weights, optimizer: torch.optim.Optimizer, goal: Any, most: int
) -> int | None:
    """Steps until F, which is KL plus a constant here, is within ``GAP`` of its minimum."""
    for step in range(most + 1):
        optimizer.zero_grad()
        excess = kl_divergence(guide.belief, goal)
        if excess.item() < GAP:
            return step
        excess.backward()
        optimizer.step()
    return None


def descent(condition: float = CONDITION, most: int = 2000) -> Descent:
    """The natural gradient at a rate of 1, and Adam at several."""
    goal, guide = posterior(condition), Weights()
    natural = NaturalGradient(guide, retraction=ExponentialMap())
    ours = steps_until(guide, natural, goal, 100)
    adam: dict[str, int | None] = {}
    for rate in RATES:
        other = Weights()
        adam[str(rate)] = steps_until(other, torch.optim.Adam(other.parameters(), rate), goal, most)
    return Descent(condition, GAP, ours, adam, most)


def run(
    output: Path, peer: Peer | None, *, turns: int = 5, share: int = 100, most: int = 2000
) -> dict[str, Any]:
    """Measure, and write ``geometry.json``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    rows = [
        logarithms(name, batch, peer, turns if batch == 1 else min(turns, 3), share)
        for name in FAMILIES
        for batch in (1, MANY)
    ]
    record = {
        "peer": peer.facts if peer is not None else None,
        "torch": torch.__version__,
        "logarithms": [asdict(row) | {"ratio": row.ratio} for row in rows],
        "descent": asdict(descent(most=most)),
    }
    text = json.dumps(record, indent=1) + "\n"
    write(output / "geometry.json", lambda path: path.write_text(text))
    return record


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The logarithms, one a line."""
    lines = []
    for row in rows:
        line = f"{row['family']} x {row['batch']}: {1e3 * row['ours']:.3g} ms per item"
        if row["ratio"] is not None:
            line += f", peer {1e3 * row['peer']:.3g} ms, {row['ratio']:.3g} times as long"
        lines.append(f"{line}; round trip within {row['error']:.1g}")
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.geometry", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--peer-python", type=Path, metavar="PATH")
    parser.add_argument("--turns", type=int, default=5, metavar="N")
    parser.add_argument(
        "--share", type=int, default=100, metavar="N", help="items of a batch for the peer"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    peer = None if options.peer_python is None else Peer(options.peer_python)
    try:
        record = run(options.output, peer, turns=options.turns, share=options.share)
    finally:
        if peer is not None:
            peer.close()
    print(table(record["logarithms"]))  # noqa: T201
    print(json.dumps(record["descent"]))  # noqa: T201


if __name__ == "__main__":
    main()
