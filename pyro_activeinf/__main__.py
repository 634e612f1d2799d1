"""The command line of the library."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from . import bench, demo
from ._checks import complain

TRIALS = 200  # of the discrete demonstration
INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; wrong arguments exit with 2 and a sentence."""
    parser = argparse.ArgumentParser("python -m pyro_activeinf", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    _add_demo(commands)
    _add_bench(commands)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # tensors are small: several threads only get in each other's way
    try:
        options.run(options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    return 0


def _add_demo(commands: Any) -> None:
    text = (
        "Two agents in the T-maze and one on FrozenLake, or one that learns a continuous world: "
        "figures, a trajectory and a table."
    )
    parser = commands.add_parser("demo", help=text, description=text)
    parser.add_argument(
        "worlds",
        nargs="?",
        choices=("discrete", "continuous"),
        default="discrete",
        help="continuous: the mountain car, its dynamics learned from nothing (default: discrete)",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), metavar="DIR", help="folder (default: demo)"
    )
    parser.add_argument(
        "--trials",
        type=_integer(1, 10**6),
        metavar="N",
        help="trials of each agent in the T-maze, and episodes on FrozenLake (default: 200); "
        "actions on the mountain car (default: 300)",
    )
    parser.add_argument(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        metavar="S",
        help="of all random numbers (default: 0)",
    )
    parser.set_defaults(run=lambda options: _demo(parser, options))


def _demo(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    show = {"discrete": _discrete, "continuous": _continuous}[options.worlds]
    try:
        print(show(options))
    except OSError as error:
        got = f"{options.output} ({error.strerror or error})"
        parser.error(complain("--output", "a folder to write to", got, "Choose another one."))


def _discrete(options: argparse.Namespace) -> str:
    results = demo.run(options.output, options.trials or TRIALS, options.seed)
    return f"{results.table()}\nFigures, trajectory.nc and results.json are in {options.output}."


def _continuous(options: argparse.Namespace) -> str:
    found = demo.continuous.run(options.output, options.trials, options.seed)
    files = ", ".join(demo.continuous.FILES)
    return f"{demo.continuous.table(found)}\n{files} are in {options.output}."


def _add_bench(commands: Any) -> None:
    parser = bench.add_command(commands)
    parser.set_defaults(run=lambda options: print(bench.execute(parser, options)))


def _integer(least: int, most: int) -> Callable[[str], int]:
    """A parser of the integers in a range."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            message = f"expected an integer from {least} to {most}, got {text!r}."
            raise argparse.ArgumentTypeError(message)
        return int(text)

    return parse


if __name__ == "__main__":
    sys.exit(main())
