"""Two rooms with a door between them."""

from typing import Any

from .grid_world import GridWorld, read_map

MAP = """
SSSS#....
SSSS....G
SSSS#....
"""


def two_rooms(**arguments: Any) -> GridWorld:
    """Walk from anywhere in the western room through the door to a goal in the eastern one.

    A :class:`GridWorld` of three by nine cells, the world ``pyro_activeinf/TwoRooms-v0``. The
    longest way to the goal takes nine moves; of each, one of ten fails.

    Args:
        arguments: those of :class:`GridWorld` that the map leaves open; ``noise`` is 0.1 else.

    Example:
        >>> env = two_rooms(render_mode="ansi")
        >>> _ = env.reset(seed=0, options={"start": (2, 0)})
        >>> print(env.render())
        SSSS#....
        SSSS....G
        @SSS#....
    """
    return GridWorld(**read_map(MAP), **{"noise": 0.1, **arguments})
