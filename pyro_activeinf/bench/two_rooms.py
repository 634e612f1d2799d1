"""Two rooms by levels, and flat: what planning costs, and how often the goal is reached in time.

``python -m pyro_activeinf.bench.two_rooms --output docs/results`` writes ``two_rooms.json`` and
``two_rooms.png``. Both agents know the world ``pyro_activeinf/TwoRooms-v0``. The flat one scores
every policy that is as long as the longest way; the other one has the walk of a leg below the legs
of the way, so that its two short horizons reach as far. Both live through the same chances.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gymnasium as gym
import numpy as np
import pyro
import torch

from ..agents import Actor, Agent, HierarchicalAgent, Level
from ..demo.files import writable_folder, write
from ..demo.proportion import Proportion
from ..filters import ExactFilter, Filter
from ..models import RoomLegs, RoomWalk, next_to_aim, rooms
from ..planning import OpenLoop, Planner
from ..records import Belief, ExpectedFreeEnergyTerms, PolicyPosterior, Trajectory
from ..rollout import rollout

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WORLD, EPISODES, LIMIT, SEED = "pyro_activeinf/TwoRooms-v0", 500, 14, 0
WALK, LEGS, REACH = 5, 2, 9  # horizons; the longest way takes so many moves


class Remembering(Planner):
    """What another planner does first from a belief, found once for each belief.

    Args:
        planner: what is asked; of its posterior only that over first actions is kept.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self._found: dict[bytes, torch.Tensor] = {}

    def __call__(self, filter: Filter, belief: Belief) -> PolicyPosterior:
        """Probabilities of the first action, as policies of one step."""
        if not isinstance(filter, ExactFilter):
            raise TypeError("beliefs of an exact filter are remembered")
        each = belief.reshape(belief.batch_shape.numel())
        rows = filter.pack(each).numpy()  # type: ignore[arg-type]
        probs = torch.stack([self._of(filter, each, i, row) for i, row in enumerate(rows)])
        probs = probs.reshape(*belief.batch_shape, -1)
        count = probs.shape[-1]
        none = ExpectedFreeEnergyTerms(probs.new_zeros(*probs.shape, 1, 4, 1), ())
        policies = torch.arange(count)[:, None]
        return PolicyPosterior(policies, none, -probs.log(), probs, probs)

    def _of(self, filter: Filter, each: Belief, i: int, row: np.ndarray) -> torch.Tensor:
        key = row.tobytes()
        if key not in self._found:
            found = self.planner(filter, each.take(torch.tensor([i])))
            self._found[key] = found.action_probs[0]
        return self._found[key]


def by_levels() -> HierarchicalAgent:
    """A walk below the legs of a way."""
    walks, legs = (OpenLoop(horizon, precision=math.inf) for horizon in (WALK, LEGS))
    walk = Level(RoomWalk(), walks, steps_per_update=WALK + 3, until=next_to_aim)
    return HierarchicalAgent([walk, Level(RoomLegs(), legs)])


def flat() -> Agent:
    """One model, and every policy that is as long as the longest way."""
    return Agent(rooms(), planner=Remembering(OpenLoop(REACH, precision=math.inf)))


WALKERS = {"levels": by_levels, "flat": flat}


@dataclass(frozen=True)
class Walked:
    """What one kind of agent did."""

    walker: str
    reached: list[bool]  # of each episode: whether the goal was reached in time
    moves: list[int]  # of each episode
    scored: list[int]  # of each episode: policies of all levels

    @property
    def share(self) -> Proportion:
        """In how many episodes the goal was reached."""
        return Proportion(sum(self.reached), len(self.reached))

    @property
    def per_move(self) -> float:
        """Policies that were scored for a move."""
        return sum(self.scored) / sum(self.moves)


def walk(walker: str, episodes: int, seed: int = SEED) -> Walked:
    """Let one kind of agent walk."""
    pyro.set_rng_seed(seed)
    agent: Actor = WALKERS[walker]()
    env = gym.make_vec(WORLD, num_envs=episodes, vectorization_mode="sync")
    found = rollout(agent, env, steps=LIMIT, progress=False, keep_policies=False)
    reached = found.rewards.nan_to_num(0.0).sum(-1) > 0
    moves = (found.actions >= 0).sum(-1)
    return Walked(walker, reached.tolist(), moves.tolist(), _scored(found).tolist())


def _scored(found: Trajectory) -> torch.Tensor:
    """Policies that were scored in each episode, ``(episodes,)``."""
    acts = found.actions >= 0
    actions = found.action_probs.shape[-1]
    if not found.messages:
        return acts.sum(-1) * actions**REACH
    legs = (found.messages[1].ticks[..., 1:] == 1) & acts[..., :-1]
    aims = int(RoomLegs.actions.n)
    return acts.sum(-1) * actions**WALK + legs.sum(-1) * aims**LEGS


def figure_of(results: Sequence[Walked]) -> Figure:
    """What planning costs, and how many have reached the goal after how many moves."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(7.2, 2.8), layout="constrained")
    reach, cost = page.subplots(1, 2, width_ratios=(3, 2))
    styles = (("#0072B2", "-"), ("#D55E00", "--"))
    for one, (color, style) in zip(results, styles, strict=False):
        moves = np.where(one.reached, one.moves, LIMIT + 1)
        share = [(moves <= t).mean() for t in range(LIMIT + 1)]
        reach.plot(range(LIMIT + 1), share, style, color=color, label=one.walker)
    reach.set(xlabel="moves", ylabel="share at the goal", ylim=(0, 1.02))
    reach.legend(frameon=False)
    heights = [one.per_move for one in results]
    colors = [color for color, _ in styles[: len(results)]]
    cost.bar(range(len(results)), heights, color=colors)
    cost.set_xticks(range(len(results)), [one.walker for one in results])
    cost.set(yscale="log", ylim=(1, None), ylabel="policies scored for a move")
    for axes in (reach, cost):
        axes.spines[["top", "right"]].set_visible(False)
    return page


def run(output: Path, episodes: int = EPISODES) -> list[Walked]:
    """Let both agents walk, and write ``two_rooms.json`` and ``two_rooms.png``.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    writable_folder(output)
    results = [walk(walker, episodes) for walker in WALKERS]
    text = json.dumps([asdict(one) for one in results]) + "\n"
    write(output / "two_rooms.json", lambda path: path.write_text(text))
    write(output / "two_rooms.png", lambda path: figure_of(results).savefig(path, dpi=200))
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m pyro_activeinf.bench.two_rooms", description=__doc__
    )
    parser.add_argument("--output", type=Path, default=Path("docs/results"), metavar="DIR")
    parser.add_argument("--episodes", type=int, default=EPISODES, metavar="N")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for one in run(options.output, options.episodes):
        print(one.walker, one.share, np.mean(one.moves), one.per_move)  # noqa: T201


if __name__ == "__main__":
    main()
