"""From choices to parameters."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from .._checks import complain, instance, positive_int
from ..checkpoint import place
from .behavior_fit import BehaviorFit, read_off
from .choice_model import ChoiceModel
from .choices import Choices, check_choices
from .engines import NUTS, Engine, Target
from .engines.base import Found, Keeping, Resumable


def fit(
    model: ChoiceModel,
    choices: Choices,
    engine: Engine | None = None,
    *,
    start: BehaviorFit | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 100,
    resume: bool = False,
    progress: bool = True,
) -> BehaviorFit:
    r"""Infer the parameters of persons from their choices.

    .. math:: p(\theta \mid u) \propto p(\theta) \prod_t p(u_t \mid o_{\le t}, u_{<t}, \theta)

    Ctrl-C ends a run of :class:`NUTS` with the draws that all of its chains have, and one of
    :class:`Variational` after the step that it is in. With a checkpoint, a run that was interrupted
    or killed goes on with the very numbers that it would have had.

    Args:
        model: who could have made them.
        choices: what was chosen.
        engine: how to infer: :class:`NUTS`, :class:`Variational`, :class:`Laplace` or
            :class:`MAP`.
        start: an earlier fit of the same model to begin from.
        checkpoint: a file for all that a later start needs, for :class:`NUTS` and
            :class:`Variational`.
        checkpoint_every: steps of descent, or of each chain, from one writing to the next; it is
            also written at the end.
        resume: go on from the checkpoint, if the file is there; otherwise start from the beginning.
            More draws than before may be asked for.
        progress: show a progress bar.

    Raises:
        TypeError: for an argument that is none of these.
        ValueError: for a start from another model; for a checkpoint that is damaged, foreign or of
            another run, which is left as it was.
        FileNotFoundError: where the checkpoint's folder is not there.
        IsADirectoryError: where the checkpoint is a folder itself.
        KeyboardInterrupt: for Ctrl-C before there is a draw.

    Reference: Daw (2011), "Trial-by-trial data analysis using computational models", section 2;
    Betancourt and Girolami (2015), "Hamiltonian Monte Carlo for hierarchical models".

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
    path = place(checkpoint, resume)
    every = positive_int("checkpoint_every", checkpoint_every)
    target = Target(model, choices)
    keeping = None if path is None else Keeping(path, every, resume)
    found = _found(chosen, target, _points(start, target), progress, keeping)
    return read_off(model, choices, chosen, target, found)


def _found(
    engine: Engine, target: Target, start: Tensor | None, progress: bool, keeping: Keeping | None
) -> Found:
    if keeping is None:
        return engine(target, start, progress)
    expected = "none, with an engine that does not go step by step"
    way_out = "Only NUTS() and Variational() take long, and keep one."
    if not isinstance(engine, Resumable):
        raise TypeError(complain("checkpoint", expected, str(keeping.path), way_out))
    return engine.kept(target, start, progress, keeping)


def _points(start: BehaviorFit | None, target: Target) -> Tensor | None:
    if start is None:
        return None
    instance("start", start, BehaviorFit, "an earlier fit")
    z: Tensor = start.found.z.flatten(0, 1)
    if z.shape[-1] != target.dim:
        expected = f"a fit of a model with {target.dim} coordinates"
        raise ValueError(complain("start", expected, f"one with {z.shape[-1]}"))
    return z[torch.isfinite(z).all(-1)]
