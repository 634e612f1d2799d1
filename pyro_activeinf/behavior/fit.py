"""From choices to parameters."""

from __future__ import annotations

import torch
from torch import Tensor

from .._checks import complain, instance
from .behavior_fit import BehaviorFit, read_off
from .choice_model import ChoiceModel
from .choices import Choices, check_choices
from .engines import NUTS, Engine, Target


def fit(
    model: ChoiceModel,
    choices: Choices,
    engine: Engine | None = None,
    *,
    start: BehaviorFit | None = None,
    progress: bool = True,
) -> BehaviorFit:
    r"""Infer the parameters of persons from their choices.

    .. math:: p(\theta \mid u) \propto p(\theta) \prod_t p(u_t \mid o_{\le t}, u_{<t}, \theta)

    Args:
        model: who could have made them.
        choices: what was chosen.
        engine: how to infer: :class:`NUTS`, :class:`Variational`, :class:`Laplace` or
            :class:`MAP`.
        start: an earlier fit of the same model to begin from.
        progress: show a progress bar.

    Raises:
        TypeError: for an argument that is none of these.
        ValueError: for a start from another model.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro_activeinf.behavior import ChoiceModel, Choices, RescorlaWagner, Variational
        >>> pyro.set_rng_seed(0)
        >>> def parameters():
        ...     pyro.sample("rate", dist.Beta(2.0, 2.0))
        ...     pyro.sample("precision", dist.LogNormal(1.0, 0.5))
        >>> model = ChoiceModel(parameters, lambda p: RescorlaWagner(p["rate"], p["precision"]))
        >>> actions = torch.tensor([[0, 0, 1, 0, 0, 0], [1, 1, 1, 0, 1, 1]])
        >>> choices = Choices(actions, {"outcome": torch.ones(2, 6)})
        >>> found = fit(model, choices, Variational(steps=50, draws=100), progress=False)
        >>> found.parameters["rate"].shape, found.log_likelihood.shape
        (torch.Size([1, 100, 2]), torch.Size([1, 100, 2, 6]))
    """
    chosen = NUTS() if engine is None else engine
    if not isinstance(chosen, Engine):
        expected = "an engine: behavior.NUTS(), Variational(), Laplace() or MAP()"
        raise TypeError(complain("engine", expected, repr(engine)))
    instance("model", model, ChoiceModel, "a ChoiceModel", "Call fit(model, choices).")
    check_choices(choices)
    target = Target(model, choices)
    found = chosen(target, _points(start, target), progress)
    return read_off(model, choices, chosen, target, found)


def _points(start: BehaviorFit | None, target: Target) -> Tensor | None:
    if start is None:
        return None
    instance("start", start, BehaviorFit, "an earlier fit")
    z: Tensor = start.found.z.flatten(0, 1)
    if z.shape[-1] != target.dim:
        expected = f"a fit of a model with {target.dim} coordinates"
        raise ValueError(complain("start", expected, f"one with {z.shape[-1]}"))
    return z[torch.isfinite(z).all(-1)]
