"""Makes the worlds known to ``gymnasium.make``."""

import gymnasium as gym

ENTRY_POINTS = {
    "pyro_activeinf/TMaze-v0": "pyro_activeinf.envs.tmaze:TMaze",
}


def register() -> None:
    """Register the worlds of this package with Gymnasium; an id that is taken stays as it is.

    No time limit is registered: each world ends its own trials.

    Example:
        >>> register()
        >>> gym.make("pyro_activeinf/TMaze-v0", moves=3).unwrapped.moves
        3
    """
    for name, entry_point in ENTRY_POINTS.items():
        if name not in gym.registry:
            gym.register(id=name, entry_point=entry_point)
