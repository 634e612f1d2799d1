"""Two processes learn what one does: losses side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes
from torch.utils.data import DataLoader, DistributedSampler

from ..free_energy import VariationalFreeEnergy
from ..learning import distributed

ROWS, BATCH, EPOCHS, DIM, RATE = 512, 64, 25, 8, 0.01
DTYPES = {"float64": torch.float64, "float32": torch.float32}


class Decoder(PyroModule):
    """p(z) p(x | z) of every row, and a shift that all rows share."""

    def __init__(self) -> None:
        super().__init__()
        self.loc = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, DIM))

    def forward(self, x: Tensor) -> None:
        """Rows of a batch stand for all of them."""
        shift = pyro.sample("shift", dist.Normal(x.new_zeros(()), 1.0))
        with pyro.plate("rows", ROWS, subsample_size=len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.loc(z) + shift, 0.5).to_event(1), obs=x)


class Encoder(PyroModule):
    """q(shift) q(z | x) of every row."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(DIM, 16), nn.Tanh(), nn.Linear(16, 4))
        self.moments = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> None:
        """Noise of every row follows from its place in the batch."""
        pyro.sample("shift", dist.Normal(self.moments[0], self.moments[1].exp()))
        with pyro.plate("rows", ROWS, subsample_size=len(x)):
            loc, log_scale = self.layers(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def batches(rank: int, count: int) -> Iterator[Tensor]:
    """Rows of this process, epoch by epoch."""
    rows: Any = torch.randn(ROWS, DIM, generator=torch.Generator().manual_seed(0))
    rows = rows.to(torch.get_default_dtype()) @ torch.linspace(-1, 1, DIM * DIM).reshape(DIM, DIM)
    sampler: Any = DistributedSampler(rows, count, rank, seed=1)
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        yield from DataLoader(rows, batch_size=BATCH // count, sampler=sampler)


def learn(wrap: Callable[[nn.Module], nn.Module], rank: int, count: int) -> list[float]:
    """Losses of the whole batch at each step."""
    pyro.set_rng_seed(0)
    energy = wrap(VariationalFreeEnergy()(Decoder(), Encoder()))
    optimizer = torch.optim.Adam(energy.parameters(), RATE)
    losses = []
    for rows in batches(rank, count):
        optimizer.zero_grad()
        loss = energy(rows)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach() if count == 1 else distributed.mean(loss)))
    return losses


def share(rank: int, count: int, dtype: str, folder: str) -> None:
    """What each process does."""
    torch.set_num_threads(1)
    torch.set_default_dtype(DTYPES[dtype])
    meeting = f"file://{folder}/{dtype}"
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=count)
    losses = learn(lambda energy: distributed.parallel(energy, "rows"), rank, count)
    torch.save(losses, Path(folder) / f"{dtype}-{rank}.pt")
    torch.distributed.destroy_process_group()


def compare(count: int = 2) -> dict[str, Any]:
    """How far their losses are from those of one."""
    found: dict[str, Any] = {"processes": count, "steps": EPOCHS * ROWS // BATCH}
    before = torch.get_default_dtype()
    with tempfile.TemporaryDirectory() as folder:
        for name, dtype in DTYPES.items():
            start_processes(share, (count, name, folder), nprocs=count, start_method="spawn")
            torch.set_default_dtype(dtype)
            one = torch.tensor(learn(lambda energy: energy, 0, 1), dtype=torch.float64)
            torch.set_default_dtype(before)
            both = [torch.load(Path(folder) / f"{name}-{rank}.pt") for rank in range(count)]
            apart = (torch.tensor(both, dtype=torch.float64) - one).abs()
            found[name] = {
                "first loss": float(one[0]),
                "last loss": float(one[-1]),
                "largest difference": float(apart.max()),
                "largest relative difference": float((apart / one.abs()).max()),
            }
    return found
