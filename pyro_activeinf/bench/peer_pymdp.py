"""pymdp's side of a measurement; run by an interpreter that has it, and by itself.

It answers the same requests as :mod:`~pyro_activeinf.bench.worker`, over the same pipes, and
imports nothing of this library. Each task is compiled as a whole by ``jax.jit``, with the agent as
an argument, as pymdp's own guide to its ``rollout`` does; observations come as NumPy arrays.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import gc
import json
import os
import platform
import re
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any


class Task(ABC):
    """A problem that is set up; one call does it once, and waits until it is done."""

    def __init__(self, problem: dict[str, Any]) -> None:
        import jax
        import jax.numpy as jnp
        import numpy as np

        self.jax, self.problem, self.world = jax, problem, problem["world"]
        self.agent = agent_of(problem)
        self.first, self.second = (
            [np.array(rows)[:, None] for rows in zip(*self.world[step], strict=True)]
            for step in ("first", "second")
        )
        self.action = jnp.array(self.world["action"])
        self.belief = self.agent.infer_states(self.first, empirical_prior=self.agent.D)
        self.count = 0
        self.result: Any = None

    def compiled(self, function: Any) -> Any:
        """A function of the agent and more, compiled; it may be called with another agent."""
        return partial(self.jax.jit(function), self.agent)

    def key(self) -> Any:
        """Another random key for each call."""
        self.count += 1
        return self.jax.block_until_ready(self.jax.random.PRNGKey(self.count))

    def once(self) -> float:
        """Seconds of a call."""
        key = self.key()
        begin = time.perf_counter()
        self.result = self.jax.block_until_ready(self.call(key))
        return time.perf_counter() - begin

    @abstractmethod
    def call(self, key: Any) -> Any:
        """What is timed."""

    @abstractmethod
    def outputs(self) -> dict[str, Any]:
        """The numbers that the other side computes as well."""


class Scoring(Task):
    """G of every policy, and the posterior over policies, from a belief."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem)
        self.plan = self.compiled(lambda agent, belief: agent.infer_policies(belief))

    def call(self, key: Any) -> Any:
        """Plan."""
        return self.plan(self.belief)

    def outputs(self) -> dict[str, Any]:
        """Minus G and q(pi)."""
        probs, scores = self.result
        return {"neg_efe": scores.tolist(), "policy_probs": probs.tolist()}


class Updating(Task):
    """A posterior over states from a prior and an observation."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem)
        self.prior = self.agent.update_empirical_prior(self.action, self.belief)
        self.update = self.compiled(infer_states)

    def call(self, key: Any) -> Any:
        """Update."""
        return self.update(self.second, self.prior)

    def outputs(self) -> dict[str, Any]:
        """Marginals."""
        return belief_numbers(self.result)


class UpdatingFixed(Updating):
    """The same, compiled for one model that can never change."""

    def compiled(self, function: Any) -> Any:
        """A function compiled with the agent's arrays as constants."""
        return self.jax.jit(partial(function, self.agent))


class Stepping(Task):
    """A whole step: perceive, plan, act."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem)
        from pymdp.envs.rollout import infer_and_plan

        self.step = self.compiled(lambda *arguments: infer_and_plan(*arguments)[1:])

    def call(self, key: Any) -> Any:
        """The peer's own step."""
        return self.step(self.belief, self.second, self.action, key)

    def outputs(self) -> dict[str, Any]:
        """Marginals and plan after the second observation."""
        _, belief, info = self.result
        plan = {"neg_efe": info["neg_efe"].tolist(), "policy_probs": info["qpi"].tolist()}
        return {**belief_numbers(belief), **plan}


class Rollout(Task):
    """Agents that live in worlds drawn from their own model, everything recorded."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem)
        from pymdp.envs.env import PymdpEnv
        from pymdp.envs.rollout import rollout

        parents = {name: self.world[name] for name in ("A_dependencies", "B_dependencies")}
        env = PymdpEnv(**arrays_of(self.world, "ABD"), **parents)
        last = problem["steps"] - 1  # the peer counts them from 0
        self.live = self.compiled(lambda agent, key: rollout(agent, env, last, key)[1])

    def call(self, key: Any) -> Any:
        """The peer's own rollout."""
        return self.live(key)

    def outputs(self) -> dict[str, Any]:
        """What was seen and done, and beliefs and plans at the end."""
        info = self.result
        return {
            "observations": [o[..., 0].tolist() for o in info["observation"]],
            "actions": info["action"].tolist(),
            "neg_efe": info["neg_efe"][:, -1].tolist(),
            "policy_probs": info["qpi"][:, -1].tolist(),
            **belief_numbers(info["qs"]),
        }


TASKS: dict[str, type[Task]] = {
    "scoring": Scoring,
    "updating": Updating,
    "updating fixed": UpdatingFixed,
    "stepping": Stepping,
    "rollout": Rollout,
}


def arrays_of(world: dict[str, Any], letters: str) -> dict[str, Any]:
    """The literature's arrays of a world, in float32."""
    import jax.numpy as jnp

    return {name: [jnp.array(x, dtype=jnp.float32) for x in world[name]] for name in letters}


def agent_of(problem: dict[str, Any]) -> Any:
    """The agent of a problem: utility and state information gain, actions from their marginal."""
    import jax.numpy as jnp
    from pymdp.agent import Agent

    given = problem["policies"]
    return Agent(
        **arrays_of(problem["world"], "ABCD"),
        A_dependencies=problem["world"]["A_dependencies"],
        B_dependencies=problem["world"]["B_dependencies"],
        policy_len=problem["horizon"],
        policies=None if given is None else jnp.array(given),
        batch_size=problem["batch"],
        gamma=problem["precision"],
        alpha=problem["precision"],
        use_utility=True,
        use_states_info_gain=True,
        use_param_info_gain=False,
        action_selection="stochastic",
        sampling_mode="marginal",
    )


def infer_states(agent: Any, observation: Any, prior: Any) -> Any:
    """The peer's belief update."""
    return agent.infer_states(observation, empirical_prior=prior)


def belief_numbers(belief: Any) -> dict[str, Any]:
    """The last marginal of each factor."""
    return {f"belief {f}": q[:, -1].tolist() for f, q in enumerate(belief)}


class Worker:
    """Does what it is asked to, problem by problem.

    Args:
        kinds: the tasks by their names.
        name: of the library.
        packages: whose versions are told.
        module: what has to be there.
    """

    def __init__(
        self,
        kinds: dict[str, Any] | None = None,
        name: str = "pymdp",
        packages: tuple[str, ...] = ("inferactively-pymdp", "jax"),
        module: str = "pymdp.agent",
    ) -> None:
        self.kinds: dict[str, Any] = TASKS if kinds is None else kinds
        self.name, self.packages, self.module = name, packages, module
        self.tasks: dict[str, Any] = {}

    def hello(self) -> dict[str, Any]:
        """Name and versions of the libraries."""
        import_module(self.module)
        versions = {name: version(name) for name in self.packages}
        return {"name": self.name, **versions, "python": platform.python_version()}

    def prepare(self, key: str, problem: dict[str, Any]) -> tuple[float, float]:
        """Set a problem up and do it twice; seconds of both calls, the first one compiles."""
        task = self.tasks[key] = self.kinds[problem["task"]](problem)
        first, second = task.once(), task.once()
        return first, second

    def run(self, key: str, calls: int, seconds: float | None) -> list[float]:
        """Do it up to so many times and for so long, at least once; seconds of each call."""
        task = self.tasks[key]
        found = [task.once()]
        end = time.perf_counter() + (float("inf") if seconds is None else seconds)
        while len(found) < calls and time.perf_counter() < end:
            found.append(task.once())
        return found

    def outputs(self, key: str, given: Any) -> dict[str, Any]:
        """The numbers of the last call."""
        return self.tasks[key].outputs()

    def settle(self) -> int:
        """Free what can be freed, and count the peak from now on, where the system can do that."""
        gc.collect()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return self.peak()

    def peak(self) -> int:
        """The most memory that this process has held, in bytes."""
        return largest_resident_set()

    def clear(self) -> None:
        """Forget all problems, and what was compiled for them."""
        import jax

        self.tasks.clear()
        jax.clear_caches()


def largest_resident_set() -> int:
    """The most memory that this process has held, in bytes.

    Linux tells it for the program alone; its ``ru_maxrss`` would be that of the parent process,
    where that was larger when it started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())[0]) * 1024
    import resource  # not on every system

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def answer(worker: Worker, line: str) -> str:
    """The answer to one request, both as a line of JSON."""
    request = json.loads(line)
    verb = request.pop("do")
    try:
        return json.dumps({"ok": getattr(worker, verb)(**request)})
    except (TypeError, ValueError, RuntimeError, MemoryError, ImportError) as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


def main(worker: Worker | None = None) -> None:
    """Answer requests until there are no more, on one core where a process can choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = worker or Worker()
    for line in sys.stdin:
        print(answer(worker, line), file=pipe, flush=True)


if __name__ == "__main__":
    main()
