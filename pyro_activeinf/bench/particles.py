"""Are estimates by particles as certain as they say? Evidence, and epistemic value.

``python -m pyro_activeinf.bench.particles --output docs/results`` writes ``particles.json`` and
``particles.png``.

The log-evidence of a linear-Gaussian chain by the particle filter, run by run, beside that of the
Kalman filter, in units of the standard error that each run tells by itself. And the epistemic value
of one look by nested Monte Carlo, with a particle among its own inner particles and without.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from ..filters import (
    ExactFilter,
    GaussianFilter,
    Likelihood,
    ParticleFilter,
    Prediction,
    nested_terms,
)
from ..models import LinearGaussian, TMaze
from ..planning import OpenLoop
from ..plots import _canvas as canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTICLES, RUNS, LENGTH = 10_000, 200, 10
INNER, REPEATS = (10, 30, 100, 300, 1000), 200
LOOK_NOISE = 0.5
TRUTH = 0.5 * math.log(1 + 1 / LOOK_NOISE**2)  # nats


@dataclass(frozen=True)
class Evidence:
    """Log-evidence of a chain, run by run, in nats."""

    truth: float
    estimates: tuple[float, ...]
    standard_errors: tuple[float, ...]

    @property
    def scores(self) -> list[float]:
        """Errors in units of each run's own standard error."""
        pairs = zip(self.estimates, self.standard_errors, strict=True)
        return [(estimate - self.truth) / error for estimate, error in pairs]

    @property
    def ratio(self) -> tuple[float, float]:
        """Mean over runs of the estimated evidence over the true one, and its standard error."""
        ratios = np.exp(np.array(self.estimates) - self.truth)
        return float(ratios.mean()), float(ratios.std(ddof=1) / math.sqrt(len(ratios)))

    def within(self, errors: float) -> float:
        """Share of runs within so many of their own standard errors."""
        return float(np.mean([abs(score) <= errors for score in self.scores]))


@dataclass(frozen=True)
class Nested:
    """Epistemic value of a look by nested Monte Carlo: means over repetitions, in nats."""

    inner: int
    with_itself: bool
    bias: float
    bias_error: float
    spread: float  # standard deviation over repetitions
    standard_error: float  # as a single run tells by itself


@dataclass(frozen=True)
class Maze:
    """The T-maze by particles beside the tables."""

    largest_score: float  # of any term of any policy and step, in standard errors
    within_three: float  # share of terms within three standard errors
    same_best: bool
    terms: int


def chain() -> tuple[LinearGaussian, dict[str, Tensor]]:
    """A turning state in a plane, of which one coordinate is seen, with noise; and an episode."""
    turn = 0.95 * torch.tensor([[math.cos(0.4), -math.sin(0.4)], [math.sin(0.4), math.cos(0.4)]])
    see = torch.tensor([[1.0, 0.0]])
    noise = 0.1 * torch.eye(2)
    model = LinearGaussian(turn, C=see, Q=noise, R=0.2 * torch.eye(1))
    pyro.set_rng_seed(0)
    state, rows = model.mean + torch.randn(2), []
    for _ in range(LENGTH):
        rows.append(see @ state + math.sqrt(0.2) * torch.randn(1))
        state = turn @ state + math.sqrt(0.1) * torch.randn(2)
    return model, {"o": torch.stack(rows)}


def log_evidence(
    carrier: Any, observations: Mapping[str, Tensor], batch: tuple[int, ...] = ()
) -> tuple[Tensor, Any]:
    """Of an episode, ``(*batch)``, and the last belief."""
    belief, total = carrier.initial(batch), torch.zeros(batch)
    for t, row in enumerate(observations["o"]):
        belief = carrier.update(carrier.predict(belief) if t else belief, {"o": row})
        total = total - belief.free_energy
    return total, belief


def evidence(particles: int = PARTICLES, runs: int = RUNS, progress: bool = False) -> Evidence:
    """The chain again and again, each run from its own seed."""
    model, observations = chain()
    truth, _ = log_evidence(GaussianFilter(model), observations)
    carrier, found = ParticleFilter(model, num_particles=particles), []
    for seed in tqdm(range(runs), disable=not progress, unit="run"):
        pyro.set_rng_seed(seed)
        estimate, belief = log_evidence(carrier, observations)
        found.append((float(estimate), float(belief.evidence_error)))
    return Evidence(float(truth), *(tuple(each) for each in zip(*found, strict=True)))


def many(particles: int = 400, runs: int = 500, times: int = 12) -> tuple[float, float]:
    """Mean of the estimated evidence over the true one in many small runs, and its error."""
    model, observations = chain()
    truth, _ = log_evidence(GaussianFilter(model), observations)
    carrier, found = ParticleFilter(model, num_particles=particles), []
    for seed in range(times):
        pyro.set_rng_seed(1000 + seed)
        found.append((log_evidence(carrier, observations, (runs,))[0] - truth).exp())
    ratios = torch.cat(found)
    return float(ratios.mean()), float(ratios.std() / math.sqrt(len(ratios)))


def look(states: Mapping[str, Tensor]) -> Tensor:
    """A number that is seen with noise."""
    return pyro.sample("o", dist.Normal(states["s"], LOOK_NOISE))


def nested(inner: int, with_itself: bool, repeats: int = REPEATS) -> Nested:
    """As many outer as inner particles."""
    pyro.set_rng_seed(inner)
    values, errors = [], []
    for _ in range(repeats):
        states = {"s": torch.randn(inner)}
        step = Prediction(
            1,
            states,
            torch.full((inner,), -math.log(inner)),
            Likelihood(look, states, (inner,)),
            lambda seen: {},
        )
        terms = nested_terms(step, self_inclusion=with_itself)
        values.append(float(terms.epistemic))
        errors.append(float(terms.standard_error["epistemic"]))
    spread = float(np.std(values, ddof=1))
    bias = float(np.mean(values)) - TRUTH
    error = spread / math.sqrt(repeats)
    return Nested(inner, with_itself, bias, error, spread, float(np.mean(errors)))


def maze(particles: int = 4000, horizon: int = 3) -> Maze:
    """Every step of every policy of the T-maze, against the tables."""
    pyro.set_rng_seed(0)
    seen = {"position": 0, "reward": 0}
    exact, sampled = ExactFilter(TMaze()), ParticleFilter(TMaze(), num_particles=particles)
    truth = OpenLoop(horizon)(exact, exact.update(exact.initial(), seen))
    start, totals, scores = sampled.update(sampled.initial(), seen), list[float](), list[float]()
    for i, policy in enumerate(truth.policies):
        belief, total = start, torch.zeros(())
        for t, action in enumerate(policy):
            belief = sampled.predict(belief, action)
            terms: Any = sampled.expected_free_energy(belief)
            total = total + terms.total
            for name in ("pragmatic", "epistemic", "total"):
                away = abs(float(getattr(terms, name) - getattr(truth.per_step, name)[i, t]))
                error = float(terms.standard_error[name])
                scores.append(away / max(error, 1e-3))
        totals.append(float(total))
    best = int(np.argmin(totals))
    least = truth.expected_free_energy.min()
    same = bool(truth.expected_free_energy[best] < least + 1e-9)
    within = float(np.mean([score <= 3 for score in scores]))
    return Maze(max(scores), within, same, len(scores))


@dataclass(frozen=True)
class Findings:
    """All that was measured."""

    evidence: Evidence
    many: tuple[float, float]
    nested: tuple[Nested, ...]
    maze: Maze


def figure_of(found: Findings) -> Figure:
    """Scores of the evidence beside a standard Gaussian; bias of either nested estimate."""
    page = canvas.new_figure((canvas.WIDTH, 2.6))
    first, second = page.subplots(1, 2)
    _scores(first, found.evidence)
    _bias(second, found.nested)
    for label, axes in zip("ab", (first, second), strict=True):
        axes.set_title(label, loc="left", fontweight="bold")
        axes.spines[["top", "right"]].set_visible(False)
    return page


def _scores(axes: Axes, found: Evidence) -> None:
    edges = np.linspace(-4, 4, 17)
    axes.hist(
        found.scores,
        bins=edges.tolist(),
        density=True,
        color=canvas.BLUE,
        alpha=0.45,
        label=f"{len(found.scores)} runs",
    )
    places = np.linspace(-4, 4, 201)
    normal = [NormalDist().pdf(place) for place in places]
    axes.plot(places, normal, color=canvas.BLACK, linewidth=1, label="standard Gaussian")
    axes.set(xlabel="error of log-evidence (standard errors)", ylabel="density")
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(loc="upper left", **canvas.LEGEND)


def _bias(axes: Axes, found: Sequence[Nested]) -> None:
    kinds = ((True, "o-", canvas.BLUE, "with itself"), (False, "s--", canvas.VERMILION, "without"))
    for with_itself, style, color, label in kinds:
        some = [each for each in found if each.with_itself is with_itself]
        axes.errorbar(
            [each.inner for each in some],
            [each.bias for each in some],
            [2 * each.bias_error for each in some],
            fmt=style,
            color=color,
            markersize=4,
            linewidth=1,
            label=label,
        )
    axes.axhline(0, color=canvas.BLACK, linewidth=0.8)
    axes.set(xscale="log", xlabel="inner particles", ylabel="epistemic value: bias (nats)")
    axes.legend(loc="upper right", **canvas.LEGEND)


def run(output: Path, runs: int = RUNS, progress: bool = True) -> Findings:
    """Measure, and write ``particles.json`` and ``particles.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    found = Findings(
        evidence(runs=runs, progress=progress),
        many(),
        tuple(nested(inner, with_itself) for inner in INNER for with_itself in (True, False)),
        maze(),
    )
    text = json.dumps({**summary(found), **asdict(found)}, indent=1) + "\n"
    write(output / "particles.json", lambda path: path.write_text(text))
    write(output / "particles.png", lambda path: figure_of(found).savefig(path, dpi=200))
    return found


def summary(found: Findings) -> dict[str, Any]:
    """The numbers that claims are made of."""
    mean, error = found.evidence.ratio
    return {
        "evidence over truth": mean,
        "its standard error": error,
        "the same of 6000 small runs": found.many,
        "within 1, 2, 3 standard errors": [found.evidence.within(n) for n in (1, 2, 3)],
        "bias at 1000 x 1000": {
            "with itself" if each.with_itself else "without": each.bias
            for each in found.nested
            if each.inner == 1000
        },
        "T-maze, largest score": found.maze.largest_score,
        "T-maze, share within 3 standard errors": found.maze.within_three,
        "T-maze, terms": found.maze.terms,
        "T-maze, same best policy": found.maze.same_best,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m pyro_activeinf.bench.particles", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with torch.no_grad():
        print(json.dumps(summary(run(options.output, options.runs)), indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
