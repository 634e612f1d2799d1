"""Regulating linear systems that are seen through noise: planning by inference against Riccati.

``python -m pyro_activeinf.bench.regulation --output docs/results`` writes ``regulation.json``.

Systems of three states, two observations and one or two controls are drawn at random. The
regulator of the same horizon, applied to the Kalman filter's mean, is the best there is; both act
on the same noise. ``doing nothing`` shows what there is to be lost.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from ..filters import GaussianFilter
from ..models import LinearGaussian
from ..planning import GaussianPolicy, Variational

STATES, SEEN, BOUND = 3, 2, 10.0
HORIZON, STEPS, PRECISION, HABIT, GOAL = 6, 8, 4.0, 0.7, 0.5
RUNS, LENGTH = 16, 12

Policy = Callable[[Any], Tensor]  # a belief -> an action (runs, controls)


@dataclass(frozen=True)
class Regulated:
    """The mean cost of runs in one system."""

    seed: int
    controls: int
    riccati: float
    variational: float
    doing_nothing: float

    @property
    def excess(self) -> float:
        """How much dearer inference is than the regulator, relative to it."""
        return self.variational / self.riccati - 1


class System(LinearGaussian):
    """A linear system with a habit of small actions: a quadratic cost of control."""

    def habit(self) -> None:
        """A normal about doing nothing."""
        scale = self.B.new_full((self.B.shape[-1],), HABIT)
        pyro.sample("action", dist.Normal(torch.zeros_like(scale), scale).to_event(1))


def system(seed: int) -> System:
    """A stable system of random matrices, to be held at rest."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    root, shown = normal(STATES, STATES), normal(SEEN, SEEN)
    return System(
        0.95 * torch.linalg.qr(normal(STATES, STATES)).Q,
        normal(STATES, 1 + seed % 2),
        normal(SEEN, STATES),
        Q=0.02 * (root @ root.mT + torch.eye(STATES)),
        R=0.03 * (shown @ shown.mT + torch.eye(SEEN)),
        mean=2 * normal(STATES),
        goal=torch.zeros(SEEN),
        goal_cov=GOAL * torch.eye(SEEN),
        bound=BOUND,
    )


def control_cost(model: LinearGaussian) -> Tensor:
    """What the habit costs in units of G: its precision over gamma, ``(controls, controls)``."""
    return torch.eye(model.B.shape[-1]).to(model.B) / (PRECISION * HABIT**2)


def riccati_gain(model: LinearGaussian, horizon: int) -> Tensor:
    """Feedback of the first of so many actions, ``(controls, states)``, by Riccati."""
    A, B, cost = model.A, model.B, control_cost(model)
    step = model.C.mT @ torch.linalg.inv(model.goal_cov) @ model.C
    ahead, gain = torch.zeros_like(A), torch.zeros_like(B.mT)
    for _ in range(horizon):
        value = step + ahead
        gain = torch.linalg.solve(cost + B.mT @ value @ B, B.mT @ value @ A)
        ahead = A.mT @ value @ (A - B @ gain)
    return gain


def lived(model: LinearGaussian, policy: Policy, seed: int) -> float:
    """Mean cost of runs under a policy, on noise that the seed alone decides."""
    filter, weight = GaussianFilter(model), torch.linalg.inv(model.goal_cov)
    noise = _noise(model, seed)
    state = noise[0][0]
    belief, total = filter.initial((RUNS,)), torch.zeros(RUNS).to(state)
    for moved, shown in noise[1:]:
        belief = filter.update(belief, {"o": state @ model.C.mT + model.offset + shown})
        action = policy(belief)
        state = state @ model.A.mT + action @ model.B.mT + moved
        belief = filter.predict(belief, action)
        missed = state @ model.C.mT + model.offset - model.goal
        total = total + ((missed @ weight) * missed).sum(-1)
        total = total + ((action @ control_cost(model)) * action).sum(-1)
    return total.mean().item()


def _noise(model: LinearGaussian, seed: int) -> list[tuple[Tensor, Tensor]]:
    """First states, then what disturbs each move and each observation."""
    pyro.set_rng_seed(seed)
    first = dist.MultivariateNormal(model.mean, model.cov).sample((RUNS,))
    moves = dist.MultivariateNormal(torch.zeros_like(model.mean), model.Q).sample((LENGTH, RUNS))
    shown = dist.MultivariateNormal(torch.zeros_like(model.offset), model.R)
    return [(first, first), *zip(moves, shown.sample((LENGTH, RUNS)), strict=True)]


def regulate(seed: int) -> Regulated:
    """Regulate one system in each way."""
    model = system(seed)
    filter, gain = GaussianFilter(model), riccati_gain(model, HORIZON)
    controls = model.B.shape[-1]
    planner = Variational(HORIZON, STEPS, GaussianPolicy(0.1), PRECISION)
    with torch.no_grad():
        return Regulated(
            seed,
            controls,
            lived(model, lambda belief: -belief.marginals["s"].mean @ gain.mT, seed),
            lived(model, lambda belief: planner(filter, belief).first_actions[:, 0], seed),
            lived(model, lambda belief: torch.zeros(RUNS, controls).to(gain), seed),
        )


def run(output: Path, systems: int = 20, progress: bool = True) -> list[Regulated]:
    """Regulate so many systems, and write ``regulation.json``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    found = [regulate(seed) for seed in tqdm(range(systems), disable=not progress, unit="system")]
    text = json.dumps([{**asdict(one), "excess": one.excess} for one in found], indent=1) + "\n"
    write(output / "regulation.json", lambda path: path.write_text(text))
    return found


def summary(found: Sequence[Regulated]) -> dict[str, float]:
    """The mean and the largest excess."""
    each = [one.excess for one in found]
    return {"mean excess": sum(each) / len(each), "largest": max(each)}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m pyro_activeinf.bench.regulation", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--systems", type=int, default=20, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    print(json.dumps(summary(run(options.output, options.systems))))  # noqa: T201


if __name__ == "__main__":
    main()
