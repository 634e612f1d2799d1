r"""Worlds to act in, as Gymnasium environments; a world knows nothing of the agents in it.

.. code-block:: python

    env = gymnasium.make("pyro_activeinf/TMaze-v0")
    env = gymnasium.make("pyro_activeinf/GridWorld-v0", **read_map("S.#\n..G"), noise=0.1)
"""

from .grid_world import GridWorld, read_map
from .held import Held
from .reading import Reading
from .reading_line import ReadingLine
from .registration import register
from .reversal_learning import ReversalLearning
from .rock_sample import RockSample
from .tiger import Tiger
from .tmaze import TMaze
from .two_rooms import two_rooms

__all__ = [
    "GridWorld",
    "Held",
    "Reading",
    "ReadingLine",
    "ReversalLearning",
    "RockSample",
    "TMaze",
    "Tiger",
    "read_map",
    "register",
    "two_rooms",
]
