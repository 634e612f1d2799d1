"""How hard a choice is, by the probabilities of actions."""

from __future__ import annotations

import torch
from torch import Tensor


def entropy(log_probs: Tensor, action: Tensor) -> Tensor:
    r""":math:`H = -\sum_u p(u) \log p(u)`, ``(*batch, trials)``, nats: whatever is chosen.

    Example:
        >>> f"{entropy(torch.full((1, 2), 0.5).log(), torch.tensor([0])).item():.4f}"
        '0.6931'
    """
    return -(log_probs.exp() * log_probs.clamp(min=torch.finfo(log_probs.dtype).min)).sum(-1)


def surprise(log_probs: Tensor, action: Tensor) -> Tensor:
    r""":math:`-\log p(u_t)` of what was chosen, ``(*batch, trials)``, nats.

    Example:
        >>> f"{surprise(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([0])).item():.4f}"
        '1.3863'
    """
    return -log_probs.gather(-1, action.unsqueeze(-1)).squeeze(-1)


def log_odds(log_probs: Tensor, action: Tensor) -> Tensor:
    r""":math:`\log p(u_t) - \log (1 - p(u_t))` of what was chosen, ``(*batch, trials)``, nats.

    Example:
        >>> f"{log_odds(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([0])).item():.4f}"
        '-1.0986'
    """
    chosen = torch.nn.functional.one_hot(action, log_probs.shape[-1]).bool()
    others = log_probs.masked_fill(chosen, -torch.inf).logsumexp(-1)
    return -surprise(log_probs, action) - others
