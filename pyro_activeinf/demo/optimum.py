"""The best that any agent can do in a Markov decision process of finite length."""

from __future__ import annotations

from torch import Tensor


def optimal_return(transition: Tensor, reward: Tensor, initial: Tensor, steps: int) -> Tensor:
    r"""Expected sum of rewards under the optimal policy, by backward induction.

    .. math::
        V_T(s) = 0, \qquad V_t(s) = \max_u \left( r(s, u)
        + \sum_{s'} p(s'|s, u) \, V_{t+1}(s') \right), \qquad
        \text{return} = \sum_s p(s_0 = s) \, V_0(s)

    Where the only reward is 1 at a goal that ends the episode, this is the probability of
    reaching the goal within so many steps.

    Args:
        transition: p(s' | s, u), ``(*batch, states, actions, states)``.
        reward: expected reward r(s, u), ``(*batch, states, actions)``.
        initial: p(s_0), ``(*batch, states)``.
        steps: number of actions T in an episode.

    Returns:
        The expected return, ``(*batch)``, in units of reward.

    Reference: Bellman (1957), "Dynamic programming".

    Example:
        >>> import torch
        >>> slip = torch.tensor([[[0.5, 0.5]], [[0.0, 1.0]]])  # half of the moves arrive
        >>> reward = torch.tensor([[0.5], [0.0]])
        >>> optimal_return(slip, reward, torch.tensor([1.0, 0.0]), steps=2).item()
        0.75
    """
    value = reward.new_zeros(reward.shape[:-1])
    for _ in range(steps):
        future = (transition @ value[..., None, :, None]).squeeze(-1)
        value = (reward + future).max(-1).values
    return (initial * value).sum(-1)
