"""Makes the worlds known to ``gymnasium.make``."""

import gymnasium as gym

ENTRY_POINTS = {
    "pyro_activeinf/GridWorld-v0": "pyro_activeinf.envs.grid_world:GridWorld",
    "pyro_activeinf/Reading-v0": "pyro_activeinf.envs.reading:Reading",
    "pyro_activeinf/ReadingLine-v0": "pyro_activeinf.envs.reading_line:ReadingLine",
    "pyro_activeinf/ReversalLearning-v0": "pyro_activeinf.envs.reversal_learning:ReversalLearning",
    "pyro_activeinf/RockSample-v0": "pyro_activeinf.envs.rock_sample:RockSample",
    "pyro_activeinf/TMaze-v0": "pyro_activeinf.envs.tmaze:TMaze",
    "pyro_activeinf/Tiger-v0": "pyro_activeinf.envs.tiger:Tiger",
    "pyro_activeinf/TwoRooms-v0": "pyro_activeinf.envs.two_rooms:two_rooms",
}


def register() -> None:
    """Register the worlds of this package with Gymnasium; an id that is taken stays as it is.

    No time limit is registered: a world ends its own episodes, or goes on for ever (Tiger).

    Example:
        >>> register()
        >>> gym.make("pyro_activeinf/TMaze-v0", moves=3).unwrapped.moves
        3
    """
    for name, entry_point in ENTRY_POINTS.items():
        if name not in gym.registry:
            gym.register(id=name, entry_point=entry_point)
