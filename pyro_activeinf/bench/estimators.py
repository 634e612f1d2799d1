"""Bias, noise and cost of every estimator of expected free energy, where the truth is known.

``python -m pyro_activeinf.bench.estimators --output docs/results`` writes ``estimators.json`` and
``estimators.png``.

Four things to see: two correlated numbers, how far away something is (on either side), a lamp that
is on or off beside a meter, and a T-maze. Each is scored many times from fresh draws of the state.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from ..filters import ExactFilter
from ..filters.prediction import Likelihood, Prediction
from ..flows import NormalizingFlow, Spline
from ..free_energy import (
    Bound,
    Draws,
    Estimator,
    Exact,
    Gaussian,
    Mixed,
    Nested,
    Quadrature,
    tighten,
)
from ..guides import Amortized
from ..models import GenerativeModel, LinearGaussian, TMaze

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTICLES = (30, 100, 1000)
NUMBERS = 2_000_000  # of pairs, that are held at a time
ALL_NUMBERS = 1_000_000_000  # of pairs, for one estimator: what takes long is repeated less often
TRAINING = 1500  # steps of a bound


class Still(GenerativeModel):
    """A state that stays where it is."""

    def transition(self, state: Any, action: Any) -> Any:
        """Drawn anew."""
        return self.initial()


class Distance(Still):
    """How far away something is, but not on which side."""

    def initial(self) -> Tensor:
        """On either side."""
        return pyro.sample("s", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    def observe(self, state: Tensor) -> None:
        """The distance."""
        pyro.sample("o", dist.Normal(state.abs(), 0.2).to_event(1))


class Lamp(Still):
    """A number, seen by a lamp and a meter."""

    def initial(self) -> Tensor:
        """The number."""
        return pyro.sample("s", dist.Normal(0.0, 1.0))

    def observe(self, state: Tensor) -> None:
        """The lamp is on where the number is large."""
        pyro.sample("lamp", dist.Bernoulli(logits=4 * state))
        pyro.sample("meter", dist.Normal(state, 0.5))


@dataclass(frozen=True)
class Problem:
    """A model one step ahead: its predicted state, and what epistemic value is."""

    name: str
    observe: Callable[[Any], Any]
    prior: Any  # of one state site "s"
    truth: float
    arms: Callable[[Problem], dict[str, Estimator]]

    def prediction(self, particles: int, times: int) -> Prediction:
        """Fresh draws, ``times`` over."""
        s = self.prior.sample((particles, times))
        weights = torch.full((particles, times), -math.log(particles))
        likelihood = Likelihood(lambda states: self.observe(states["s"]), {"s": s}, weights.shape)
        return Prediction(
            step=1,
            states={"s": s},
            log_weights=weights,
            likelihood=likelihood,
            log_preference=lambda values: {},
            log_density=lambda: self.prior.log_prob(s),
        )


@dataclass(frozen=True)
class Measured:
    """Errors of epistemic value in nats, and the time that one prediction takes."""

    problem: str
    estimator: str
    particles: int
    times: int
    truth: float
    bias: float
    bias_error: float  # standard error of the bias
    deviation: float  # standard deviation of one estimate
    milliseconds: float  # of the processor


def samplers(problem: Problem) -> dict[str, Estimator]:
    """What takes any program."""
    return {"Nested()": Nested(), "Nested(include_self=True)": Nested(include_self=True)}


def two_numbers() -> Problem:
    """A linear-Gaussian step, in closed form."""
    root = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    C, cov, noise = torch.tensor([[1.0, 0.3], [0.2, 0.8]]), root @ root.T, 0.3
    model = LinearGaussian(torch.eye(2), C=C, R=noise * torch.eye(2), cov=cov)
    spread = C @ cov @ C.T + noise * torch.eye(2)
    gain = cov @ C.T @ torch.linalg.inv(spread)
    left = cov - gain @ C @ cov
    left = 0.5 * (left + left.T)

    def posterior(outcomes: Any) -> None:
        pyro.sample("s", dist.MultivariateNormal(outcomes["o"] @ gain.T, left))

    def arms(problem: Problem) -> dict[str, Estimator]:
        trained = Bound(Amortized(model, [16]))
        return {
            "Gaussian()": Gaussian(),
            **samplers(problem),
            "Bound(posterior)": Bound(posterior),
            "Bound(Gaussian head, trained)": sharpened(trained, problem),
        }

    truth = float(0.5 * torch.logdet(spread / noise))
    prior = dist.MultivariateNormal(torch.zeros(2), cov)
    return Problem("two numbers", model.observe, prior, truth, arms)


def distance() -> Problem:
    """A sensor that leaves two modes; by quadrature."""
    model = Distance()

    def arms(problem: Problem) -> dict[str, Estimator]:
        bent = NormalizingFlow(1, 2, Spline(count_bins=16, bound=4.0), context_dim=16)
        return {
            "Gaussian()": Gaussian(),
            **samplers(problem),
            "Bound(Gaussian head, trained)": sharpened(Bound(Amortized(model, [16])), problem),
            "Bound(flow head, trained)": sharpened(Bound(Amortized(model, [32], bent)), problem),
        }

    prior = dist.Normal(torch.zeros(1), 1.0).to_event(1)
    noise = dist.Normal(0.0, 0.2).entropy()
    s, o = torch.linspace(-7, 7, 2801).double(), torch.linspace(-2, 8, 4001).double()
    weights = dist.Normal(0.0, 1.0).log_prob(s).exp() * (s[1] - s[0])
    q = weights @ dist.Normal(s.abs()[:, None], 0.2).log_prob(o).exp()
    truth = float(-(q * q.log()).nan_to_num().sum() * (o[1] - o[0]) - noise)
    return Problem("distance", model.observe, prior, truth, arms)


def lamp() -> Problem:
    """A discrete outcome beside a real one; by quadrature."""
    model = Lamp()

    def arms(problem: Problem) -> dict[str, Estimator]:
        return {
            **samplers(problem),
            "Mixed(Draws(1))": Mixed(Draws(1)),
            "Mixed(Quadrature(12))": Mixed(Quadrature(12)),
        }

    prior = dist.Normal(0.0, 1.0)
    s, o = torch.linspace(-7, 7, 2801).double(), torch.linspace(-9, 9, 2401).double()
    weights = prior.log_prob(s).exp() * (s[1] - s[0])
    on = torch.sigmoid(4 * s)
    seen = dist.Normal(s[:, None], 0.5).log_prob(o).exp()
    step = o[1] - o[0]
    entropy = torch.tensor(0.0).double()
    for chance in (on, 1 - on):
        q = (weights * chance) @ seen
        entropy = entropy - (q * q.log()).nan_to_num().sum() * step
    ambiguity = weights @ dist.Bernoulli(on).entropy() + dist.Normal(0.0, 0.5).entropy()
    return Problem("lamp and meter", model.observe, prior, float(entropy - ambiguity), arms)


def maze() -> Problem:
    """A discrete program after a step into an arm; by tables."""
    filter = ExactFilter(TMaze())
    belief = filter.predict(filter.update(filter.initial(), {"position": 0, "reward": 0}), 1)
    joint = belief.probs

    def observe(joint_state: Tensor) -> Any:
        return TMaze().observe((joint_state // 4, joint_state % 4))

    def arms(problem: Problem) -> dict[str, Estimator]:
        return {"Exact()": Exact(), **samplers(problem)}

    truth = float(filter.expected_free_energy(belief).epistemic)
    return Problem("T-maze, an arm", observe, dist.Categorical(joint), truth, arms)


PROBLEMS = (two_numbers, distance, lamp, maze)


def sharpened(bound: Bound, problem: Problem) -> Bound:
    """Train the guide of a bound on fresh draws."""
    tighten(bound, lambda: problem.prediction(256, 1), TRAINING, 0.01)
    return bound


def measure(
    problem: Problem, name: str, estimator: Estimator, particles: int, times: int
) -> Measured:
    """Score fresh draws again and again; time one of them by itself."""
    pairs = numbers(estimator, particles)
    chunk, times = max(1, NUMBERS // pairs), min(times, max(30, ALL_NUMBERS // pairs))
    with torch.no_grad():
        found = torch.cat(
            [
                estimator(problem.prediction(particles, size)).epistemic
                for size in _sizes(times, chunk)
            ]
        )
        seconds = [_seconds(estimator, problem.prediction(particles, 1)) for _ in range(15)]
    away = found.double() - problem.truth
    deviation = float(away.std())
    return Measured(
        problem.name, name, particles, times, problem.truth, float(away.mean()),
        deviation / math.sqrt(times), deviation, 1e3 * statistics.median(seconds),
    )  # fmt: skip


def numbers(estimator: Estimator, particles: int) -> int:
    """About how many pairs of outcomes and particles there are."""
    if isinstance(estimator, Exact | Gaussian | Bound):
        return particles
    nodes = 2 * estimator.rule.nodes if _integrates(estimator) else 1
    return nodes * particles**2


def _integrates(estimator: Estimator) -> TypeGuard[Any]:
    return isinstance(estimator, Mixed) and isinstance(estimator.rule, Quadrature)


def _sizes(total: int, chunk: int) -> Iterator[int]:
    for start in range(0, total, chunk):
        yield min(chunk, total - start)


def _seconds(estimator: Estimator, prediction: Prediction) -> float:
    start = time.process_time()
    estimator(prediction)
    return time.process_time() - start


def figure_of(measured: Sequence[Measured]) -> Figure:
    """A panel for each problem: bias as a dot, one standard deviation to either side."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.problem for one in measured))
    rows = [list(dict.fromkeys(o.estimator for o in measured if o.problem == n)) for n in names]
    page = Figure(figsize=(7.2, 0.45 * sum(map(len, rows)) + 2.2), layout="constrained")
    ratios = [len(each) + 0.6 for each in rows]
    panels = page.subplots(len(names), 1, height_ratios=ratios, squeeze=False)[:, 0]
    counts = sorted({one.particles for one in measured})
    colors = dict(zip(counts, ("#E69F00", "#0072B2", "#000000"), strict=False))
    for axes, name, estimators in zip(panels, names, rows, strict=True):
        axes.axvline(0.0, color="0.6", linewidth=1)
        for one in measured:
            if one.problem == name:
                shift = 0.22 * (counts.index(one.particles) - (len(counts) - 1) / 2)
                axes.errorbar(
                    one.bias, estimators.index(one.estimator) + shift, xerr=one.deviation,
                    fmt="o", color=colors[one.particles], markersize=4, linewidth=1.2,
                )  # fmt: skip
        axes.set_yticks(range(len(estimators)), estimators)
        axes.set_ylim(len(estimators) - 0.5, -0.5)
        truth = next(one.truth for one in measured if one.problem == name)
        title = f"{name} (truth {truth:.3f} nats)"
        axes.set_title(title, loc="left", fontsize="medium")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(visible=True, axis="x", alpha=0.3)
    panels[-1].set_xlabel("error of epistemic value (nats): bias, and one standard deviation")
    handles = [
        panels[0].plot([], [], "o", color=colors[n], markersize=4, label=f"{n} particles")[0]
        for n in counts
    ]
    page.legend(handles=handles, loc="outside upper right", ncols=len(counts), frameon=False)
    return page


def table_of(measured: Sequence[Measured]) -> str:
    """The same in Markdown."""
    lines = [
        "| seen | estimator | particles | bias (nats) | deviation | ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in measured:
        bias = f"{one.bias:+.4f} ± {one.bias_error:.4f}"
        numbers = f"{one.particles} | {bias} | {one.deviation:.4f} | {one.milliseconds:.2f}"
        lines.append(f"| {one.problem} | `{one.estimator}` | {numbers} |")
    return "\n".join(lines)


def run(output: Path, times: int = 200, progress: bool = True) -> list[Measured]:
    """Measure every estimator, and write ``estimators.json`` and ``estimators.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    pyro.set_rng_seed(0)
    tasks = [
        (problem, name, estimator, particles)
        for problem in [make() for make in PROBLEMS]
        for name, estimator in problem.arms(problem).items()
        for particles in PARTICLES
    ]
    measured = [
        measure(problem, name, estimator, particles, times)
        for problem, name, estimator, particles in tqdm(tasks, disable=not progress)
    ]
    text = json.dumps([asdict(one) for one in measured], indent=1) + "\n"
    write(output / "estimators.json", lambda path: path.write_text(text))
    write(output / "estimators.png", lambda path: figure_of(measured).savefig(path, dpi=160))
    return measured


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m pyro_activeinf.bench.estimators", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--times", type=int, default=200, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(table_of(run(options.output, options.times)))  # noqa: T201


if __name__ == "__main__":
    main()
