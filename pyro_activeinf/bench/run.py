"""Do experiments, and write what came of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tqdm.auto import tqdm

from ..demo.files import writable_folder, write
from . import side
from .experiment import Effort, Experiment, Lab, Start
from .figure import scaling_figure
from .results import Curve, Results, Row
from .side import SideError

Finding = TypeVar("Finding")


def run(
    rows: Sequence[Experiment[Row]],
    curves: Sequence[Experiment[Curve]],
    output: Path,
    peer: Start | None = None,
    effort: Effort | None = None,
    progress: bool = True,
    ours: Start = side.ours,
) -> Results:
    """Measure, and write ``bench.json`` and, of curves, ``scaling.png`` and ``scaling.pdf``.

    Args:
        rows: the measurements of the table; see :func:`~pyro_activeinf.bench.registry.rows`.
        curves: the measurements of the figure.
        output: folder; made where there is none.
        peer: how to start the peer, for example
            ``partial(pyro_activeinf.bench.side.pymdp, Path("an interpreter that has it"))``.
        effort: how long to measure.
        progress: show a progress bar.
        ours: how to start our own side.

    Returns:
        What was measured; an experiment that a side could not do is among the failures.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    failures: dict[str, str] = {}
    with (
        Lab(ours, peer, effort or Effort()) as lab,
        tqdm(total=len(rows) + len(curves), disable=not progress, unit="experiment") as bar,
    ):
        found = [_done(experiment, lab, bar, failures) for experiment in rows]
        grown = [_done(experiment, lab, bar, failures) for experiment in curves]
        facts, absence = _facts(lab), lab.absence
    results = Results(
        facts, tuple(filter(None, found)), tuple(filter(None, grown)), failures, absence
    )
    _save(results, output)
    return results


def _done(
    experiment: Experiment[Finding], lab: Lab, bar: Any, failures: dict[str, str]
) -> Finding | None:
    bar.set_description(experiment.name)
    try:
        return experiment.run(lab)
    except SideError as error:
        failures[experiment.name] = str(error)
        return None
    finally:
        bar.update()


def _facts(lab: Lab) -> Mapping[str, Any]:
    return {"cores": os.cpu_count(), "threads": 1, "dtype": "float32", **lab.facts}


def _save(results: Results, output: Path) -> None:
    write(output / "bench.json", lambda path: path.write_text(results.to_json()))
    if results.curves:
        peer = (results.facts["peer"] or {"name": "peer"})["name"]
        figure = scaling_figure(results.curves, ("pyro_activeinf", peer))
        for ending in ("png", "pdf"):
            # without its date, so that equal figures are equal files
            metadata = {"CreationDate": None} if ending == "pdf" else None
            save = partial(figure.savefig, dpi=200, metadata=metadata)
            write(output / f"scaling.{ending}", save)
