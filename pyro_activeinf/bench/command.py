"""The command ``python -m pyro_activeinf bench``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from .._checks import complain
from . import record, registry
from .experiment import Effort, Start
from .run import run
from .side import Side, cpomdp, pymdp

TEXT = "Time and memory beside those of a peer (pymdp), as a table, JSON and a figure."
QUICK = Effort(turns=2, seconds=0.0)


def add_command(commands: Any) -> argparse.ArgumentParser:
    """Add the parser of the command to those of a command line; returns it."""
    parser: argparse.ArgumentParser = commands.add_parser("bench", help=TEXT, description=TEXT)
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="only experiments whose name contains this (default: all)",
    )
    parser.add_argument(
        "--repeats",
        type=_positive,
        metavar="N",
        help=f"turns of each side (default: {Effort().turns})",
    )
    parser.add_argument(
        "--peer-python",
        type=Path,
        metavar="PATH",
        help="an interpreter with the peer: pip install inferactively-pymdp jax",
    )
    parser.add_argument(
        "--cpomdp-python",
        type=Path,
        metavar="PATH",
        help="an interpreter with the peer for Gaussian models: pip install cpomdp",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("docs/results"),
        metavar="DIR",
        help="folder (default: docs/results); what its bench.json has stays, unless measured again",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="leave out what is in bench.json already: to go on after a run that was stopped",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, in a folder `quick`: to see that it works"
    )
    return parser


def execute(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Do what the options ask for; returns the text to show. Wrong options end the program."""
    folder = options.output / "quick" if options.quick else options.output
    if not any(registry.matching(options.only)):
        known = "part of one of: " + "; ".join(registry.names())
        parser.error(complain("--only", known, options.only))
    rows, curves, outcomes = registry.matching(options.only, _measured(parser, options, folder))
    peer = _started(parser, "--peer-python", options.peer_python, pymdp)
    other = _started(parser, "--cpomdp-python", options.cpomdp_python, cpomdp)
    others = {} if other is None else {"cpomdp": other}
    effort = QUICK if options.quick else Effort()
    if options.repeats is not None:
        effort = replace(effort, turns=options.repeats)
    if options.quick:
        rows = [experiment.shrunk() for experiment in rows]
        curves = [experiment.shrunk() for experiment in curves]
        outcomes = [experiment.shrunk() for experiment in outcomes]
    try:
        results = run(rows, curves, folder, peer, effort, outcomes=outcomes, others=others)
    except OSError as error:
        got = f"{folder} ({error.strerror or error})"
        parser.error(complain("--output", "a folder to write to", got, "Choose another one."))
    except ValueError as error:
        parser.error(str(error))
    return f"{results.table()}\n{record.NAME} is in {folder}.".lstrip()


def _started(
    parser: argparse.ArgumentParser, option: str, python: Path | None, side: Callable[[Path], Side]
) -> Start | None:
    """How to start a peer in its interpreter; ``None`` where none was named."""
    if python is None:
        return None
    if not python.is_file():
        parser.error(complain(option, "a Python interpreter", f"{python}, not a file"))
    return partial(side, python)


def _measured(
    parser: argparse.ArgumentParser, options: argparse.Namespace, folder: Path
) -> set[str]:
    """What an earlier run has measured, where that is to be left out."""
    if not options.resume:
        return set()
    try:
        return record.names(record.read(folder))
    except ValueError as error:
        parser.error(str(error))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text}.")
    return int(text)
