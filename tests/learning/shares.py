"""Programs that several processes learn, and what each of the processes does."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule, PyroParam
from torch import Tensor, nn
from torch.utils.data import DataLoader, DistributedSampler

from pyro_activeinf import VariationalFreeEnergy, learning
from pyro_activeinf.learning import distributed

ROWS, BATCH, STEPS = 24, 8, 12


def data() -> Tensor:
    return torch.linspace(-1.0, 3.0, ROWS * 2, dtype=torch.float64).sin().reshape(ROWS, 2)


class Model(PyroModule):
    """A latent for all rows, one for each row, and a decoder."""

    def __init__(self, subsample: int | None = None) -> None:
        super().__init__()
        self.decoder = nn.Linear(1, 2, dtype=torch.float64)
        self.subsample = subsample

    def forward(self, x: Tensor) -> None:
        zero = torch.zeros((), dtype=torch.float64)
        shift = pyro.sample("shift", dist.Normal(zero, 1.0))
        with rows_of(x, self.subsample) as own:
            z = pyro.sample("z", dist.Normal(zero, 1.0)).unsqueeze(-1)
            loc = self.decoder(z) + shift[..., None, None].reshape(*shift.shape, 1)
            pyro.sample("x", dist.Normal(loc, 0.5).to_event(1), obs=own)


class Guide(PyroModule):
    """Amortized over rows."""

    def __init__(self, subsample: int | None = None) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 2, dtype=torch.float64)
        self.loc = PyroParam(torch.zeros((), dtype=torch.float64))
        self.scale = PyroParam(torch.ones((), dtype=torch.float64), dist.constraints.positive)
        self.subsample = subsample

    def forward(self, x: Tensor) -> None:
        pyro.sample("shift", dist.Normal(self.loc, self.scale))
        with rows_of(x, self.subsample) as own:
            loc, log_scale = self.encoder(own).unbind(-1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()))


class rows_of:
    """The plate over rows: given ones that stand for all, or some that it chooses itself."""

    def __init__(self, x: Tensor, subsample: int | None) -> None:
        self.x, size = x, len(x) if subsample is None else subsample
        self.plate = pyro.plate("rows", ROWS, subsample_size=size, dim=-1)
        self.chooses = subsample is not None

    def __enter__(self) -> Tensor:
        index = self.plate.__enter__()
        return self.x[index] if self.chooses else self.x

    def __exit__(self, *error: Any) -> None:
        self.plate.__exit__(*error)


def programs(subsample: int | None = None) -> tuple[Model, Guide]:
    pyro.set_rng_seed(1)
    return Model(subsample), Guide(subsample)


def descend(energy: Any, batches: Any, mean: Callable[[Tensor], Tensor]) -> list[float]:
    optimizer = torch.optim.Adam(energy.parameters(), 0.05)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = energy(batch)
        loss.backward()
        optimizer.step()
        losses.append(float(mean(loss)))
    return losses


def batches(rank: int, count: int) -> Any:
    """Epochs of shuffled rows, dealt out by torch's sampler."""
    sampler = DistributedSampler(range(ROWS), count, rank, seed=3)
    loader = DataLoader(data(), batch_size=BATCH // count, sampler=sampler)
    for epoch in range(STEPS * BATCH // ROWS):
        sampler.set_epoch(epoch)
        yield from loader


ELBOS = {
    "samples": VariationalFreeEnergy,
    "particles": lambda: VariationalFreeEnergy(
        num_particles=3, vectorize_particles=True, max_plate_nesting=1
    ),
    "analytic": lambda: VariationalFreeEnergy(TraceMeanField_ELBO()),
    "of Pyro": Trace_ELBO,
}


def as_one(name: str) -> list[float]:
    """Learn in one process."""
    energy = ELBOS[name]()(*programs())
    pyro.set_rng_seed(2)
    return descend(energy, batches(0, 1), torch.detach)


def as_share(name: str, rank: int, count: int) -> list[float]:
    """Learn as one of several processes."""
    energy = ELBOS[name]()(*programs())
    pyro.set_rng_seed(2 + rank)  # that of rank 0 counts
    energy = distributed.parallel(energy, rows="rows")
    return descend(energy, batches(rank, count), distributed.mean)


def choosing(count: int, mean: Callable[[Tensor], Tensor], wrap: Any) -> list[float]:
    """Learn with plates that choose rows themselves."""
    energy = wrap(VariationalFreeEnergy()(*programs(BATCH // count)))
    pyro.set_rng_seed(2)
    return descend(energy, [data()] * STEPS, mean)


class Plain(PyroModule):
    """Rows as many as are given."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Linear(1, 2, dtype=torch.float64)

    def forward(self, x: Tensor) -> None:
        with pyro.plate("people", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros((), dtype=x.dtype), 1.0))
            pyro.sample("x", dist.Normal(self.decoder(z.unsqueeze(-1)), 0.5).to_event(1), obs=x)


class PlainGuide(PyroModule):
    """Amortized."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(2, 2, dtype=torch.float64)

    def forward(self, x: Tensor) -> None:
        with pyro.plate("people", len(x)):
            loc, log_scale = self.encoder(x).unbind(-1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()))


def fitted(folder: Path, ranks: Any = None, steps: int = STEPS, **options: Any) -> Any:
    """Learn by ``fit``."""
    pyro.set_rng_seed(1)
    return learning.fit(
        Plain(),
        PlainGuide(),
        data(),
        steps=steps,
        batch_size=BATCH,
        seed=5,
        ranks=ranks,
        clip_norm=3.0,
        checkpoint=folder / "run.pt",
        checkpoint_every=4,
        read_every=5,
        **options,
    )


def refusals() -> dict[str, str]:
    """What is said of guides that are not there yet, and others."""
    model = Model()
    lazy, late = AutoNormal(model), AutoNormal(model)
    return {
        "no parameter yet": told(lambda: distributed.parallel(VariationalFreeEnergy()(lazy, lazy))),
        "made later": told(
            lambda: distributed.parallel(VariationalFreeEnergy()(model, late), "rows")(data())
        ),
        "no free energy": told(lambda: distributed.parallel(nn.Linear(1, 1))),
        "odd batch": told(lambda: once(Plain(), batch_size=7)),
        "no batch": told(lambda: once(Plain())),
    }


def once(model: Plain, **options: Any) -> None:
    """One step of ``fit``."""
    learning.fit(model, PlainGuide(), data(), steps=1, ranks=distributed.ProcessGroup(), **options)


def told(call: Callable[[], Any]) -> str:
    """The error of a call."""
    try:
        call()
    except (RuntimeError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def unequal(rank: int) -> str:
    """What is said where processes begin with other parameters."""
    pyro.set_rng_seed(rank)
    model = Plain()
    return told(lambda: once(model, batch_size=BATCH))


def share(rank: int, count: int, folder: str) -> None:
    """All that a process does; what it has found is left in a file."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # as in tests
    home = Path(folder)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{home / 'meet'}", rank=rank, world_size=count
    )
    shown = io.StringIO()
    with redirect_stderr(shown):
        run = fitted(home, distributed.ProcessGroup())
    for steps in (STEPS // 2, STEPS):
        resumed = fitted(home / "resumed", distributed.ProcessGroup(), steps, resume=True)
    found = {
        "parallel": {name: as_share(name, rank, count) for name in ELBOS},
        "choosing": choosing(count, distributed.mean, lambda e: distributed.parallel(e, "rows")),
        "fit": run.losses.tolist(),
        "complexity": run.complexity.tolist(),
        "norms": run.gradient_norms.tolist(),
        "resumed": resumed.losses.tolist(),
        "shown": shown.getvalue(),
        "refusals": refusals(),
        "unequal": unequal(rank),
    }
    torch.save(found, home / f"{rank}.pt")
    torch.distributed.destroy_process_group()
