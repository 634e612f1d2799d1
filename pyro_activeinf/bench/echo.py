"""A sensor that cannot tell left from right: what a second look is worth, by three beliefs.

``python -m pyro_activeinf.bench.echo --output docs/results`` writes ``echo.json`` and
``echo.png``.

An echo tells the squared distance, so that the belief after a first look has two peaks. Where one
stays, a second look tells little; a step to a side makes the two distances differ. Particles and
a linearized Gaussian are held against quadrature.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ..demo.files import writable_folder, write
from ..filters import Filter, GaussianFilter, ParticleFilter
from ..models import GenerativeModel
from ..plots import _canvas as canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEAN, SPREAD = 0.3, 1.0  # meters: of the place at first
DRIFT, NOISE = 0.1, 0.3  # of a step, in meters; of an echo, in square meters
FIRST = 1.2  # the first echo, in square meters
STEPS = tuple(round(-1.5 + 0.125 * i, 3) for i in range(25))  # meters to a side
PARTICLES, SEEDS = 8000, 8
GRID, FINE = 801, 1201  # points of quadrature: places, echoes


class Echo(GenerativeModel):
    """A place on a line, that a step moves; the square of it is heard."""

    actions = gym.spaces.Box(-1.5, 1.5, ())

    def initial(self) -> Tensor:
        """About a little to the right."""
        return pyro.sample("place", dist.Normal(torch.tensor(MEAN), SPREAD))

    def transition(self, place: Tensor, step: Tensor) -> Tensor:
        """A step, and some drift."""
        return pyro.sample("place", dist.Normal(place + step, DRIFT))

    def observe(self, place: Tensor) -> None:
        """The echo."""
        pyro.sample("echo", dist.Normal(place.square(), NOISE))


@dataclass(frozen=True)
class Look:
    """What a second look after a step is worth, in nats."""

    step: float
    quadrature: float
    gaussian: float
    particles: tuple[float, ...]  # for each seed
    standard_errors: tuple[float, ...]  # as each of these runs tells by itself

    @property
    def mean(self) -> float:
        """By particles, over seeds."""
        return float(np.mean(self.particles))

    def off(self, value: float) -> float:
        """How far a value is from quadrature, as a share of it."""
        return value / self.quadrature - 1


def density_after_first_look() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Places, and q(s_0 | o_0) there by quadrature, per meter."""
    places = np.linspace(-6.0, 6.0, GRID)
    log_joint = -0.5 * ((places - MEAN) / SPREAD) ** 2 - 0.5 * ((FIRST - places**2) / NOISE) ** 2
    joint = np.exp(log_joint - log_joint.max())
    return places, joint / np.trapezoid(joint, places)


def by_quadrature(step: float) -> float:
    r"""I(s_1; o_1) after a step: :math:`H[q(o)] - H[p(o|s)]` on a grid, in nats.

    Example:
        >>> by_quadrature(1.0) > by_quadrature(0.0) + 0.5  # which side, for one bit
        True
    """
    places, density = density_after_first_look()
    width = places[1] - places[0]
    apart = (places[:, None] - places[None, :] - step) / DRIFT
    moved = np.exp(-0.5 * apart**2) @ density * width / (DRIFT * math.sqrt(2 * math.pi))
    echoes = np.linspace(-6 * NOISE, 26.0, FINE)
    away = (echoes[:, None] - places[None, :] ** 2) / NOISE
    heard = np.exp(-0.5 * away**2) @ moved * width / (NOISE * math.sqrt(2 * math.pi))
    surprise = np.where(heard > 0, -heard * np.log(np.where(heard > 0, heard, 1.0)), 0.0)
    entropy = np.trapezoid(surprise, echoes)
    return float(entropy - 0.5 * math.log(2 * math.pi * math.e * NOISE**2))


def worth(carrier: Filter, steps: Tensor) -> Any:
    """Terms of a second look after each step, ``(1, steps)``."""
    belief = carrier.update(carrier.initial((1, 1)), {"echo": torch.tensor(FIRST)})
    return carrier.expected_free_energy(carrier.predict(belief, steps))


def looks(
    steps: Sequence[float] = STEPS, particles: int = PARTICLES, seeds: int = SEEDS
) -> list[Look]:
    """Every step, by every belief; each seed is a filter of its own."""
    pyro.set_rng_seed(0)
    moves = torch.tensor(steps)
    gaussian = worth(GaussianFilter(Echo()), moves).epistemic[0]
    terms = [worth(ParticleFilter(Echo(), num_particles=particles), moves) for _ in range(seeds)]
    sampled = torch.cat([each.epistemic for each in terms])
    errors = torch.cat([each.standard_error["epistemic"] for each in terms])
    return [
        Look(
            step,
            by_quadrature(step),
            float(gaussian[i]),
            tuple(sampled[:, i].tolist()),
            tuple(errors[:, i].tolist()),
        )
        for i, step in enumerate(steps)
    ]


def figure_of(found: Sequence[Look], particles: int = PARTICLES) -> Figure:
    """The belief after the first look; what a second one is worth; how far off each is."""
    page = canvas.new_figure((canvas.WIDTH, 2.6))
    first, second, third = page.subplots(1, 3)
    _beliefs(first, particles)
    _values(second, found)
    _errors(third, found)
    for label, axes in zip("abc", (first, second, third), strict=True):
        axes.set_title(label, loc="left", fontweight="bold")
        axes.spines[["top", "right"]].set_visible(False)
    return page


def _beliefs(axes: Axes, particles: int) -> None:
    places, density = density_after_first_look()
    pyro.set_rng_seed(0)
    seen = {"echo": torch.tensor(FIRST)}
    carrier = ParticleFilter(Echo(), num_particles=4 * particles)
    cloud = carrier.update(carrier.initial(), seen)
    other = GaussianFilter(Echo())
    marginal = other.update(other.initial(), seen).marginals["place"]
    axes.hist(
        canvas.array(cloud.states["place"]),
        bins=np.linspace(-2.5, 2.5, 61).tolist(),
        weights=canvas.array(cloud.weights * 60 / 5.0),
        color=canvas.BLUE,
        alpha=0.45,
        label="particles",
    )
    gauss = marginal.log_prob(torch.as_tensor(places)).exp()
    axes.plot(places, density, color=canvas.BLACK, linewidth=1, label="quadrature")
    axes.plot(places, canvas.array(gauss), "--", color=canvas.VERMILION, label="Gaussian")
    axes.set(xlim=(-2.5, 2.5), xlabel="place (m)", ylabel="belief after one look (1/m)")
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    axes.legend(loc="upper center", ncols=1, **canvas.LEGEND)


def _values(axes: Axes, found: Sequence[Look]) -> None:
    steps = [look.step for look in found]
    mean = np.array([look.mean for look in found])
    spread = 2 * np.array([np.mean(look.standard_errors) for look in found])
    axes.plot(steps, [look.quadrature for look in found], color=canvas.BLACK, linewidth=1)
    axes.errorbar(steps, mean, spread, fmt="o", color=canvas.BLUE, markersize=3, linewidth=1)
    axes.plot(steps, [look.gaussian for look in found], "--", color=canvas.VERMILION)
    axes.set(xlabel="step to the right (m)", ylabel="epistemic value (nats)")
    axes.set_ylim(bottom=0)


def _errors(axes: Axes, found: Sequence[Look]) -> None:
    steps = [look.step for look in found]
    axes.axhspan(-3, 3, color="0.88", linewidth=0, label="within 3 %")
    axes.plot(
        steps, [100 * look.off(look.mean) for look in found], "o", color=canvas.BLUE, markersize=3
    )
    axes.plot(
        steps, [100 * look.off(look.gaussian) for look in found], "--", color=canvas.VERMILION
    )
    axes.set(xlabel="step to the right (m)", ylabel="off quadrature (%)")
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left", **canvas.LEGEND)


def run(output: Path, particles: int = PARTICLES, seeds: int = SEEDS) -> list[Look]:
    """Measure, and write ``echo.json`` and ``echo.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    found = looks(particles=particles, seeds=seeds)
    content = {"particles": particles, "looks": [asdict(look) for look in found]}
    text = json.dumps(content, indent=1) + "\n"
    write(output / "echo.json", lambda path: path.write_text(text))
    write(output / "echo.png", lambda path: figure_of(found, particles).savefig(path, dpi=200))
    return found


def summary(found: Sequence[Look]) -> dict[str, float]:
    """How far off particles and the Gaussian are, as shares of the truth."""
    return {
        "particles, largest": max(abs(look.off(look.mean)) for look in found),
        "particles, one run, largest": max(
            abs(look.off(x)) for look in found for x in look.particles
        ),
        "particles, one run, median": float(
            np.median([abs(look.off(x)) for look in found for x in look.particles])
        ),
        "Gaussian, share of steps off by more than 20 %": float(
            np.mean([abs(look.off(look.gaussian)) > 0.2 for look in found])
        ),
        "Gaussian, largest": max(abs(look.off(look.gaussian)) for look in found),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf.bench.echo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with torch.no_grad():
        print(json.dumps(summary(run(options.output, seeds=options.seeds))))  # noqa: T201


if __name__ == "__main__":
    main()
