"""Records as ArviZ data: groups with named dims and coordinates, to keep in netCDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._checks import positive_int
from ..store.groups import groups, held

if TYPE_CHECKING:
    from arviz import InferenceData
    from xarray import DataTree


def to_arviz(source: object, draws: int = 100) -> InferenceData | DataTree:
    r"""Turn a record into ArviZ data: ``InferenceData`` with ArviZ 0.x, ``DataTree`` with 1.x.

    A :class:`~pyro_activeinf.Trajectory` gives these groups. Their ``time`` dim has the coordinates
    ``episode`` and ``step``; batch dims come before it as ``batch_0``, ``batch_1``, ..; energies
    are in nats. What is missing stays -1 (integers) or NaN.

    - ``posterior``: draws of each state site, as positions in its support, with dims ``chain``,
      ``draw``, .., ``time``. They are drawn from the beliefs of each step and site by itself,

      .. math:: s_t^{(n)} \sim q(s_t), \quad n = 1, .., N,

      with torch's generator, so that ``pyro.set_rng_seed`` fixes them. Being independent, they
      have statistics but no convergence: ``arviz.summary(data, kind="stats")``;
    - ``observed_data``: each observation site, ``actions`` and ``rewards``;
    - ``beliefs``: the probabilities of each state site over ``<site>_value``; of a real one the
      mean under its name and the standard deviation as ``<site>_spread``, over ``<site>_dim_0``,
      .. (draws are then Gaussian with these moments);
    - ``free_energy``: ``free_energy``, ``complexity``, ``accuracy``, ``accuracy_per_site``, and of
      a hierarchy ``free_energy_per_level``;
    - ``expected_free_energy``: of the plan, under q(pi): ``pragmatic``, ``epistemic``,
      ``novelty``, ``risk``, ``ambiguity``, ``total``, and each as ``<term>_per_site``;
    - ``policies``: ``action_probs`` over ``action`` (``action_0``, .. for several controls); where
      policies were kept also ``policy_probs``, ``expected_free_energy`` and ``policy_actions``
      over ``policy``, whose coordinate reads ``3-1``: action 3, then action 1 (``3,0-1,2`` for
      several controls). Of real-valued actions ``policy`` counts the candidates of each step, and
      ``policy_actions`` has the dims of time, ``policy``, ``horizon`` and of an action.

    A :class:`~pyro_activeinf.learning.TrainingRun` has groups of its own:

    - ``training``: ``free_energy`` (the loss), ``gradient_norm`` and ``seconds`` over ``step``;
    - ``free_energy``: ``complexity`` and ``accuracy`` over those steps at which they were read off.

    A :class:`~pyro_activeinf.behavior.BehaviorFit` has the groups of :mod:`.fits`, a run of Pyro's
    MCMC and a model with its guide (:class:`Guided`) those of :mod:`.programs`, an agent those of
    :mod:`.agents`, a simulation those of :mod:`.simulations`.

    A slash in the name of a site becomes a dot, as netCDF keeps slashes for groups.

    Args:
        source: a :class:`~pyro_activeinf.Trajectory`, a
            :class:`~pyro_activeinf.learning.TrainingRun`, a
            :class:`~pyro_activeinf.behavior.BehaviorFit`, a :class:`pyro.infer.MCMC` that has run,
            a :class:`Guided`, an :class:`~pyro_activeinf.Agent` that has perceived, or a
            :class:`~pyro_activeinf.behavior.Simulation`.
        draws: number of draws N from beliefs, guides and priors.

    Returns:
        Data that ArviZ's functions take; ``.to_netcdf(path)`` saves it and ``arviz.from_netcdf``
        reads it back.

    Raises:
        TypeError: where ``source`` is nothing that can be exported.
        ValueError: where ``draws`` is no positive integer, or a site has a name that the record
            itself uses.

    Reference: Kumar, Carroll, Hartikainen and Martin (2019), "ArviZ a unified library for
    exploratory analysis of Bayesian models in Python", Journal of Open Source Software 4.

    Example:
        >>> import gymnasium as gym, pyro
        >>> from pyro_activeinf import Agent, rollout
        >>> from pyro_activeinf.models import TMaze
        >>> from pyro_activeinf.planning import OpenLoop
        >>> pyro.set_rng_seed(0)
        >>> agent = Agent(TMaze(), planner=OpenLoop(2))
        >>> run = rollout(agent, gym.make("pyro_activeinf/TMaze-v0"), episodes=2, progress=False)
        >>> data = to_arviz(run)
        >>> dict(data["beliefs"].sizes)
        {'time': 6, 'context_value': 2, 'location_value': 4}
        >>> data["policies"]["policy_probs"].sel(policy="3-1").dims
        ('time',)
    """
    return held(groups(source, positive_int("draws", draws)))
