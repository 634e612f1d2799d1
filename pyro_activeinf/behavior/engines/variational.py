"""Variational inference of the parameters of persons."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from torch import Tensor

from ..._checks import complain, instance, positive, positive_int
from ...free_energy import VariationalFreeEnergy
from ...learning import LearningRate, Plateau, fit
from ...learning.training import adam
from .base import Found, Keeping, Resumable
from .guides import Family, MeanField
from .importance import weighed
from .settling import Settling, Stop
from .sites import Latent
from .starts import typical
from .target import Target


class TargetGuide(PyroModule):
    """A Pyro guide for the program of a target: coordinates from a family, and sites from them."""

    def __init__(self, target: Target, family: PyroModule) -> None:
        super().__init__()
        self.__dict__["target"] = target  # not a submodule
        self.family = family

    def forward(self, *args: Any) -> None:
        """Sample every latent site of the program."""
        target: Target = self.__dict__["target"]
        drawn = self.family.distribution()
        z = pyro.sample("_coordinates", drawn, infer={"is_auxiliary": True})
        values, log_det = target.transformed(z.reshape(-1, target.dim))
        if z.dim() == 1:
            values, log_det = _first(values), _first(log_det)
        plates = target.plates()
        for latent in target.latents:
            with ExitStack() as stack:
                for frame in latent.plates:
                    stack.enter_context(plates[frame.name])
                _place(latent, values[latent.name], log_det[latent.name])


def _first(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.squeeze(0) for name, value in found.items()}


def _place(latent: Latent, value: Tensor, log_det: Tensor) -> None:
    """Sample a site where its coordinates say; the guide's density is one of values."""
    there = dist.Delta(value, log_density=-log_det, event_dim=len(latent.event))
    pyro.sample(latent.name, there)


@dataclass(frozen=True)
class Variational(Resumable):
    r"""Variational inference: descent on the free energy of a guide, and draws from it.

    .. math:: F(\phi) = E_{q_\phi}[\log q_\phi(\theta) - \log p(\theta, u)]

    Args:
        guide: :class:`MeanField`, :class:`LowRank` or :class:`Flow`.
        steps: of descent, at most; how many are taken is a matter of ``stop``.
        draws: from the guide at the end.
        num_particles: draws for an estimate of F, in one pass.
        learning_rate: of Adam, while F falls; then it falls itself, to a hundredth in a straight
            line, over a third of the steps taken so far.
        stop: whether F falls no longer, given all losses so far: :class:`learning.Plateau`. Where
            ``None``, three quarters of ``steps`` are taken at the full rate.
        compile: run steps as compiled code.

    Raises:
        ValueError: for numbers out of their range.
        TypeError: for a guide or a stop that is none.

    Reference: Kucukelbir et al. (2017), "Automatic differentiation variational inference", JMLR;
    Yao et al. (2018), "Yes, but did it work?: evaluating variational inference", ICML.

    Example:
        >>> import pyro
        >>> from pyro_activeinf.behavior import ChoiceModel, Choices, fit
        >>> from pyro_activeinf.behavior.peers import RandomChoice
        >>> pyro.set_rng_seed(0)
        >>> def parameters():
        ...     pyro.sample("side", dist.Normal(0.0, 1.0))
        >>> model = ChoiceModel(
        ...     parameters, lambda p: RandomChoice(torch.stack([0 * p["side"], p["side"]]))
        ... )
        >>> choices = Choices(torch.ones(1, 8, dtype=torch.long), {"outcome": torch.ones(1, 8)})
        >>> engine = Variational(steps=200, stop=None, draws=500)
        >>> found = fit(model, choices, engine, progress=False)
        >>> bool(found.found.pareto_k < 0.7), bool(found.means["side"] > 0)
        (True, True)
    """

    guide: Family = field(default_factory=MeanField)
    steps: int = 10_000
    draws: int = 1000
    num_particles: int = 8
    learning_rate: float = 0.03
    stop: Stop | None = field(default_factory=lambda: Plateau(200, tolerance=0.1, patience=2))
    compile: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("steps", "draws", "num_particles"):
            positive_int(name, getattr(self, name))
        positive("learning_rate", self.learning_rate)
        instance("guide", self.guide, Family, "MeanField(), LowRank() or Flow()")
        if self.stop is not None and not callable(self.stop):
            expected = "a function of all losses so far, or None"
            raise TypeError(complain("stop", expected, repr(self.stop), "learning.Plateau(), say."))

    def kept(
        self, target: Target, start: Tensor | None, progress: bool, keeping: Keeping | None
    ) -> Found:
        """Draws ``(1, draws, dim)`` of the guide."""
        loc, scale = _around(target, start)
        guide = TargetGuide(target, self.guide.module(loc, scale))
        settling = Settling(self.steps, self.stop)
        run = fit(
            target.model,
            guide,
            target.args,
            loss=VariationalFreeEnergy(
                num_particles=self.num_particles,
                vectorize_particles=True,
                max_plate_nesting=target.plate_dims,
            ),
            optimizer=partial(adam, lr=self.learning_rate),
            steps=self.steps,
            learning_rate=LearningRate(settling.rate),
            early_stop=settling,
            compile=self.compile,
            progress=progress,
            **_file(keeping),
        )
        return weighed(target, partial(_drawn, guide.family), self.draws, run)


def _file(keeping: Keeping | None) -> dict[str, Any]:
    """As learning has it."""
    if keeping is None:
        return {}
    return {
        "checkpoint": keeping.path,
        "checkpoint_every": keeping.every,
        "resume": keeping.resume,
    }


def _drawn(family: Any, draws: int) -> tuple[Tensor, Tensor]:
    density = family.distribution()
    z = density.sample((draws,))
    return z, density.log_prob(z).unsqueeze(-1)


def _around(target: Target, start: Tensor | None) -> tuple[Tensor, Tensor]:
    """Where the guide starts, and how wide it is there."""
    if start is None:
        middle, width = typical(target)
        return middle, 0.1 + 0 * width
    spread = start.std(0) if len(start) > 1 else torch.zeros_like(start[0])
    return start.mean(0), spread.clamp(min=0.1)
