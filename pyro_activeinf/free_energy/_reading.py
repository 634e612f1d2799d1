"""One evaluation of a model and its guide, watched site by site."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample

from .._checks import complain
from ..records import stem_of
from ._weights import Scale

Message = Any  # Pyro's dict: what a sample statement says to its handlers


@dataclass(frozen=True)
class Site:
    """A sample statement of the model or of the guide, as a term of F.

    Some of Pyro's auto-guides draw ``z_unconstrained`` (or ``z_aux``), and z is a function of it:
    log q of both is one term.
    """

    message: Message
    in_guide: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.message["name"])

    @property
    def term(self) -> str:
        """Name of the term of F that it is counted in: its own, or that of the site it serves."""
        if not (self.in_guide and self.is_auxiliary):
            return self.name
        return self.name.removesuffix("_unconstrained").removesuffix("_aux")

    @property
    def is_latent(self) -> bool:
        """Whether it belongs to the complexity; otherwise to the accuracy.

        The first are what is drawn, and factors of the guide.
        """
        return not self.message["is_observed"] or (self.in_guide and self.is_auxiliary)

    @property
    def is_auxiliary(self) -> bool:
        """Whether only the guide needs to know this site."""
        return bool(self.message["infer"].get("is_auxiliary"))

    @property
    def is_enumerated(self) -> bool:
        """Whether the values of this site may be summed out."""
        return self.message["infer"].get("enumerate") == "parallel"


Scaling = Callable[[Site], Scale | None]  # the factor of a site's log-probability; None is 1


@dataclass
class Reading:
    """Scale each log-probability on its way into Pyro's own ELBO, and note the names met."""

    scaling: Scaling
    settled: Callable[[Site], None] = lambda site: None  # told of a site when it has its value
    within: Callable[[], AbstractContextManager[object]] = nullcontext  # around each program
    named: Mapping[str, Iterable[str]] = field(default_factory=dict)  # argument: sites it names
    guide_sites: set[str] = field(default_factory=set)  # that are no auxiliary ones
    latent_sites: set[str] = field(default_factory=set)  # of the model
    summed_sites: set[str] = field(default_factory=set)  # of the model, enumerated in it
    observed_sites: set[str] = field(default_factory=set)

    def of(self, model: Callable[..., Any], guide: Callable[..., Any]) -> tuple[Any, Any]:
        """The same programs, watched.

        The program is the second argument of a partial, where ``poutine.unwrap`` looks for it.
        """
        return partial(_run_model, self, model), partial(_run_guide, self, guide)

    @contextmanager
    def watching(self, in_guide: bool) -> Iterator[None]:
        """Look at each sample statement."""
        with self.within(), _Watch(self._meet, self.settled, in_guide):
            yield

    def check(self) -> None:
        """Raise ``ValueError`` unless guide and model draw the same sites, all that are named."""
        self._check_names()
        if extra := self.guide_sites - self.latent_sites:
            raise ValueError(
                complain(
                    "guide",
                    f"samples of sites that the model draws ({sorted(self.latent_sites)})",
                    f"also {sorted(extra)}{self._seen(extra)}",
                    "Name the sites as the model does, or mark those of the guide alone with "
                    'infer={"is_auxiliary": True}.',
                )
            )
        if missing := self.latent_sites - self.guide_sites - self.summed_sites:
            raise ValueError(
                complain(
                    "guide",
                    "a sample for each site that the model draws",
                    f"none for {sorted(missing)}",
                    "Sample them in the guide, or sum discrete ones out: "
                    'infer={"enumerate": "parallel"} in the model and TraceEnum_ELBO.',
                )
            )

    def _check_names(self) -> None:
        met = self.latent_sites | self.guide_sites | self.observed_sites
        known = met | {stem_of(site) for site in met}
        for argument, names in self.named.items():
            if unknown := sorted(set(names) - known):
                raise ValueError(complain(argument, f"sites among {sorted(met)}", unknown))

    def _seen(self, names: set[str]) -> str:
        seen = names & self.observed_sites
        return f", though the model observes {sorted(seen)}" if seen else ""

    def _meet(self, site: Site) -> None:
        self._note(site)
        if (scale := self.scaling(site)) is not None:
            site.message["scale"] = site.message["scale"] * scale

    def _note(self, site: Site) -> None:
        if not site.is_latent:
            self.observed_sites.add(site.name)
        elif not site.in_guide:
            self.latent_sites.add(site.name)
        elif not site.is_auxiliary:
            self.guide_sites.add(site.name)
        if site.is_enumerated and not site.in_guide:
            self.summed_sites.add(site.name)


class _Watch(Messenger):
    """Tell of each sample statement before and after it is run."""

    def __init__(
        self, before: Callable[[Site], None], after: Callable[[Site], None], in_guide: bool
    ) -> None:
        super().__init__()
        self.before, self.after, self.in_guide = before, after, in_guide

    def _pyro_sample(self, msg: Message) -> None:
        if not site_is_subsample(msg):
            self.before(Site(msg, self.in_guide))

    def _pyro_post_sample(self, msg: Message) -> None:
        if not site_is_subsample(msg):
            self.after(Site(msg, self.in_guide))


def _run_model(reading: Reading, model: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with reading.watching(in_guide=False):
        result = model(*args, **kwargs)
    reading.check()
    return result


def _run_guide(reading: Reading, guide: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with reading.watching(in_guide=True):
        return guide(*args, **kwargs)
