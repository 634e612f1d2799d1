"""The natural gradient as an optimizer of guides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pyro.optim import PyroOptim
from torch import Tensor, nn

from .._checks import complain, finite, nonnegative, positive_int
from .fisher import Fisher, Program, change, joined, run_of, terms_of
from .retractions import FirstOrder, Retraction, flat
from .solvers import ConjugateGradient, Dense, Solver

SCORES = 64  # samples of a score that is not known, in each run
SLACK, HALVINGS = 2.0, 40  # of the trust region, which is in first order
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
        trust_region: the most that a step may change the guide, in nats:
            :math:`\tfrac12 v^\top G v`; a step whose KL is more than twice that, at fresh samples
            of a guide whose sites depend on each other, is halved. For networks, take 0.1 or so.
        retraction: ``FirstOrder()`` by default, or ``ExponentialMap()``.
        solver: ``Dense()`` by default, ``ConjugateGradient()`` where there are many parameters.
        num_samples: runs of the guide over which the information is averaged; take more where sites
            depend on earlier ones, as in a network's guide of an episode.

    Attributes:
        guide: the guide, or a function that remembers with what it is called.
        nats: how much the last step was expected to change the guide.

    Raises:
        TypeError: the guide is neither.
        ValueError: it has no parameters yet; numbers are out of range.

    Reference: Amari (1998), "Natural gradient works efficiently in learning"; Hoffman et al.
    (2013), "Stochastic variational inference", section 2.3; Martens (2020), "New insights and
    perspectives on the natural gradient method".

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro.infer import SVI, TraceMeanField_ELBO
        >>> from pyro.nn import PyroModule, PyroParam
        >>> from pyro_activeinf.geometry import ExponentialMap
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
        >>> optimizer = NaturalGradient(guide, retraction=ExponentialMap())
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
        if not callable(guide):
            raise TypeError(complain("guide", "a module or a function", repr(guide)))
        if not 0 <= momentum < 1:
            raise ValueError(complain("momentum", "a number from 0 up to 1", momentum))
        if trust_region is not None:
            finite("trust_region", trust_region)
        self._args: tuple[Any, Any] = ((), {})
        self._program = guide
        self.guide = self._watched(guide)
        self.retraction = retraction or FirstOrder()
        self.solver, self.num_samples = solver, positive_int("num_samples", num_samples)
        self.nats = 0.0
        defaults = {
            "lr": finite("lr", lr),
            "damping": nonnegative("damping", damping),
            "momentum": momentum,
            "trust_region": trust_region,
        }
        super().__init__([{"params": self._start(guide)}], defaults)

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
        parameters, runs = self._parameters(), self._runs()
        with torch.enable_grad():
            return self._at(runs, parameters)

    def _runs(self) -> list[Any]:
        """Values of all sites, which stay as they are while parameters move."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return [run_of(self._program, *self._args) for _ in range(self.num_samples)]

    def _at(self, runs: list[Any], parameters: list[Tensor]) -> Fisher:
        terms = []
        with torch.random.fork_rng(devices=[]):  # the same scores are sampled each time
            for run in runs:
                trace = run_of(self._program, *self._args, values=run)
                terms += terms_of(trace, SCORES, 1 / len(runs))
        return Fisher(terms, parameters)

    def _move(self) -> None:
        options = self.param_groups[0]
        parameters, runs = self._parameters(), self._runs()
        now = flat(parameters)

        def look(place: Tensor) -> Fisher:
            _write(parameters, place)
            return self._at(runs, parameters)

        fisher = look(now)
        if not fisher.terms:
            got = "none that has any"
            raise ValueError(complain("guide", "sites with parameters", got))
        gradient = joined([one.grad for one in parameters], parameters)
        step = -options["lr"] * self._solver(now).solve(fisher, gradient, options["damping"])
        before = self.state.get(VELOCITY)
        if before is not None and len(before) == len(step):
            step = step + options["momentum"] * before
        step = self._within(fisher, step, options["trust_region"])
        try:
            end, kept = self.retraction.move(fisher, step, look)
        finally:
            _write(parameters, now)
        end, kept = self._near(now, end, kept, parameters)
        if not bool(end.isfinite().all()):
            way_out = "Is the loss finite? If so, take more damping or a smaller trust region."
            raise ValueError(complain("step", "finite numbers", "others", way_out))
        _write(parameters, end)
        if options["momentum"]:
            self.state[VELOCITY] = kept.detach()

    def _near(
        self, now: Tensor, end: Tensor, kept: Tensor, parameters: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Halve a step until KL is as small as it should be, at other samples than it was made."""
        most = self.param_groups[0]["trust_region"]
        if most is None or not bool(end.isfinite().all()):
            return end, kept
        runs = self._fresh()
        before = self._at(runs, parameters)
        for _ in range(HALVINGS):
            _write(parameters, end)
            found = self._change(before, runs, parameters)
            _write(parameters, now)
            if found <= SLACK * most:
                break
            end, kept = (now + end) / 2, kept / 2
        return end, kept

    def _fresh(self) -> list[Any]:
        """Runs other than those of the information."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return [run_of(self._program, *self._args) for _ in range(2 * self.num_samples)][
                self.num_samples :
            ]

    def _change(self, before: Fisher, runs: list[Any], parameters: list[Tensor]) -> float:
        try:
            return change(before, self._at(runs, parameters))
        except ValueError:  # parameters of distributions that are none
            return float("inf")

    def _within(self, fisher: Fisher, step: Tensor, most: float | None) -> Tensor:
        rates = fisher.push(step)
        self.nats = float(rates @ fisher.lower(rates)) / 2
        if most is None or self.nats <= most:
            return step
        share = (most / self.nats) ** 0.5
        self.nats = most
        return share * step

    def _solver(self, now: Tensor) -> Solver:
        if self.solver is not None:
            return self.solver
        return Dense() if len(now) < MANY else ConjugateGradient()

    def _start(self, guide: Program) -> list[Tensor]:
        if not isinstance(guide, nn.Module):
            return []  # met in the first step
        found: list[Tensor] = [one for one in guide.parameters() if one.requires_grad]
        if not found:
            way_out = "Call it once on the data: guides often make their parameters then."
            raise ValueError(complain("guide", "a module with parameters", "none", way_out))
        return found

    def _parameters(self) -> list[Tensor]:
        if not isinstance(self._program, nn.Module):
            with torch.random.fork_rng(devices=[]):
                trace = run_of(self._program, *self._args)
            sites = (site for site in trace.nodes.values() if site["type"] == "param")
            found = [site["value"].unconstrained() for site in sites]
            if not found:
                way_out = "Name them by pyro.param, or give a module."
                raise ValueError(complain("guide", "a function with parameters", "none", way_out))
            self.param_groups[0]["params"] = found
        return list(self.param_groups[0]["params"])

    def _watched(self, guide: Program) -> Program:
        if isinstance(guide, nn.Module):
            guide.register_forward_pre_hook(self._remember, with_kwargs=True)
            return guide

        def remembering(*args: Any, **kwargs: Any) -> Any:
            self._args = (args, kwargs)
            return guide(*args, **kwargs)

        return remembering

    def _remember(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self._args = (args, kwargs)


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
