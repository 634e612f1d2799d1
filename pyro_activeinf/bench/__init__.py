"""Side-by-side measurements: this library and a peer, each in a process of its own."""

from .command import add_command, execute
from .run import run

__all__ = ["add_command", "execute", "run"]
