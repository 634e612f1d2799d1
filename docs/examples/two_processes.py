"""Two processes learn an autoencoder together: ``python two_processes.py``."""

from __future__ import annotations

import sys
import tempfile

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.multiprocessing import spawn
from torch.utils.data import DataLoader, DistributedSampler

from pyro_activeinf import VariationalFreeEnergy
from pyro_activeinf.learning import distributed

ROWS, BATCH = 256, 32


class Decoder(PyroModule):
    """p(z) p(x | z)"""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Linear(2, 8)

    def forward(self, x: Tensor) -> None:
        with pyro.plate("rows", ROWS, subsample_size=len(x)):  # these stand for all rows
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.loc(z), 0.5).to_event(1), obs=x)


class Encoder(PyroModule):
    """q(z | x)"""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> None:
        with pyro.plate("rows", ROWS, subsample_size=len(x)):
            loc, log_scale = self.layers(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def learn(rank: int, count: int, meeting: str, epochs: int = 5) -> list[float]:
    """What each process does; returns losses of the whole batch."""
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=count)
    pyro.set_rng_seed(0)
    energy = distributed.parallel(VariationalFreeEnergy()(Decoder(), Encoder()), rows="rows")
    data = torch.randn(ROWS, 8) @ torch.randn(8, 8)
    sampler = DistributedSampler(data, count, rank)
    loader = DataLoader(data, batch_size=BATCH // count, sampler=sampler)
    optimizer = torch.optim.Adam(energy.parameters(), lr=0.01)
    losses = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for rows in loader:
            optimizer.zero_grad()
            loss = energy(rows)
            loss.backward()
            optimizer.step()
            losses.append(float(distributed.mean(loss)))
    torch.distributed.destroy_process_group()
    if rank == 0:
        print(f"F from {losses[0]:.0f} to {losses[-1]:.0f} nats", file=sys.stderr)
    return losses


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        spawn(learn, (2, f"file://{folder}/meeting"), nprocs=2)
