"""Discrete active inference by brute force: every path of states and every outcome, spelled out.

The truth the library is tested against. Plain numpy, float64, nothing clever: the probability of
each path of joint states fills one array with an axis per time, of which everything else is a sum.
Only for small models: a path array has ``prod(num_states) ** length`` entries.

Joint states and joint outcomes are flattened in C order (the last factor or modality varies
fastest); results over states have one axis per state factor. All quantities are in nats.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Observation = Sequence[int | Array | None]  # per modality: an index, weights over outcomes, None
Action = Sequence[int]  # per state factor
Observations = Sequence[Observation]  # from time 0
Actions = Sequence[Action]  # one less: from time 0 to 1, and so on
Terms = dict[str, float]
TransitionTable = Mapping[int, Mapping[int, Sequence[tuple[float, int, float, bool]]]]

TERMS = ("pragmatic", "epistemic", "risk", "ambiguity", "G")


@dataclass(frozen=True, eq=False)
class Arrays:
    """A discrete POMDP in the arrays of the literature, with one control for each state factor."""

    A: list[Array]  # A[m]: (outcome, *states in A_dependencies[m]), p(o_m | s)
    B: list[Array]  # B[f]: (next, *states in B_dependencies[f], action), p(s'_f | s, u_f)
    C: list[Array]  # C[m]: (outcome,) or (time, outcome), log-preferences taken as given
    D: list[Array]  # D[f]: (state,), p(s_f) at time 0
    A_dependencies: list[list[int]]
    B_dependencies: list[list[int]]

    @property
    def num_states(self) -> tuple[int, ...]:
        return tuple(len(D) for D in self.D)

    @property
    def num_outcomes(self) -> tuple[int, ...]:
        return tuple(len(A) for A in self.A)

    @property
    def num_actions(self) -> tuple[int, ...]:
        return tuple(B.shape[-1] for B in self.B)


def _log(probs: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(probs)


def _expectation(probs: Array, values: Array) -> float:
    """Sum of probs * values, where 0 * (-inf) = 0."""
    possible = probs > 0
    return float(np.sum(probs[possible] * values[possible]))


def _outer(vectors: Sequence[Array]) -> Array:
    return reduce(np.multiply.outer, vectors).ravel()


def _given(table: Array, state: Sequence[int], factors: Sequence[int]) -> Array:
    """p(. | state), where the table's later axes are the named factors."""
    index: tuple[Any, ...] = (slice(None), *(state[f] for f in factors))
    return np.asarray(table[index])


def assert_close(actual: ArrayLike, expected: ArrayLike, atol: float = 1e-12) -> None:
    """Equal but for an absolute error, which is what nats and probabilities call for."""
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0.0, atol=atol)


# Tables over joint states


def joint_states(model: Arrays) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(n) for n in model.num_states)))


def initial_table(model: Arrays) -> Array:
    """p(s_0), shape (joint state,)."""
    return _outer(model.D)


def outcome_table(model: Arrays, modality: int) -> Array:
    """p(o_m | s), shape (joint state, outcome)."""
    A, factors = model.A[modality], model.A_dependencies[modality]
    return np.array([_given(A, s, factors) for s in joint_states(model)])


def transition_table(model: Arrays, action: Action) -> Array:
    """p(s' | s, u), shape (joint state, next joint state)."""
    rows = []
    for s in joint_states(model):
        controlled = zip(model.B, model.B_dependencies, action, strict=True)
        rows.append(_outer([_given(B[..., u], s, factors) for B, factors, u in controlled]))
    return np.array(rows)


def likelihood(model: Arrays, observation: Observation) -> Array:
    """p(o | s) of one step, or of soft evidence: sum_o w[o] p(o | s). Shape (joint state,)."""
    product = np.ones(len(joint_states(model)))
    for modality, (outcome, size) in enumerate(zip(observation, model.num_outcomes, strict=True)):
        if outcome is not None:
            soft = np.ndim(outcome) > 0
            weights = np.asarray(outcome if soft else np.arange(size) == outcome)
            product = product * (outcome_table(model, modality) @ weights)
    return product


# Inference: sums over the array of all paths


def path_probabilities(model: Arrays, observations: Observations, actions: Actions) -> Array:
    """p(s_0, .., s_T, o_0, .., o_T | u), an array with one axis of joint states for each time."""
    paths = initial_table(model) * likelihood(model, observations[0])
    for action, observation in zip(actions, observations[1:], strict=True):
        step = transition_table(model, action) * likelihood(model, observation)
        paths = paths[..., None] * step
    return paths


def log_evidence(model: Arrays, observations: Observations, actions: Actions) -> float:
    """log p(o_0, .., o_T | u); minus infinity if they cannot happen."""
    return float(_log(path_probabilities(model, observations, actions).sum()))


def path_posterior(model: Arrays, observations: Observations, actions: Actions) -> Array:
    """p(s_0, .., s_T | o_0, .., o_T, u), shaped as the path probabilities."""
    paths = path_probabilities(model, observations, actions)
    if not paths.sum() > 0:
        raise ValueError("no posterior: the observations have probability zero under the model")
    return paths / float(paths.sum())


def _marginal(model: Arrays, paths: Array, *times: int) -> Array:
    """Summed over all but the given times, shape (*num_states) for each of them in turn."""
    others = tuple(time for time in range(paths.ndim) if time not in times)
    return np.asarray(paths.sum(others)).reshape(model.num_states * len(times))


def filtered(model: Arrays, observations: Observations, actions: Actions) -> Array:
    """p(s_T | o_0, .., o_T, u), shape (*num_states)."""
    paths = path_posterior(model, observations, actions)
    return _marginal(model, paths, len(actions))


def predicted(model: Arrays, observations: Observations, actions: Actions) -> Array:
    """p(s_T | o_0, .., o_T-1, u), shape (*num_states): the last observation is ignored."""
    unseen = [None] * len(model.A)
    return filtered(model, [*observations[:-1], unseen], actions)


def smoothed(model: Arrays, observations: Observations, actions: Actions) -> list[Array]:
    """p(s_t | o_0, .., o_T, u) for each t, shape (*num_states)."""
    paths = path_posterior(model, observations, actions)
    return [_marginal(model, paths, t) for t in range(len(observations))]


def pairwise(model: Arrays, observations: Observations, actions: Actions) -> list[Array]:
    """p(s_t, s_t+1 | o_0, .., o_T, u) for each t < T, shape (*num_states, *num_states)."""
    paths = path_posterior(model, observations, actions)
    return [_marginal(model, paths, t, t + 1) for t in range(len(actions))]


def complexity(model: Arrays, observations: Observations, actions: Actions) -> float:
    """KL[q(s_T | o_0, .., o_T) || p(s_T | o_0, .., o_T-1)] of the last update."""
    posterior = filtered(model, observations, actions)
    prior = predicted(model, observations, actions)
    return _expectation(posterior, _log(posterior)) - _expectation(posterior, _log(prior))


def accuracy(model: Arrays, observations: Observations, actions: Actions) -> float:
    """E_q[log p(o_T | s_T)] of the last update."""
    posterior = filtered(model, observations, actions)
    return _expectation(posterior.ravel(), _log(likelihood(model, observations[-1])))


# Expected free energy: every term from its own definition


def joint_outcome_table(model: Arrays, modalities: Sequence[int]) -> Array:
    """p(o | s) of the modalities' joint outcome, shape (joint state, joint outcome)."""
    tables = [outcome_table(model, modality) for modality in modalities]
    return np.array([_outer(rows) for rows in zip(*tables, strict=True)])


def log_preference(model: Arrays, modality: int, time: int) -> Array:
    """log p~(o_m) at a time, shape (outcome,)."""
    C = model.C[modality]
    return C if C.ndim == 1 else C[time]


def outcome_terms(
    model: Arrays, belief_joint: Array, modalities: Sequence[int], time: int
) -> Terms:
    """The terms of one step for some modalities seen as one joint outcome.

    ``belief_joint`` is the predicted q(s) of that step, ``time`` the row of C where it has rows.
    """
    q_s = belief_joint.ravel()
    o_given_s = joint_outcome_table(model, modalities)
    joint = q_s[:, None] * o_given_s
    q_o = joint.sum(0)
    s_given_o = np.divide(joint, q_o, out=np.zeros_like(joint), where=q_o > 0)
    independent = q_s[:, None] * q_o
    log_preferences = [log_preference(model, modality, time) for modality in modalities]
    preference = reduce(np.add.outer, log_preferences).ravel()
    prior = np.broadcast_to(q_s[:, None], joint.shape)
    entropies = np.array([-_expectation(row, _log(row)) for row in o_given_s])
    return {
        "pragmatic": _expectation(q_o, preference),
        "epistemic": _expectation(joint, _log(joint)) - _expectation(joint, _log(independent)),
        "risk": _expectation(q_o, _log(q_o)) - _expectation(q_o, preference),
        "ambiguity": _expectation(q_s, entropies),
        "G": _expectation(joint, _log(prior))
        - _expectation(joint, _log(s_given_o))
        - _expectation(joint, np.broadcast_to(preference, joint.shape)),
    }


def _sum_terms(terms: Sequence[Terms]) -> Terms:
    return {name: sum(term[name] for term in terms) for name in TERMS}


def predicted_beliefs(model: Arrays, belief_joint: Array, policy: Actions) -> list[Array]:
    """q(s | pi) after each action of the policy, shape (*num_states)."""
    beliefs = []
    flat = belief_joint.ravel()
    for action in policy:
        flat = flat @ transition_table(model, action)
        beliefs.append(flat.reshape(model.num_states))
    return beliefs


def expected_free_energy(
    model: Arrays,
    belief_joint: Array,
    policy: Actions,
    first_step: int = 1,
    joint_outcomes: bool = True,
) -> dict[str, Any]:
    """Terms of the expected free energy: totals over the policy, and a list of these at "steps".

    ``belief_joint`` is the present q(s), ``policy`` the actions (horizon, factor), ``first_step``
    the time of the first predicted outcome. ``joint_outcomes=False`` adds up the modalities' terms.
    """
    everything = list(range(len(model.A)))
    outcomes = [everything] if joint_outcomes else [[modality] for modality in everything]
    beliefs = predicted_beliefs(model, belief_joint, policy)
    steps = [
        _sum_terms([outcome_terms(model, belief, group, time) for group in outcomes])
        for time, belief in enumerate(beliefs, start=first_step)
    ]
    return {**_sum_terms(steps), "steps": steps}


# Policies, and the best of returns


def brute_policies(num_actions: Sequence[int], horizon: int) -> NDArray[np.int64]:
    """Every policy, shape (policy, horizon, factor); the last action varies fastest."""
    actions = itertools.product(*(range(n) for n in num_actions))
    return np.array(list(itertools.product(actions, repeat=horizon)))


def optimal_return(P: TransitionTable, initial: ArrayLike, horizon: int) -> float:
    """The best expected undiscounted return of an environment seen in full (Bellman, 1957).

    ``P[s][a]`` lists (probability, next state, reward, done), as gymnasium's toy-text worlds do;
    ``initial`` is p(s_0). V_0 = 0; V_h(s) = max_a sum p (r + V_h-1(s') unless done).
    """
    values = dict.fromkeys(P, 0.0)
    for _ in range(horizon):
        values = {s: max(_backup(outcomes, values) for outcomes in P[s].values()) for s in P}
    return float(sum(prob * values[s] for s, prob in enumerate(np.asarray(initial))))


def _backup(
    outcomes: Sequence[tuple[float, int, float, bool]], values: Mapping[int, float]
) -> float:
    return sum(
        prob * (reward + (0.0 if done else values[after])) for prob, after, reward, done in outcomes
    )
