"""Steps of variational inference as compiled code."""

from __future__ import annotations

from typing import Any

import torch
from pyro.infer import ELBO
from torch import Tensor

from .batches import Whole, arguments
from .compilation import Backend, Compiled, inductor
from .program import Program
from .training import MakeOptimizer, Training, adam


class CompiledSteps:
    """Takes compiled steps; :func:`compiled` makes one.

    Args:
        training: programs that have begun.
        gradients: compiled from them.

    Attributes:
        optimizer: the optimizer.
    """

    def __init__(self, training: Training, gradients: Compiled) -> None:
        self._training, self._gradients = training, gradients
        self._training.gradients = gradients
        self.optimizer = training.optimizer

    def step(self, *args: Any) -> Tensor:
        """Take a step; returns the loss before it, a tensor without dims.

        Raises:
            ValueError: the loss is not finite; the parameters stay as they are.
        """
        loss, _ = self._training.look(args)
        self._training.take(loss)
        return torch.tensor(loss)

    @property
    def reason(self) -> str:
        """Why steps are run as written; empty where they are compiled."""
        return self._gradients.reason

    @property
    def seconds(self) -> float:
        """What tracing and compiling took."""
        return self._gradients.seconds

    @property
    def departures(self) -> int:
        """Number of steps that had to be run as written."""
        return self._gradients.departures


def compiled(
    model: Any,
    guide: Any,
    loss: ELBO,
    *args: Any,
    optimizer: MakeOptimizer = adam,
    clip_norm: float | None = None,
    backend: Backend = inductor,
) -> CompiledSteps:
    r"""Steps of a model, a guide and a free energy, traced once and compiled.

    .. math:: \theta_{t+1} = \theta_t - \eta \, step(\nabla_\theta \hat F(\theta_t))

    The programs run once under a tracer, which writes down the operations on tensors of the loss
    and its gradients; inductor makes C++ code of them. Steps have the random numbers of
    ``pyro.infer.SVI``, and its parameters up to rounding. What the programs decide by values of
    tensors is checked at each step: one that would go another way, has other shapes, or whose loss
    is no number is run as written, with a :class:`FallbackWarning` at the first time. State that a
    program keeps in Python itself, such as a counter of its calls, is not seen.

    Args:
        model, guide: any pair of Pyro programs; parameters that they lack are made.
        loss: any of Pyro's ELBOs.
        *args: an example of the arguments of model and guide.
        optimizer: makes a torch optimizer for parameters; Adam with a learning rate of 0.01.
        clip_norm: at most the norm of the gradient.
        backend: a compiler of graphs.

    Returns:
        An object with ``step(*args)``.

    Raises:
        TypeError: for a loss or an optimizer that is none.
        ValueError: for programs without parameters, or an example whose loss is not finite.

    Reference: Ansel et al. (2024), "PyTorch 2: faster machine learning through dynamic Python
    bytecode transformation and graph compilation", ASPLOS.

    Example:
        >>> import pyro, pyro.distributions as dist
        >>> from pyro.infer import Trace_ELBO
        >>> from pyro.infer.autoguide import AutoNormal
        >>> def model(x):
        ...     mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
        ...     with pyro.plate("rows", len(x)):
        ...         pyro.sample("x", dist.Normal(mean, 1.0), obs=x)
        >>> pyro.set_rng_seed(0)
        >>> x, uncompiled = torch.tensor([1.0, 2.0, 3.0]), lambda graph, inputs: graph
        >>> svi = compiled(model, AutoNormal(model), Trace_ELBO(), x, backend=uncompiled)
        >>> losses = [svi.step(x).item() for _ in range(300)]
        >>> svi.reason, sum(losses[-50:]) < sum(losses[:50]) - 150
        ('', True)
    """
    example = arguments(args)
    program = Program(model, guide, loss, Whole(example))
    training = Training(program, optimizer, clip_norm=clip_norm)
    with program.local():
        with program.unchanged():
            training.begin(example)
        return CompiledSteps(training, Compiled(training.eager, example, backend))
