"""Posterior collapse under a decoder that hardly needs its latent, and what brings it back.

``python -m pyro_activeinf.bench.collapse --output docs/results`` writes ``collapse.json`` and
``collapse.png``.

Sequences of two coins per step, each of which tends to stay or to turn, for all of a sequence. The
latent could say which; but the decoder is over-strong: at each step it is shown the best prediction
from what it has seen so far.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from ..diagnostics import posterior_collapse
from ..free_energy import VariationalFreeEnergy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COINS, LENGTH, SEQUENCES, BATCH = 2, 12, 500, 100
UNITS, HIDDEN, STEPS, RATE, STAY = 2, 32, 1000, 0.02, 0.9
FREE_BITS = 1.0  # nats


ARMS = ("plain", "annealing", "free bits", "both")


def options_of(arm: str, steps: int) -> dict[str, Any]:
    """Of the free energy: a weight that rises from 0 to 1 over two thirds of training, a floor."""

    def annealed(step: Any) -> float:
        return min(1.0, 1.5 * float(step) / steps)

    found: dict[str, Any] = {}
    if arm in ("annealing", "both"):
        found["weight"] = {"z": annealed}
    if arm in ("free bits", "both"):
        found["free_bits"] = FREE_BITS
    return found


@dataclass(frozen=True)
class Trained:
    """One training: units in use, KL and F per sequence, in nats."""

    arm: str
    seed: int
    active_units: int
    complexity: float
    free_energy: float


def sequences(count: int = SEQUENCES) -> Tensor:
    """Coins ``(count, LENGTH, COINS)`` of 0 and 1; each stays with probability .9 or turns so."""
    stay = torch.where(torch.rand(count, 1, COINS) < 0.5, STAY, 1 - STAY).expand(-1, LENGTH, -1)
    turns = (torch.rand(count, LENGTH, COINS) > stay).cumsum(1)
    return (turns % 2).to(torch.get_default_dtype())


def foresight(coins: Tensor) -> Tensor:
    """What the decoder is shown at each step: the best prediction of each coin from its past."""
    before = torch.cat([torch.zeros_like(coins[:, :1]), coins[:, :-1]], 1)
    stays = 1 - 2 * (before[:, 1:] != before[:, :-1]).to(coins)
    lead = torch.cat([torch.zeros_like(coins[:, :1]), stays.cumsum(1)], 1)
    stay = 1 - STAY + (2 * STAY - 1) * torch.sigmoid(lead * math.log(STAY / (1 - STAY)))
    return (2 * before - 1) * (2 * stay - 1)


class Coins(nn.Module):
    """A variational auto-encoder of the sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(LENGTH * COINS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2 * UNITS)
        )
        self.decoder = nn.Sequential(
            nn.Linear(COINS + UNITS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, COINS)
        )

    def model(self, coins: Tensor) -> None:
        """p(z) p(coins | z, their past)."""
        with pyro.plate("sequences", len(coins)):
            prior = dist.Normal(coins.new_zeros(UNITS), 1.0).to_event(1)
            z = pyro.sample("z", prior).unsqueeze(-2).expand(*coins.shape[:2], UNITS)
            logits = self.decoder(torch.cat([foresight(coins), z], -1))
            pyro.sample("coins", dist.Bernoulli(logits=logits).to_event(2), obs=coins)

    def guide(self, coins: Tensor) -> None:
        """q(z | coins)."""
        with pyro.plate("sequences", len(coins)):
            loc, log_scale = self.encoder(2 * coins.flatten(1) - 1).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def train(arm: str, seed: int, steps: int = STEPS) -> Trained:
    """Train one auto-encoder and look at its latent."""
    pyro.set_rng_seed(seed)
    coins, program = sequences(), Coins()
    energy = VariationalFreeEnergy(TraceMeanField_ELBO(), **options_of(arm, steps))
    optimizer = torch.optim.Adam(program.parameters(), RATE)
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        some = coins[torch.randint(SEQUENCES, (BATCH,))]
        energy.differentiable_loss(program.model, program.guide, some).backward()
        optimizer.step()
        slower.step()
    found = posterior_collapse(program.model, program.guide, coins)
    exact = VariationalFreeEnergy(TraceMeanField_ELBO(num_particles=20))
    loss = exact.loss(program.model, program.guide, coins) / SEQUENCES
    return Trained(arm, seed, found.active_units, found.complexity["z"], loss)


def figure_of(trained: Sequence[Trained]) -> Figure:
    """A panel for each number; a dot for each seed."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(7.2, 2.4), layout="constrained")
    titles = {
        "active_units": f"active units, of {UNITS}",
        "complexity": "KL of a sequence (nats)",
        "free_energy": "F of a sequence (nats)",
    }
    for axes, (name, title) in zip(page.subplots(1, 3), titles.items(), strict=True):
        for row, arm in enumerate(ARMS):
            values = [getattr(one, name) for one in trained if one.arm == arm]
            spread = [row + 0.08 * (i - (len(values) - 1) / 2) for i in range(len(values))]
            axes.plot(values, spread, "o", color="#0072B2", fillstyle="none", markersize=5)
        axes.set_yticks(range(len(ARMS)), ARMS if name == "active_units" else [])
        axes.set_ylim(len(ARMS) - 0.5, -0.5)
        axes.set_title(title, loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, axis="x", alpha=0.3)
        axes.margins(x=0.1)
    page.axes[0].set_xticks(range(UNITS + 1))
    page.axes[0].set_xlim(-0.3, UNITS + 0.3)
    return page


def run(output: Path, seeds: int = 5, progress: bool = True) -> list[Trained]:
    """Train every arm from every seed, and write ``collapse.json`` and ``collapse.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    tasks = [(arm, seed) for seed in range(seeds) for arm in ARMS]
    trained = [train(*task) for task in tqdm(tasks, disable=not progress, unit="training")]
    text = json.dumps([asdict(one) for one in trained], indent=1) + "\n"
    write(output / "collapse.json", lambda path: path.write_text(text))
    write(output / "collapse.png", lambda path: figure_of(trained).savefig(path, dpi=200))
    return trained


def summary(trained: Sequence[Trained]) -> Mapping[str, list[int]]:
    """Active units of each arm, seed by seed."""
    return {arm: [one.active_units for one in trained if one.arm == arm] for arm in ARMS}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.collapse", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(summary(run(options.output, options.seeds))))  # noqa: T201


if __name__ == "__main__":
    main()
