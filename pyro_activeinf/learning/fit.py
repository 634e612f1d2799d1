"""Learning: the parameters of a model and a guide, by descent on their free energy."""

from __future__ import annotations

import os
from typing import Any

import pyro
import torch
from pyro.infer import ELBO

from .._checks import complain, nonnegative, positive_int
from ..checkpoint import place
from ..free_energy import VariationalFreeEnergy
from .bar import Bar
from .batches import Batches, Minibatches, Whole, arguments
from .compilation import Backend, inductor
from .loop import Loop, Stop
from .program import Program
from .ranks import Alone, Ranks
from .run import TrainingRun
from .training import MakeOptimizer, MakeScheduler, Training, adam


def fit(  # noqa: PLR0913
    model: Any,
    guide: Any,
    data: Any = (),
    *,
    loss: ELBO | None = None,
    optimizer: MakeOptimizer = adam,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    clip_norm: float | None = None,
    learning_rate: MakeScheduler | None = None,
    early_stop: Stop | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 100,
    resume: bool = False,
    compile: bool | Backend = False,
    progress: bool = True,
    seed: int | None = None,
    read_every: int | None = None,
    ranks: Ranks | None = None,
) -> TrainingRun:
    r"""Learn the parameters of a model and a guide by descent on their free energy.

    .. math:: \theta_{t+1} = \theta_t - \eta_t \, step(\nabla_\theta \hat F(\theta_t))

    Any Pyro model and guide will do. Parameters of modules are kept in the modules, and Pyro's
    global store is left alone; plain functions keep theirs there. A step is that of
    :class:`pyro.infer.SVI`, with the same random numbers.

    Ctrl-C ends the run after the step that it is in: what has been learned and recorded is kept.
    A run that was killed goes on from its checkpoint with the very numbers that it would have had.

    Args:
        model, guide: the programs.
        data: what both are called with: a tuple of arguments, or the only one. For a
            :class:`~pyro_activeinf.GenerativeModel`: ``(observations, actions)``, or observations.
        loss: the free energy in nats, any of Pyro's ELBOs; ``VariationalFreeEnergy()`` where
            ``None``. Annealing is its matter: ``VariationalFreeEnergy(weight=..)``.
        optimizer: makes a torch optimizer for parameters; Adam with a learning rate of 0.01.
        steps: number of steps, including those before an interruption.
        epochs: passes over the data, instead of steps.
        batch_size: rows in each step, along the first dim of all tensors in the data; each epoch
            has a new order. Sites in the plates over the rows, which the model has to have, count
            rows / batch_size times, so that the loss is an estimate of F of all data. ``None`` for
            all rows: models may then subsample in their plates.
        clip_norm: at most the norm of the gradient.
        learning_rate: makes a scheduler of ``torch.optim.lr_scheduler`` for the optimizer, which
            moves on at each step; :class:`LearningRate` makes one of a schedule.
        early_stop: whether to stop, given all losses so far: :class:`Plateau`.
        checkpoint: a file for all that a later start needs.
        checkpoint_every: steps from one writing to the next; it is also written at the end.
        resume: go on from the checkpoint, if the file is there; otherwise start from the beginning.
        compile: run steps as compiled code, from the second one on: :func:`compiled`.
        progress: show a progress bar with F, complexity and accuracy.
        seed: for ``pyro.set_rng_seed`` before the first step; ``None`` to go on as it is.
        read_every: steps from one reading of complexity and accuracy to the next; it takes as long
            as a step that is not compiled. 100 where ``None``, or 1000 with ``compile``.
        ranks: the processes that learn together, each with its rows of every batch:
            ``learning.distributed.ProcessGroup()``. They cannot be compiled.

    Returns:
        The record of all steps, before an interruption too.

    Raises:
        ValueError: for arguments out of their range, data whose rows cannot be batched, a loss that
            is not finite, or a checkpoint that is damaged, foreign or of other programs. Model and
            guide are then as they were before the step.
        TypeError: for a loss, an optimizer, a scheduler, an early stop or a compiler that is none.
        FileNotFoundError: where the checkpoint's folder is not there.
        IsADirectoryError: where the checkpoint is a folder itself.

    Reference: Hoffman et al. (2013), "Stochastic variational inference", JMLR, section 2.4.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro.infer.autoguide import AutoNormal
        >>> def model(x):
        ...     mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
        ...     with pyro.plate("rows", len(x)):
        ...         pyro.sample("x", dist.Normal(mean, 1.0), obs=x)
        >>> run = fit(model, AutoNormal(model), torch.tensor([1.0, 2.0, 3.0]), steps=300, seed=0,
        ...           progress=False)
        >>> run.steps, bool(run.losses[-50:].mean() < run.losses[:50].mean() - 3)
        (300, True)
    """
    path = place(checkpoint, resume)
    positive_int("checkpoint_every", checkpoint_every)
    if clip_norm is not None and not nonnegative("clip_norm", clip_norm) > 0:
        raise ValueError(complain("clip_norm", "a number above 0", clip_norm))
    _require_callables(learning_rate=learning_rate, early_stop=early_stop)
    backend = _backend(compile)
    if seed is not None:
        pyro.set_rng_seed(seed)
    together = _checked_ranks(ranks, backend)
    together.begin()
    args = arguments(data)
    batches: Batches = Whole(args) if batch_size is None else _minibatches(model, args, batch_size)
    batches = together.batches(batches, model)
    energy = VariationalFreeEnergy() if loss is None else loss
    program = Program(model, guide, energy, batches, together)
    loop = Loop(
        Training(program, optimizer, learning_rate, clip_norm),
        batches,
        steps=_number_of_steps(steps, epochs, batches),
        stop=early_stop,
        path=path,
        save_every=checkpoint_every,
        read_every=None if read_every is None else positive_int("read_every", read_every),
        backend=backend,
    )
    with program.local():
        if resume and path is not None and path.exists():
            loop.resume(path)
        return _shown(loop, progress and together.first)


def _shown(loop: Loop, progress: bool) -> TrainingRun:
    bar = Bar(loop.steps, loop.done, progress)
    try:
        return loop.run(bar)
    finally:
        bar.close()


def _minibatches(model: Any, args: Any, batch_size: int) -> Minibatches:
    return Minibatches(args, batch_size, int(torch.randint(2**62, ())), model)


def _number_of_steps(steps: int | None, epochs: int | None, batches: Batches) -> int:
    if (steps is None) == (epochs is None):
        got = f"steps={steps}, epochs={epochs}"
        raise ValueError(complain("steps, epochs", "one of the two", got, "Say how long to learn."))
    if steps is not None:
        return positive_int("steps", steps)
    return positive_int("epochs", epochs or 0) * batches.per_epoch


def _checked_ranks(ranks: Ranks | None, backend: Backend | None) -> Ranks:
    found = Alone() if ranks is None else ranks
    if not isinstance(found, Ranks):
        expected = "the processes that learn together"
        way_out = "learning.distributed.ProcessGroup(), say."
        raise TypeError(complain("ranks", expected, repr(ranks), way_out))
    if backend is not None and ranks is not None:
        raise ValueError(complain("compile", "False, with ranks=", "True"))
    return found


FUNCTIONS = {
    "learning_rate": (
        "a function from an optimizer to its scheduler",
        "A constant is a matter of the optimizer: functools.partial(torch.optim.Adam, lr=0.01).",
    ),
    "early_stop": ("a function of all losses so far", "learning.Plateau(), say."),
    "compile": ("True, False, or a compiler of graphs", "True takes learning.inductor."),
}


def _require_callables(**given: object) -> None:
    for name, value in given.items():
        if value is not None and not callable(value):
            expected, way_out = FUNCTIONS[name]
            raise TypeError(complain(name, expected, repr(value), way_out))


def _backend(compile: bool | Backend) -> Backend | None:
    if isinstance(compile, bool):
        return inductor if compile else None
    _require_callables(compile=compile)
    return compile
