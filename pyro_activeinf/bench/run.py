"""Do experiments, and write what came of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from . import record, side
from .experiment import Effort, Experiment, Lab, Start
from .figure import scaling_figure
from .outcomes import Outcome
from .results import Curve, Results, Row
from .returns_figure import returns_figure
from .side import SideError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Finding = TypeVar("Finding")


@dataclass
class _Found:
    """What has been measured so far, in a run that may end at any time."""

    rows: list[Row] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def results(self, lab: Lab) -> Results:
        facts = {"cores": os.cpu_count(), "threads": 1, "dtype": "float32", **lab.facts}
        rows, outcomes, curves = tuple(self.rows), tuple(self.outcomes), tuple(self.curves)
        missed = not rows or any(row.peer is None for row in rows)
        absence = lab.absence if missed or curves else ""
        return Results(facts, rows, curves, self.failures, absence, outcomes)


def run(  # noqa: PLR0913 (all that is measured, and what with)
    rows: Sequence[Experiment[Row]],
    curves: Sequence[Experiment[Curve]],
    output: Path,
    peer: Start | None = None,
    effort: Effort | None = None,
    progress: bool = True,
    ours: Start = side.ours,
    outcomes: Sequence[Experiment[Outcome]] = (),
    others: Mapping[str, Start] | None = None,
) -> Results:
    """Measure, and write ``bench.json`` and the figures ``scaling.*`` (of curves), ``returns.*``.

    The first is written anew after every experiment, so that a run that is stopped keeps what it
    has measured. Entries of earlier runs stay, unless they are measured again.

    Args:
        rows: the measurements of the table; see :func:`~pyro_activeinf.bench.registry.rows`.
        curves: the measurements of the figure.
        output: folder; made where there is none.
        peer: how to start the peer, for example
            ``partial(pyro_activeinf.bench.side.pymdp, Path("an interpreter that has it"))``.
        effort: how long to measure.
        progress: show a progress bar.
        ours: how to start our own side.
        outcomes: what agents earn in worlds.
        others: how to start further peers, by their names.

    Returns:
        What was measured now; an experiment that a side could not do is among the failures.

    Raises:
        OSError: the folder cannot be made or written to.
        ValueError: it has a ``bench.json`` of something else.
    """
    writable_folder(output)
    earlier, found = record.read(output), _Found()
    with (
        Lab(ours, peer, effort or Effort(), others) as lab,
        tqdm(
            total=len(rows) + len(curves) + len(outcomes), disable=not progress, unit="experiment"
        ) as bar,
    ):

        def measure(experiments: Sequence[Experiment[Finding]], into: list[Finding]) -> None:
            for experiment in experiments:
                into.extend(_done(experiment, lab, bar, found.failures))
                _save(earlier, found.results(lab), output)

        measure(rows, found.rows)
        measure(outcomes, found.outcomes)
        measure(curves, found.curves)
        return found.results(lab)


def _done(
    experiment: Experiment[Finding], lab: Lab, bar: Any, failures: dict[str, str]
) -> list[Finding]:
    """What was found: one thing, or nothing where it failed."""
    bar.set_description(experiment.name)
    try:
        return [experiment.run(lab)]
    except SideError as error:
        failures[experiment.name] = str(error)
        return []
    finally:
        bar.update()


def _save(earlier: Mapping[str, Any], results: Results, output: Path) -> None:
    """Write the record, and the figures that have something new to show."""
    content = record.merged(earlier, results)
    record.save(content, output)
    if results.curves:
        curves = [Curve.from_json(entry) for entry in content["curves"]]
        labels = ("pyro_activeinf", _peer_name(content["curves"]))
        _draw(scaling_figure(curves, labels), output, "scaling")
    played = [entry for entry in content["outcomes"] if len(entry["each"]) > 1]
    if results.outcomes and played:
        _draw(returns_figure(played), output, "returns")


def _peer_name(entries: Sequence[Mapping[str, Any]]) -> str:
    peers = [entry["facts"]["peer"] for entry in entries if entry["facts"]["peer"]]
    return str(peers[0]["name"]) if peers else "peer"


def _draw(figure: Figure, output: Path, stem: str) -> None:
    for ending in ("png", "pdf"):
        # without its date, so that equal figures are equal files
        metadata = {"CreationDate": None} if ending == "pdf" else None
        save = partial(figure.savefig, dpi=200, metadata=metadata)
        write(output / f"{stem}.{ending}", save)
