"""Learning by several processes: each has some rows of every batch, all take the same step."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import UninitializedParameter

from .._checks import complain, instance, strings
from .batches import Arguments, Batches, Minibatches, Scaled, Whole, taken
from .locality import local_parameters
from .noise import SharedNoise
from .ranks import Ranks

FIRST = "Call the energy once with a batch, energy(*batch), in every process, before wrapping it."


def parallel(
    energy: nn.Module, rows: str | Iterable[str] = (), **options: Any
) -> DistributedDataParallel:
    r"""A free energy whose gradients are the means over all processes.

    .. math:: \nabla F(batch) = \frac{1}{R} \sum_{r=1}^{R} \nabla F_r(rows_r)

    where :math:`F_r` scales its rows up to all data, as plates do that know how many there are.
    Losses and steps are those of one process with the whole batch, but for rounding:

    - of the noise within the plates over rows, each process takes the part of its own rows
      (:class:`~.noise.SharedNoise`); sites outside of them are drawn alike;
    - parameters, buffers and the state of torch's generator are taken over from rank 0.

    Rows are dealt out as ``torch.utils.data.DistributedSampler`` does: row n of the batch belongs
    to rank n modulo R. A plate that subsamples by itself does so for its process, with
    ``subsample_size`` B / R.

    Args:
        energy: ``VariationalFreeEnergy()(model, guide)``, or another of Pyro's ELBOs so.
        rows: names of the plates over rows.
        options: of ``torch.nn.parallel.DistributedDataParallel``.

    Returns:
        A module that is called as the energy is; ``mean(loss)`` is the loss of the whole batch.

    Raises:
        RuntimeError: there is no process group, or a parameter is not there yet, as guides make
            them when they are first called; or it is made in a later call.
        TypeError: ``energy`` is no module of a model and a guide.

    Reference: Li et al. (2020), "PyTorch distributed: experiences on accelerating data parallel
    training", PVLDB 13.
    """
    ranks = ProcessGroup(rows)
    if not isinstance(energy, nn.Module) or not hasattr(energy, "guide"):
        expected = "a free energy of two programs, VariationalFreeEnergy()(model, guide)"
        raise TypeError(complain("energy", expected, repr(energy)))
    parameters = list(energy.parameters())
    if not parameters or any(isinstance(p, UninitializedParameter) for p in parameters):
        raise RuntimeError(
            complain("energy", "parameters that are there", "none, or some without shape", FIRST)
        )
    ranks.begin()
    return DistributedDataParallel(_Share(energy, ranks), **options)


class _Share(nn.Module):
    """A free energy of the rows of a process."""

    def __init__(self, energy: nn.Module, ranks: ProcessGroup) -> None:
        super().__init__()
        self.energy, self._ranks = energy, ranks
        self._known = {id(parameter) for parameter in energy.parameters()}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The energy, with the noise of these rows."""
        with local_parameters(self.energy.model, self.energy.guide), self._ranks.noise():
            loss = self.energy(*args, **kwargs)
        new = [name for name, p in self.energy.named_parameters() if id(p) not in self._known]
        if new:
            got = f"{new}, which were made in this call"
            raise RuntimeError(complain("energy", "parameters that were there before", got, FIRST))
        return loss


def mean(loss: Tensor) -> Tensor:
    r"""The mean of a number over all processes: of their losses, that of the whole batch.

    .. math:: \bar F = \frac{1}{R} \sum_{r=1}^{R} F_r

    Args:
        loss: a tensor of any shape, the same one in every process; nats, for a free energy.

    Raises:
        TypeError: ``loss`` is no tensor.
        RuntimeError: there is no process group.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     place = f"file://{folder}/meeting"
        ...     distributed.init_process_group("gloo", init_method=place, rank=0, world_size=1)
        ...     mean(torch.tensor(2.0))  # of a single process
        ...     distributed.destroy_process_group()
        tensor(2.)
    """
    instance("loss", loss, Tensor, "a tensor")
    require_group("loss")
    shared = loss.detach().clone()
    distributed.all_reduce(shared)
    return shared / distributed.get_world_size()


def require_group(argument: str) -> None:
    """Raise ``RuntimeError`` where there is no process group."""
    if not (distributed.is_available() and distributed.is_initialized()):
        way_out = "torch.distributed.init_process_group('gloo', ..) makes one."
        raise RuntimeError(complain(argument, "a process group", "none", way_out))


class ProcessGroup(Ranks):
    """The processes of ``torch.distributed`` learn together: ``learning.fit(.., ranks=..)``.

    Every process calls ``fit`` with the same arguments, and with all of the data (or a view of
    them, as from ``numpy.memmap``); of each batch it looks at its own rows only. Losses, records
    and parameters are the same in all, and those of a single process. Rank 0 alone shows progress
    and writes checkpoints, which all have to see to resume.

    Args:
        rows: names of the plates over rows, where the model subsamples in them by itself; with
            ``batch_size`` they are found.

    Raises:
        RuntimeError: there is no process group.
        TypeError: ``rows`` are no names.
    """

    def __init__(self, rows: str | Iterable[str] = ()) -> None:
        require_group("ranks")
        if not isinstance(rows, str):
            strings("rows", rows)
        self.rows = frozenset([rows] if isinstance(rows, str) else rows)
        self.rank, self.count = distributed.get_rank(), distributed.get_world_size()

    def noise(self, plates: Iterable[str] = ()) -> SharedNoise:
        """The noise of the rows of this process."""
        return SharedNoise(self.rows | frozenset(plates), self.rank, self.count)

    def begin(self) -> None:
        """Random generators of all are from now on those of rank 0."""
        state = torch.get_rng_state()
        distributed.broadcast(state, 0)
        torch.set_rng_state(state)

    def batches(self, whole: Batches, model: Any) -> Batches:
        """The rows of this process."""
        return _Dealt(whole, self, model)

    def require_same(self, leaves: Iterable[Tensor]) -> None:
        """Raise ``ValueError`` where parameters differ between processes."""
        own = _flat([leaf.detach() for leaf in leaves])
        largest = own.clone()
        distributed.all_reduce(largest, distributed.ReduceOp.MAX)
        if self.any(not torch.equal(own, largest)):
            raise ValueError(
                complain(
                    "model, guide",
                    "the same parameters in every process",
                    "others",
                    "Seed before you make them, and make none from the rows of a process.",
                )
            )

    def share(self, loss: Any, leaves: Iterable[Tensor]) -> float:
        """The mean of the loss; gradients of the leaves become their means."""
        given = list(leaves)
        there = [torch.tensor(float(leaf.grad is not None)) for leaf in given]
        grads = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in given]
        number = torch.tensor(float(loss), dtype=torch.float64)
        flat = _flat([number, *there, *grads])
        distributed.all_reduce(flat)
        flat = flat / self.count
        for leaf, found, part in zip(
            given, flat[1:], flat[1 + len(given) :].split([g.numel() for g in grads]), strict=False
        ):
            if found > 0:
                leaf.grad = part.view_as(leaf).to(leaf.dtype)
        return float(flat[0])

    def any(self, flag: bool) -> bool:
        """Whether it holds for some process."""
        found = torch.tensor(int(flag))
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return bool(found)

    def wait(self) -> None:
        """Until all are here."""
        distributed.barrier()


def _flat(tensors: list[Tensor]) -> Tensor:
    nothing = torch.zeros(0, dtype=torch.float64)
    return torch.cat([nothing, *(tensor.reshape(-1).to(torch.float64) for tensor in tensors)])


class _Dealt(Batches):
    """Of every batch the rows of a process."""

    def __init__(self, whole: Batches, ranks: ProcessGroup, model: Any) -> None:
        self._whole, self._ranks, self.per_epoch = whole, ranks, whole.per_epoch
        self._scale: Scaled | None = None
        if isinstance(whole, Minibatches):
            self._scale = _scaled(whole, ranks, model)
        elif not (isinstance(whole, Whole) and ranks.rows):
            way_out = "Or name plates that subsample: ProcessGroup(rows='rows')."
            raise ValueError(complain("batch_size", "rows for all processes", "none", way_out))

    def at(self, step: int) -> Arguments:
        """The rows of a step."""
        given = self._whole.at(step)
        if self._scale is None:
            return given
        mine = slice(self._ranks.rank, None, self._ranks.count)
        return taken(given, mine)

    @contextmanager
    def _scaling(self) -> Any:
        plates = () if self._scale is None else self._scale.plates
        with ExitStack() as stack:
            stack.enter_context(self._ranks.noise(plates))
            if self._scale is not None:
                stack.enter_context(self._scale)
            yield

    def scaled(self) -> AbstractContextManager[None]:
        """Weights the sites of each row; draws their noise."""
        return self._scaling()

    def state(self) -> dict[str, int]:
        """That of the whole."""
        return self._whole.state()

    def resume(self, state: Any) -> None:
        """Go on with the rows of a state."""
        self._whole.resume(state)


def _scaled(whole: Minibatches, ranks: ProcessGroup, model: Any) -> Scaled:
    own, rest = divmod(whole.batch_size, ranks.count)
    if rest:
        expected = f"a multiple of the number of processes, {ranks.count}"
        raise ValueError(complain("batch_size", expected, whole.batch_size))
    return Scaled(whole.plates(model, own), whole.rows / own)
