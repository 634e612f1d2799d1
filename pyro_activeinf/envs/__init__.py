"""Worlds to act in, as Gymnasium environments; a world knows nothing of the agents in it.

.. code-block:: python

    env = gymnasium.make("pyro_activeinf/TMaze-v0")
"""

from .registration import register
from .tmaze import TMaze

__all__ = ["TMaze", "register"]
