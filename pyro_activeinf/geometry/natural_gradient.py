"""The natural gradient as an optimizer of guides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from pyro.optim import PyroOptim
from torch import Tensor

from .._checks import below_one, complain, finite, nonnegative, positive_int
from .fisher import Fisher, Program, change, joined
from .guided import Guided
from .retractions import SLACK, Retraction, Suited, flat
from .rule import longest, natural_step
from .solvers import ConjugateGradient, Dense, Solver

HALVINGS = 39  # of a step that leaves the trust region
VELOCITY: Any = "velocity"  # in the state of the optimizer
MANY = 1500  # parameters, from which on products with vectors are quicker


class NaturalGradient(torch.optim.Optimizer):
    r"""Steps down the gradient as Fisher's information of the guide measures them.

    .. math:: \phi \leftarrow R_\phi\bigl(-\rho\, (G(\phi) + \lambda)^{-1} \partial F\bigr), \qquad
              G = \sum_s J_s^\top g_s J_s

    The information of a site is exact where its distribution belongs to a known family or has
    a geometry that can be computed (see :class:`StatisticalManifold`), else the covariance of the
    score of samples. A site that depends on earlier ones is taken at samples of these. The guide
    is run again in each step, with the arguments of its last call.

    Args:
        guide: a module (also one of Pyro's auto-guides, once called), or a function, whose
            parameters are in Pyro's store; of the latter, pass on :attr:`guide` instead, which
            remembers its arguments.
        lr: :math:`\rho`.
        damping: :math:`\lambda`, relative to a diagonal of ones (with ``ConjugateGradient``: as it
            is).
        momentum: from 0 to 1, what is kept of the step before, carried along by the retraction.
        trust_region: the most that a step may change the guide as a whole, in nats:
            :math:`\tfrac12 v^\top G v`; a step whose KL is more than twice that, at fresh samples
            of a guide whose sites depend on each other, is halved. For networks, take 0.1 or so.
        retraction: ``Suited()`` by default: ``ExponentialMap()`` where parameters stand for
            distributions of known families, else ``FirstOrder()``, which changes no distribution by
            more than 1 nat in a step. Where that goes back and forth, take a smaller ``lr``.
        solver: ``Dense()`` by default, ``ConjugateGradient()`` where there are many parameters.
        num_samples: runs of the guide over which the information is averaged; take more where sites
            depend on earlier ones, as in a network's guide of an episode.

    Attributes:
        guide: the guide, or a function that remembers with what it is called.
        nats: how much the last step was expected to change the guide.

    Raises:
        TypeError: the guide is neither; a retraction or a solver is none.
        ValueError: it has no parameters yet; numbers are out of range.

    Reference: Amari (1998), "Natural gradient works efficiently in learning"; Hoffman et al.
    (2013), "Stochastic variational inference", section 2.3; Martens (2020), "New insights and
    perspectives on the natural gradient method".

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro.infer import SVI, TraceMeanField_ELBO
        >>> from pyro.nn import PyroModule, PyroParam
        >>> class Guide(PyroModule):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.loc = PyroParam(torch.tensor(0.0))
        ...         self.scale = PyroParam(torch.tensor(1.0), dist.constraints.positive)
        ...     def forward(self):
        ...         pyro.sample("z", dist.Normal(self.loc, self.scale))
        >>> def model():
        ...     pyro.sample("z", dist.Normal(3.0, 0.01))
        >>> guide = Guide()
        >>> optimizer = NaturalGradient(guide)
        >>> svi = SVI(model, guide, optimizer.for_svi(), TraceMeanField_ELBO())
        >>> _ = svi.step()  # one is enough
        >>> round(guide.loc.item(), 6), round(guide.scale.item(), 6)
        (3.0, 0.01)
    """

    def __init__(
        self,
        guide: Program,
        lr: float = 1.0,
        *,
        damping: float = 0.0,
        momentum: float = 0.0,
        trust_region: float | None = None,
        retraction: Retraction | None = None,
        solver: Solver | None = None,
        num_samples: int = 1,
    ) -> None:
        if trust_region is not None:
            nonnegative("trust_region", trust_region)
        if not isinstance(retraction, Retraction | None):
            expected = "Suited(), FirstOrder() or ExponentialMap()"
            raise TypeError(complain("retraction", expected, repr(retraction)))
        if not isinstance(solver, Solver | None):
            raise TypeError(complain("solver", "Dense() or ConjugateGradient()", repr(solver)))
        self._guided = Guided(guide)
        self.guide = self._guided.called
        self.retraction = retraction or Suited()
        self.solver, self.num_samples = solver, positive_int("num_samples", num_samples)
        self.nats = 0.0
        defaults = {
            "lr": finite("lr", lr),
            "damping": nonnegative("damping", damping),
            "momentum": below_one("momentum", momentum),
            "trust_region": trust_region,
        }
        super().__init__([{"params": self._guided.start()}], defaults)

    def for_svi(self) -> PyroOptim:
        """The same as ``pyro.infer.SVI`` wants it."""
        return _ForSVI(self)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; gradients have been computed, or are by ``closure``."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.enable_grad():
            self._move()
        return loss

    def fisher(self) -> Fisher:
        """The information at the present parameters, with the arguments of the last call."""
        parameters, runs = self._parameters(), self._guided.runs(self.num_samples)
        with torch.enable_grad():
            return self._guided.information(runs, parameters)

    def _move(self) -> None:
        options = self.param_groups[0]
        parameters, runs = self._parameters(), self._guided.runs(self.num_samples)
        now = flat(parameters)

        def look(place: Tensor) -> Fisher:
            _write(parameters, place)
            return self._guided.information(runs, parameters)

        try:
            fisher = look(now)
            direction = _require_finite(self._direction(fisher, now, parameters))
            rho = self._size(fisher, direction)
            moved = self.retraction.move(fisher, direction, rho, look)
            end, share = self._near(now, moved.parameters, parameters)
            _require_finite(end)
            if options["momentum"] and options["lr"]:
                kept = share * moved.part / options["lr"]
                self.state[VELOCITY] = (kept * moved.carry()).detach()
        finally:
            _write(parameters, now)
        self.nats *= (share * moved.part / rho) ** 2 if rho else 0.0
        _write(parameters, end)

    def _direction(self, fisher: Fisher, now: Tensor, parameters: list[Tensor]) -> Tensor:
        """Minus the natural gradient, and what is kept of the direction before."""
        if not fisher.terms:
            raise _no_information()
        gradient = joined([one.grad for one in parameters], parameters)
        options = self.param_groups[0]
        found = -self._solver(now).solve(fisher, gradient, options["damping"])
        before = self.state.get(VELOCITY)
        if before is not None and len(before) == len(found):
            found = found + options["momentum"] * before
        return found

    def _size(self, fisher: Fisher, direction: Tensor) -> float:
        """The learning rate, or less, so that the step stays in the trust region."""
        rho, most = self.param_groups[0]["lr"], self.param_groups[0]["trust_region"]
        rates = fisher.push(direction)
        self.nats = rho * rho * float(rates @ fisher.lower(rates)) / 2
        if most is None or not self.nats > most:
            return float(rho)
        rho, self.nats = rho * (most / self.nats) ** 0.5, most
        return float(rho)

    def _near(self, now: Tensor, end: Tensor, parameters: list[Tensor]) -> tuple[Tensor, float]:
        """Halve a step until KL is as small as it should be, at other samples than it was made."""
        most = self.param_groups[0]["trust_region"]
        if most in (None, math.inf) or not bool(end.isfinite().all()):
            return end, 1.0
        runs = self._guided.runs(self.num_samples, skip=self.num_samples)
        _write(parameters, now)
        before = self._guided.information(runs, parameters)

        def attempt(share: float) -> Tensor | None:
            place = natural_step(now, end, share)
            _write(parameters, place)
            try:
                found = change(before, self._guided.information(runs, parameters))
            except ValueError:  # parameters of distributions that are none
                return None
            return place if found <= SLACK * most else None

        return longest(attempt, 1.0, HALVINGS) or (now, 0.0)

    def _solver(self, now: Tensor) -> Solver:
        if self.solver is not None:
            return self.solver
        return Dense() if len(now) < MANY else ConjugateGradient()

    def _parameters(self) -> list[Tensor]:
        found = self._guided.parameters(list(self.param_groups[0]["params"]))
        self.param_groups[0]["params"] = found
        return list(found)


def _require_finite(step: Tensor) -> Tensor:
    if not bool(step.isfinite().all()):
        way_out = "Is the loss finite? If so, take more damping or a smaller trust region."
        raise ValueError(complain("step", "finite numbers", "others", way_out))
    return step


def _no_information() -> ValueError:
    """The error for guides of point masses alone, as AutoDelta and AutoLaplaceApproximation are."""
    expected = "a site whose distribution has a density that depends on parameters"
    got = "point masses alone, which have no information"
    way_out = (
        "Take a guide with a spread (AutoNormal, AutoMultivariateNormal), or another optimizer "
        "to find a mode; AutoLaplaceApproximation has its Gaussian only afterward."
    )
    return ValueError(complain("guide", expected, got, way_out))


def _write(parameters: list[Tensor], values: Tensor) -> None:
    with torch.no_grad():
        parts = values.split([one.numel() for one in parameters])
        for one, part in zip(parameters, parts, strict=True):
            one.copy_(part.reshape(one.shape))


class _ForSVI(PyroOptim):
    """Lets ``SVI`` call the optimizer."""

    def __init__(self, optimizer: NaturalGradient) -> None:
        super().__init__(torch.optim.SGD, {"lr": 0.0})
        self.optimizer = optimizer

    def __call__(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Take a step."""
        self.optimizer.step()

    def get_state(self) -> dict[str, Any]:
        """The state of the optimizer."""
        return {"natural_gradient": self.optimizer.state_dict()}

    def set_state(self, state_dict: dict[str, Any]) -> None:
        """Restore a state."""
        saved = state_dict["natural_gradient"]
        if not self.optimizer.param_groups[0]["params"]:  # a function's are met in the first step
            groups = [{**group, "params": []} for group in saved["param_groups"]]
            saved = {**saved, "param_groups": groups}
        self.optimizer.load_state_dict(saved)
