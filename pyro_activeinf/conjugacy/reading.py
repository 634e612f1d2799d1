"""A Pyro program, run with given values: what each site makes of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.distributions import Independent
from pyro.infer.inspect import TrackProvenance, is_sample_site
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from .._checks import complain
from ..compile.enumerate import HANDLERS
from .looks import Looks
from .mapping import UNMAPPED, mapped
from .origins import origins

CHUNK = 2**22  # numbers of a site that are computed at once


class Given(Messenger):
    """Gives sites their values, plates those rows that they had."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.values = values

    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self.values and not msg["is_observed"]:
            msg["value"] = self.values[msg["name"]]


@dataclass(frozen=True)
class Site:
    """A sample site of the program, as it was when it was run once."""

    name: str
    fn: Any
    value: Tensor
    observed: bool
    parents: tuple[str, ...]  # latent sites that it depends on, without itself
    plates: Mapping[str, int]  # name -> dim, counted from the right of the batch dims
    frames: tuple[Any, ...]  # the plates themselves
    epsilon: float  # relative precision of its log-densities
    parametric: bool  # whether gradients reach parameters from its log-density
    scale: float  # rows for each of those that a plate has, where it is subsampled
    members: tuple[str, ...] = ()  # the sites that this one stands for, along a first dim

    @property
    def batch_dims(self) -> int:
        """Number of batch dims, with that of the members."""
        return len(self.fn.batch_shape) + bool(self.members)


class Reading:
    """The sites of a program, and log-densities of each, element by element.

    Args:
        model: a Pyro program, conditioned on what is observed.
        args: that it is called with.

    Raises:
        ValueError: where nothing is latent.
    """

    def __init__(self, model: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._model, self._args = model, args
        self._seed = int(torch.randint(2**31, ()))
        trace = _drawn(model, args)
        self._rows = {
            name: node["value"]
            for name, node in trace.nodes.items()
            if node["type"] == "sample" and site_is_subsample(node)
        }
        drawn = {
            name: node["value"]
            for name, node in trace.nodes.items()
            if is_sample_site(node) and not node["is_observed"]
        }
        parents = _parents(Rows(model, {**self._rows, **drawn}), args)
        self.sites = {
            name: _site(trace.nodes[name], parents[name]) for name in trace.nodes if name in parents
        }
        latent = {name: site.value for name, site in self.sites.items() if not site.observed}
        self._rest = {**self._rows, **latent}
        if all(site.observed for site in self.sites.values()):
            expected = "a program with latent sites"
            raise ValueError(complain("model", expected, f"observed ones: {list(self.sites)}"))

    @property
    def subsampled(self) -> bool:
        """Whether some plate has a part of its rows."""
        return any(_left_out(frame) != 1 for s in self.sites.values() for frame in s.frames)

    def log_density(self, site: Site, values: Mapping[str, Tensor]) -> Tensor:
        """Log p(site | parents) at given values, ``(*batch, *event dims made of batch dims)``."""
        given = Given({**self._rest, **values})
        with HANDLERS, pyro.validation_enabled(False):
            with poutine.block(), given:
                trace = poutine.trace(self._model).get_trace(*self._args)
            self._require_same_sites(trace)
            if site.members:
                return torch.stack([pointwise(trace.nodes[name]) for name in site.members])
            return pointwise(trace.nodes[site.name])

    def _require_same_sites(self, trace: Any) -> None:
        """Raise ``ValueError`` where it depends on values which sites there are."""
        found = {name for name, node in trace.nodes.items() if is_sample_site(node)}
        if other := sorted(found ^ self.sites.keys()):
            expected = "a program with the same sites, whatever their values are"
            way_out = "Draw all of them in any case, or mask those that do not count."
            raise ValueError(complain("model", expected, f"{other} only sometimes", way_out))

    def table(self, site: Site, grid: Mapping[str, Tensor], rest: Mapping[str, Tensor]) -> Tensor:
        """Log-densities ``(rows, *elements)`` at rows of values of some sites.

        Args:
            grid: site to values ``(rows, *value)``.
            rest: site to a value.
        """

        def one(row: Mapping[str, Tensor]) -> Tensor:
            with self._same_draws():
                return self.log_density(site, {**rest, **row})

        count = len(next(iter(grid.values()))) if grid else 0
        if not count:
            return one({}).unsqueeze(0)
        rows = max(1, CHUNK // max(1, site.value.numel()))  # at once
        return mapped(one, grid, rows=rows)

    @contextmanager
    def _same_draws(self) -> Iterator[None]:
        """What a program draws by itself, outside of its sites, is the same in every run."""
        with HANDLERS, torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            yield


def _drawn(model: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """A trace of the program, with gradients of its parameters only."""
    try:
        with HANDLERS, torch.enable_grad(), pyro.validation_enabled(False), _without_false_alarm():
            return poutine.trace(Detached(model)).get_trace(*args)
    except NotImplementedError as wrong:
        expected = "a program whose latent sites can be drawn"
        way_out = "Take a prior that has samples, or give the site a value with obs=."
        got = str(wrong).partition("Trace Shapes")[0].strip() or "one that has no samples"
        raise ValueError(complain("model", expected, got, way_out)) from wrong


class Detached:
    """A program whose latent values are numbers, whatever they were drawn from."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model

    def __call__(self, *args: Any) -> Any:
        """Run the program."""
        with _Detach():
            return self._model(*args)


class _Detach(Messenger):
    def _pyro_post_sample(self, msg: Any) -> None:
        if isinstance(msg["value"], Tensor) and not msg["is_observed"]:
            msg["value"] = msg["value"].detach()


class Rows:
    """A program whose plates have the rows, and sites the values, that they had before."""

    def __init__(self, model: Callable[..., Any], rows: Mapping[str, Any]) -> None:
        self._model, self._rows = model, rows

    def __call__(self, *args: Any) -> Any:
        """Run the program."""
        with Given(self._rows):
            return self._model(*args)


def pointwise(node: Mapping[str, Any]) -> Tensor:
    """Log-density of a site, element by element, with the scale and the mask of its plates."""
    fn, reinterpreted = node["fn"], 0
    while isinstance(fn, Independent):
        reinterpreted += fn.reinterpreted_batch_ndims
        fn = fn.base_dist
    found = fn.log_prob(node["value"])
    scale, mask = node["scale"], node["mask"]
    if mask is not None:
        found = torch.where(_with_dims(torch.as_tensor(mask), reinterpreted), found, 0.0)
    if isinstance(scale, Tensor) and scale.dim():
        scale = _with_dims(scale, reinterpreted)
    return found * scale


def _with_dims(batched: Tensor, count: int) -> Tensor:
    """With some more dims at the right."""
    return batched.reshape((*batched.shape, *[1] * count))


@contextmanager
def _without_false_alarm() -> Iterator[None]:
    """Torch says of every Wishart sample that is not singular that it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Singular sample detected")
        yield


def _parents(model: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, tuple[str, ...]]:
    """The latent parents of each site, by the provenance that Pyro's inspection tracks.

    What the program looked at in Python before may be parents, too.

    ``pyro.infer.inspect.get_dependencies`` finds the same, in a time that is quadratic.
    """
    quiet = pyro.validation_enabled(False), _without_false_alarm()
    with HANDLERS, torch.no_grad(), torch.random.fork_rng(devices=[]), quiet[0], quiet[1]:
        with TrackProvenance(), Looks() as looks:
            trace = poutine.trace(model).get_trace(*args)
        nodes = {name: node for name, node in trace.nodes.items() if is_sample_site(node)}
        latent = [name for name, node in nodes.items() if not node["is_observed"]]
        place = {name: i for i, name in enumerate(latent)}
        found = {}
        for name, node in nodes.items():
            fn: Any = node["fn"]
            ups = _provenance(fn, node["value"], latent[: place.get(name, len(latent))])
            ups = (ups | looks.before[name]) - {name}
            found[name] = tuple(sorted((up for up in ups if up in place), key=place.__getitem__))
    return found


def _provenance(fn: Any, value: Any, earlier: Sequence[str]) -> frozenset[str]:
    """Where a log-density comes from; from all that is earlier, where that cannot be tracked."""
    try:
        return origins(fn, value)
    except UNMAPPED + (AttributeError,):  # noqa: RUF005
        return frozenset(earlier)


def _site(node: Mapping[str, Any], parents: Sequence[str]) -> Site:
    frames = [frame for frame in node["cond_indep_stack"] if frame.vectorized]
    with HANDLERS, pyro.validation_enabled(False):
        log_density = node["fn"].log_prob(node["value"])
    return Site(
        node["name"],
        node["fn"],
        node["value"],
        bool(node["is_observed"]),
        tuple(parents),
        {frame.name: frame.dim for frame in frames},
        tuple(frames),
        torch.finfo(log_density.dtype).eps,
        log_density.requires_grad,
        math.prod(_left_out(frame) for frame in frames),
    )


def _left_out(frame: Any) -> float:
    return 1.0 if frame.full_size is None else float(frame.full_size) / float(frame.size)
