"""What a session teaches in hindsight, carried along while it lasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from .skeleton import Filled
from .step import Believed, Step, informed_by, usage

Memory = Mapping[str, Tensor]
# "all/name", "kept/name": expected usage of a table in the session so far, given the present
# state, (*batch, states, *parents, size): of all time steps, and of those up to the last one at
# which something was seen; "waiting/name" (*batch, *parents, size): of earlier sessions; "sessions"
# (*batch): how many these are


def blank(counts: Memory, batch: Sequence[int], states: int) -> dict[str, Tensor]:
    """Nothing happened yet, to tables with counts ``(*batch, *parents, size)``."""
    found = {"sessions": torch.zeros(tuple(batch), dtype=torch.long)}
    for name, value in counts.items():
        none, dim = torch.zeros_like(value), len(batch)
        found[f"waiting/{name}"] = none
        for part in ("all", "kept"):
            found[f"{part}/{name}"] = torch.stack([none] * states, dim)
    return found


def remembered(memory: Memory, filled: Filled, step: Step, believed: Believed) -> dict[str, Tensor]:
    r"""One more time step of a person.

    .. math:: r_t(s') = h_t(s') + \sum_s q(s_{t-1} = s | s_t = s', o_{\le t}) \, r_{t-1}(s)

    so that :math:`\sum_s q(s_t = s | o_{\le t}) r_t(s)` is what smoothing gives, without a way
    back.

    Args:
        memory: of the time steps before.
        filled: the tables.
        step: the time step.
        believed: what is believed at it.

    Reference: Cappe (2011), "Online EM algorithm for hidden Markov models", J. Comput. Graph.
    Stat. 20.
    """
    now = believed.log_probs.exp()
    back = believed.pairs / torch.where(now > 0, now, 1.0)
    informed = informed_by(filled, step)

    def given(state: Tensor, before: Tensor) -> dict[str, Tensor]:
        """Usage at this time step if it ends in a state, ``(states,)`` one-hot."""
        sure = Believed(state.log(), before.unsqueeze(-1) * state)
        return usage(filled, step, sure, torch.ones_like(informed))

    here = torch.func.vmap(given, in_dims=(0, 1))(torch.eye(len(now)).to(now), back)
    found = dict(memory)
    for name in [key.removeprefix("all/") for key in memory if key.startswith("all/")]:
        every, kept = (_carried(memory[f"{part}/{name}"], back) for part in ("all", "kept"))
        if name in here:
            every = every + here[name]
        found[f"all/{name}"] = every
        found[f"kept/{name}"] = torch.where(informed, every, kept)
    return found


def _carried(tally: Tensor, back: Tensor) -> Tensor:
    """What was tallied by the state before, by the present state: ``(states, *parents, size)``."""
    return (back.T @ tally.flatten(1)).reshape(tally.shape)


def added_up(memory: Memory, log_probs: Tensor) -> dict[str, Tensor]:
    """The session is over, in states ``(states,)``: what it tells waits to be learned."""
    found, probs = dict(memory), log_probs.exp()
    found["sessions"] = memory["sessions"] + 1
    for name in [key.removeprefix("kept/") for key in memory if key.startswith("kept/")]:
        kept = memory[f"kept/{name}"]
        told = (probs @ kept.flatten(1)).reshape(kept.shape[1:])
        found[f"waiting/{name}"] = memory[f"waiting/{name}"] + told
        for part in ("all", "kept"):
            found[f"{part}/{name}"] = torch.zeros_like(kept)
    return found
